/*
 * One position for both sides: tables that are followed are compared with the source as of the position of its snapshot.
 * Every commit that follows the source says in firn.position what the table has with it (docs/FOLLOW.md).
 */
#ifndef FIRN_VALIDATE_JOINT_POINT_H
#define FIRN_VALIDATE_JOINT_POINT_H

#include "catalog/catalog.h"

/* The newest snapshot of the current branch that has nothing from behind the position; *ret_snapshot NULL: the table had no
 * rows yet. It has all before it where whoever follows was brought there. False: it is not known to be there any more, or
 * the table has had another schema since. */
bool joint_point_find(const table_metadata *table, const char *position, const snapshot **ret_snapshot);

#endif
