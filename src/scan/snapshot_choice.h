/*
 * Which snapshot of a table is read, and the schema that goes with it.
 *
 * Schema: of the snapshot for an id, a time and a tag; the table's current one otherwise (as Spark has it)
 */
#ifndef FIRN_SCAN_SNAPSHOT_CHOICE_H
#define FIRN_SCAN_SNAPSHOT_CHOICE_H

#include "iceberg/table_metadata.h"

typedef struct snapshot_choice {
    bool        by_id, by_time; /* at most one of the three */
    int64_t     snapshot_id;
    int64_t     as_of_ms;
    const char *ref; /* a branch or tag; NULL: not asked for */
} snapshot_choice;

/* *ret_snap NULL: the table has no snapshot yet. FIRN_NOT_FOUND (SCAN_SNAPSHOT) for one that is not there; a schema
 * with types that firn has not is FIRN_UNSUPPORTED. Both are borrowed from `table`. */
FIRN_MUST_USE firn_status snapshot_choose(const table_metadata *table, const snapshot_choice *choice,
                                          const snapshot **ret_snap, table_schema **ret_schema, firn_error *err);

#endif
