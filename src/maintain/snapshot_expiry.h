/*
 * Which snapshots and refs of a table are too old: pure, by the rules of the spec ("Snapshot Retention Policy") with the
 * defaults of the reference implementation. A ref's own settings are stronger than the table's and the caller's. Snapshots
 * that no ref leads to (staged ones) go by age alone.
 */
#ifndef FIRN_MAINTAIN_SNAPSHOT_EXPIRY_H
#define FIRN_MAINTAIN_SNAPSHOT_EXPIRY_H

#include "iceberg/table_metadata.h"

typedef struct snapshot_expiry {
    int64_t     *snapshots;
    unsigned     snapshot_count;
    const char **refs;
    unsigned     ref_count;
} snapshot_expiry;

/* max_age_ms -1, keep_min 0: as the table's properties say. Arrays live in the arena; names are the table's. */
FIRN_MUST_USE firn_status snapshot_expiry_decide(const table_metadata *table, int64_t max_age_ms, int64_t keep_min,
                                                 int64_t now_ms, firn_arena *arena, snapshot_expiry *ret_expiry,
                                                 firn_error *err);

#endif
