/*
 * The lake's schema for a table that is loaded again: columns that are the same keep their field ids,
 * so that older snapshots and other writers' settings still speak of the same columns.
 */
#ifndef FIRN_LOAD_LOAD_SCHEMA_H
#define FIRN_LOAD_LOAD_SCHEMA_H

#include "iceberg/table_metadata.h"

/* The columns of `described`, in its order, with the ids of `table`'s current schema where name and type are
 * the same, and new ones above its last column id elsewhere. *ret_same: nothing differs from the current. */
FIRN_MUST_USE firn_status load_schema_adopt(const table_metadata *table, const table_schema *described,
                                            table_schema **ret_schema, bool *ret_same, firn_error *err);

#endif
