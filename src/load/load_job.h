/*
 * The bulk job: tables of one source → Iceberg tables, all as of one point in time, one commit per
 * table.
 *
 *   table workers (parallel_workers)  take tables, biggest first: describe, plan, commit
 *     readers (parallel_tables)       take splits of the table: one connection each → batches
 *       lanes (a few per table)       batches → one open data file each
 *
 * A failed split is opened again under the same snapshot and the rows that were delivered already are
 * passed over (the order of a split's rows is the same under one snapshot). A table that finds the disk full
 * or the storage away is loaded again from its beginning, under the same snapshot too. A table that fails
 * for good is marked failed, the others go on.
 */
#ifndef FIRN_LOAD_LOAD_JOB_H
#define FIRN_LOAD_LOAD_JOB_H

#include "base/uuid.h"
#include "batch/row_checksum.h"
#include "catalog/catalog.h"
#include "load/load_events.h"
#include "source/source.h"
#include "task/task.h"

/* One table's settings: the source's defaults with the table's own laid over. */
typedef struct load_table_config {
    const char        *name;
    table_rules        rules;
    const char *const *partition_by; /* "month(CREATED)", … as in sources.yaml */
    unsigned           partition_by_count;
    const char *const *sort_by; /* "ID", "ID desc nulls last" */
    unsigned           sort_by_count;
    int                format_version; /* 2 or 3; 0: 2 */
} load_table_config;

/* A load's point in time, with a name of its own. */
typedef struct kept_point {
    source_point point;
    char         plan[UUID_TEXT_SIZE];
} kept_point;

/* Keeps a load's point for some time after the load has died: another process, in earnest. One of a source at a time. */
typedef struct load_keeper {
    void *state;
    /* What an earlier run has had kept and may go on with; it is kept as long as this run lives. False: nothing. */
    bool (*find)(void *state, kept_point *ret_kept);
    /* Begins to keep a point that this process holds, and returns when it is kept. Any thread. */
    firn_status (*keep)(void *state, const kept_point *kept, firn_error *err);
    /* Ends what is kept, by whomever it was begun. */
    void (*end)(void *state);
} load_keeper;

typedef struct load_settings {
    const char        *source_name; /* "dev_siebel" */
    const char        *schema_name; /* the database schema: "public" */
    const char *const *namespace_levels;
    unsigned           namespace_level_count;
    const char *const *table_filters; /* SQL LIKE, any of them; none: all tables */
    unsigned           table_filter_count;
    const char *const *table_names; /* of those, only these; none: all of them */
    unsigned           table_name_count;
    unsigned           parallel_workers; /* tables at the same time */
    unsigned           parallel_tables;  /* connections (splits) per table */
    uint64_t           batch_rows;       /* most rows in a batch */
    uint64_t           large_table_rows; /* large_table_threshold */
    uint64_t           memory_bytes;
    uint64_t           target_file_size_bytes; /* 0: 512 MiB */
    unsigned           retry_max;
    uint64_t           retry_backoff_ms; /* retry_backoff in seconds × 1000 */
    bool               skip_empty_tables;
    bool               resume;      /* false: --no-resume, loaded tables are read again and replaced */
    bool               fresh_start; /* drop the source's tables first; the caller has asked for confirmation */
    bool               schema_only; /* tables without rows */
    load_table_config        defaults; /* name NULL */
    const load_table_config *tables;   /* per table, where configured */
    unsigned                 table_config_count;
    const char              *correlation_id;
    const char              *state_folder; /* of this source, on this machine, whose lock the caller has: pending files and
                                            * finished splits; NULL: none */
    const char              *run_id;       /* names this run's list in it, once; NULL: one is made */
    const load_keeper       *keeper;       /* NULL: what is not committed is lost with the process */
    uint64_t checkpoint_batches; /* batches of batch_rows that each connection reads until the files at work are closed
                                  * and their splits noted; 0: only full files are */
} load_settings;

typedef enum load_state { LOAD_PENDING, LOAD_IN_PROGRESS, LOAD_COMPLETED, LOAD_FAILED, LOAD_SKIPPED } load_state;
const char *load_state_name(load_state state); /* "pending", … as in _cdc_status */

typedef struct load_table_result {
    const char *name;
    load_state  state;
    bool        unchanged;   /* was loaded before; nothing read */
    const char *reason;      /* why skipped or failed, or NULL */
    firn_error *error;       /* failed: the whole of it */
    uint64_t    row_count, source_bytes, file_bytes, coerced_count;
    unsigned    file_count;
    int64_t     started_us, ended_us;
    char        position[64]; /* of this table's rows; an earlier load's where unchanged */
    char        checksum[ROW_CHECKSUM_TEXT_MAX]; /* of its rows, as in the snapshot's firn.rows-checksum; or "" */
    unsigned           key_count; /* the key's columns */
    const char *const *key_names;
    firn_arena         arena; /* all texts here but `name` */
} load_table_result;

typedef struct load_result {
    source_point       point;
    unsigned           done_count, unchanged_count, failed_count, skipped_count;
    uint64_t           row_count, source_bytes, file_bytes;
    uint64_t           elapsed_ms;
    unsigned           table_count;
    load_table_result *tables; /* in the order of the plan */
    firn_arena         arena;
} load_result;
void load_result_done(load_result *result);

/* What a dry run says about a table. */
typedef struct load_preview {
    const source_description *description;
    const load_table_config  *config;
    unsigned                  split_count;
} load_preview;

/* Runs the job. FIRN_OK: every table is done or skipped; FIRN_FAILED: some failed, the result says which;
 * anything else: the job could not run (ret_result is filled as far as it came, always done-able).
 * Owns nothing; `events` may be NULL. */
FIRN_MUST_USE firn_status load_run(const load_settings *settings, source *src, catalog *lake,
                                   const load_events *events, task_cancel *cancel, load_result *ret_result,
                                   firn_error *err);

/* Names of the lake's tables that --fresh-start would drop, a line each, in `out`: for people. */
FIRN_MUST_USE firn_status load_fresh_start_list(const load_settings *settings, catalog *lake, firn_buffer *out,
                                                firn_error *err);

/* --dry-run: describes and plans, reads and writes nothing. `visit` is called once a table. */
FIRN_MUST_USE firn_status load_dry_run(const load_settings *settings, source *src, source_point *ret_point,
                                       firn_status (*visit)(void *state, const load_preview *preview, firn_error *err),
                                       void *state, firn_error *err);

#endif
