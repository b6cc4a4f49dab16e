/*
 * What `firn maintain` shall do to a table, and what it has done: shared by the command and by follow, which maintains
 * what it writes.
 */
#ifndef FIRN_MAINTAIN_MAINTAIN_SETTINGS_H
#define FIRN_MAINTAIN_MAINTAIN_SETTINGS_H

#include "catalog/catalog.h"
#include "task/task.h"
#include "write/pending_files.h"

/* In the order in which they are done. */
typedef enum maintain_step {
    MAINTAIN_COMPACT = 1 << 0,   /* small files and files with many deleted rows are written anew */
    MAINTAIN_DELETES = 1 << 1,   /* delete files are put together; those that apply to nothing go */
    MAINTAIN_MANIFESTS = 1 << 2, /* small manifests are put together */
    MAINTAIN_EXPIRE = 1 << 3,    /* old snapshots and metadata files, and what only they hold */
    MAINTAIN_ORPHANS = 1 << 4,   /* files that nothing refers to */
    MAINTAIN_ALL = (1 << 5) - 1,
} maintain_step;

#define MAINTAIN_ORPHAN_AGE_MS (INT64_C(3) * 24 * 3600 * 1000)

typedef struct maintain_settings {
    unsigned    steps; /* a set of maintain_step */
    bool        dry_run;
    int64_t     snapshot_age_ms; /* expire older ones; -1: as the table says (history.expire.max-snapshot-age-ms, 5 days) */
    int64_t     retain_last;     /* of each branch; 0: as the table says (history.expire.min-snapshots-to-keep, 1) */
    int64_t     orphan_age_ms;   /* 0: MAINTAIN_ORPHAN_AGE_MS */
    unsigned    delete_ratio_percent; /* files with as many of their rows deleted are written anew; 0: compact_plan.h's */
    size_t      memory_bytes;
    unsigned    worker_count;    /* threads that rewrite files; at least 1 */
    const char *correlation_id;  /* to each snapshot; NULL: none */

    pending_files *pending; /* where new data files are noted; NULL: nowhere */
    /* The folder below which all runs keep their lists of pending files: what these name is no orphan. NULL: none. */
    const char *pending_root;
} maintain_settings;

/* How much one call may do; the rest is for the next call. 0: no limit. */
typedef struct maintain_budget {
    uint64_t input_bytes_max; /* of data files that are written anew */
} maintain_budget;

/* What a reader of the table has to go through. */
typedef struct table_figures {
    int64_t data_file_count, data_bytes;
    int64_t small_file_count; /* data files below three quarters of the target, which compaction puts together */
    int64_t delete_file_count, delete_bytes; /* deletion vectors count as files */
    int64_t row_count, deleted_row_count;    /* rows in data files; positions in delete files */
    int64_t manifest_count, snapshot_count;
} table_figures;

typedef struct maintain_result {
    table_figures before, after; /* dry run: `after` as foreseen */
    int64_t       rewritten_file_count, rewritten_bytes, written_file_count, written_bytes;
    int64_t       dropped_group_count; /* groups of files that another writer changed meanwhile: left for the next run */
    int64_t       expired_snapshot_count, removed_ref_count;
    int64_t       removed_file_count, removed_bytes; /* of expired snapshots, and metadata files */
    int64_t       orphan_file_count, orphan_bytes;
    int64_t       foreign_file_count; /* would go, but lie outside of the table's folder */
    bool          more;               /* the budget ended it: there is more to do */
    char          note[256];          /* why a step was left out; "" */
} maintain_result;

/* Adds to the note. */
void maintain_result_note(maintain_result *result, const char *text, ...) FIRN_PRINTF(2, 3);

#endif
