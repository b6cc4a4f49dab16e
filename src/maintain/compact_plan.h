/*
 * Which data files are worth writing anew, and in what groups: pure.
 *
 * A file is taken where it
 *   small   has less than three quarters of the size that files are to have: for company
 *   large   has more than 1.8 times that
 *   old     is of another partition spec than the table's default
 *   dirty   has rows deleted by equality deletes at all (readers pay for these at every row), or at least
 *           delete_ratio_percent of its rows by positions. By default 5 in position delete files (DuckDB's scan takes 1.3
 *           times as long then, and 2.6 times at 30), 10 in deletion vectors (1.4 times at 15; docs/PERFORMANCE.md)
 * Files are to have write.target-file-size-bytes (512 MiB), or a quarter of the table if that is less, but 64 MiB at least: some
 * readers (DuckDB's iceberg_scan) give each file to one thread, and a file that is not small is not written again for the sake of
 * the few that came since.
 * A group is files of one spec and partition, in the order of the table's first sort column where it has one, else
 * of their age, that make one file of that size. It is done where it holds a large, old or dirty file, has
 * COMPACT_FILES_MIN files, or makes a full file.
 */
#ifndef FIRN_MAINTAIN_COMPACT_PLAN_H
#define FIRN_MAINTAIN_COMPACT_PLAN_H

#include "iceberg/manifest_file.h"
#include "iceberg/table_metadata.h"

#define COMPACT_FILES_MIN 5
#define COMPACT_DELETE_FILE_RATIO_PERCENT 5u
#define COMPACT_DELETION_VECTOR_RATIO_PERCENT 10u

typedef struct compact_file {
    const manifest_entry        *data;
    unsigned                     delete_count;
    const manifest_entry *const *deletes; /* that apply to it */
    bool                         is_forced; /* large, old or dirty; filled in */
    int64_t                      live_size_bytes, live_row_count; /* about; filled in */
} compact_file;

typedef struct compact_group {
    compact_file *const *files;
    unsigned             file_count;
    int64_t              size_bytes; /* of the files as they are */
} compact_group;

typedef struct compact_plan {
    compact_group *groups;
    size_t         group_count;
    int64_t        file_count, size_bytes, result_count; /* of all groups; result_count: files that they become, about */
} compact_plan;

/* delete_ratio_percent 0: the defaults. The arrays live in the arena; `files` is borrowed and filled in. */
FIRN_MUST_USE firn_status compact_plan_make(const table_metadata *table, compact_file files[], size_t file_count,
                                            unsigned delete_ratio_percent, firn_arena *arena, compact_plan *ret_plan,
                                            firn_error *err);
/* Of the property, or its default. */
int64_t compact_target_size(const table_metadata *table);
/* What files are to have now. */
int64_t compact_file_size(const table_metadata *table);
/* Files below it are small. */
int64_t compact_small_size(const table_metadata *table);

#endif
