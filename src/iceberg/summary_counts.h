/*
 * What a snapshot added and removed, as its summary tells it (spec, appendix F, "Optional Snapshot Summary
 * Fields"); names and totals as the reference implementation computes them.
 */
#ifndef FIRN_ICEBERG_SUMMARY_COUNTS_H
#define FIRN_ICEBERG_SUMMARY_COUNTS_H

#include "iceberg/data_file.h"
#include "iceberg/snapshot.h"

#define SUMMARY_COUNTS_ENTRIES_MAX 32

typedef struct summary_counts_side {
    int64_t data_files, delete_files, equality_delete_files, position_delete_files, vectors;
    int64_t records, position_deletes, equality_deletes, size_bytes;
} summary_counts_side;

typedef struct summary_counts {
    summary_counts_side added, removed;
    int64_t             changed_partition_count;
} summary_counts;

void summary_counts_add(summary_counts_side *side, const data_file *file);
/* At most SUMMARY_COUNTS_ENTRIES_MAX entries; values live in the arena. `previous` NULL: the first snapshot. */
FIRN_MUST_USE firn_status summary_counts_entries(const summary_counts *counts, const snapshot *previous,
                                                 firn_arena *arena, table_property ret_entries[], unsigned *ret_count,
                                                 firn_error *err);

#endif
