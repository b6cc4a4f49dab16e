/*
 * Snapshots and refs taken out of a table's metadata (spec, "Snapshot Retention Policy"; which ones is decided
 * elsewhere). No file is removed.
 *
 * The history (snapshot-log) begins behind the last entry whose snapshot is gone, as the reference implementation does
 * it: time travel must not fall into a gap. Statistics of removed snapshots go with them.
 */
#ifndef FIRN_ICEBERG_SNAPSHOT_REMOVAL_H
#define FIRN_ICEBERG_SNAPSHOT_REMOVAL_H

#include "iceberg/table_change.h"
#include "iceberg/table_metadata.h"

/* On the draft of a new version; new parts live in the arena. FIRN_CONFLICT (CATALOG_CONFLICT): a ref that stays names
 * a snapshot that would go. */
FIRN_MUST_USE firn_status snapshot_removal_apply(const table_change *change, table_metadata *draft, firn_arena *arena,
                                                 firn_error *err);

#endif
