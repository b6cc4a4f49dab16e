/*
 * A table whose changes in between are lost is brought to a new slot's point by comparing it with the source (docs/FOLLOW.md, "Resync").
 *
 *   mark   firn.resync = firn.load-position, and no firn.consistent-position: on every table, before the old slot goes
 *   end    firn.position = the point, without firn.resync: in the commit that makes the table equal to the source
 *
 * Between the two nobody may follow the table: what the new slot gives begins behind what it lacks. A table that is loaded
 * anew meanwhile has another load position, and its mark says nothing any more.
 */
#ifndef FIRN_STATE_TABLE_RESYNC_H
#define FIRN_STATE_TABLE_RESYNC_H

#include "catalog/catalog.h"
#include "state/table_properties.h"
#include "task/task.h"

bool table_resync_is_unfinished(const table_metadata *table);

/* A stopped table only loses what it says of all (firn.consistent-position), and stays stopped. */
FIRN_MUST_USE firn_status table_resync_mark(catalog *lake, const table_ident *ident, task_cancel *cancel, firn_error *err);

typedef struct resync_point {
    const char *position, *identity, *visible; /* as in source_point; borrowed */
} resync_point;

/* What a change has of the end; it must live as long as the change. */
typedef struct resync_end {
    table_property properties[8];
    char           applied[64];
    const char    *removed[2];
} resync_end;
void table_resync_fill(const table_metadata *base, const resync_point *point, resync_end *end, table_change *change);

/* Of a table that is equal to the source at the point: a commit of properties. FIRN_FAILED (FOLLOW_FENCED): it was loaded anew
 * meanwhile. */
FIRN_MUST_USE firn_status table_resync_end(catalog *lake, const table_ident *ident, const resync_point *point,
                                           task_cancel *cancel, firn_error *err);
/* Of one that cannot be: it is stopped, with a reason. */
FIRN_MUST_USE firn_status table_resync_give_up(catalog *lake, const table_ident *ident, const char *reason,
                                               task_cancel *cancel, firn_error *err);

#endif
