/*
 * Source against lake: counts, keys and types of every table; with `deep` every value; with `repair` the rows that differ
 * are written anew.
 *
 * Point:   the source is read as of one snapshot. Tables that are followed are read as of its position, where `guide` can
 *          bring the lake there (deep, repair); the others as of their current snapshot when their turn comes: what the
 *          source changed since their position is a difference, and is said to be possibly no more than that.
 * Deep:    rows of both sides are hashed, by their key into buckets; buckets whose sums agree hold the same rows
 *          (row_checksum.h). Where all agree, each side was read once. Else both are read again for the buckets that
 *          differ, down to the keys, and once more for their values, columns and ranges. Order, files, splits and batches do not matter.
 * Keyless: the whole row is the key; a row counts as often as it is there.
 * Resync:  a repair at the consistent point of a slot that is made for it; the commit that makes a table equal says that it
 *          is there (state/table_resync.h), one of properties alone where nothing differed. More differences than memory
 *          holds: in several commits, of which the last one says so
 * Repair:  one commit a table: rows of differing keys are deleted by position, the source's rows of these keys appended
 * Memory:  memory_bytes, shared by the tables at work; where more rows differ than fit, a part of them is shown (and
 *          repaired: the next run goes on)
 * Threads: table_worker_count tables at a time, each read by its own threads
 */
#ifndef FIRN_VALIDATE_VALIDATE_JOB_H
#define FIRN_VALIDATE_VALIDATE_JOB_H

#include "catalog/catalog.h"
#include "source/source.h"
#include "task/task.h"
#include "write/pending_files.h"

typedef enum validate_state {
    VALIDATE_EQUAL,
    VALIDATE_DIFFERENT,
    VALIDATE_MISSING, /* in the source only */
    VALIDATE_EXTRA,   /* in the lake only */
    VALIDATE_REPAIRED,
    VALIDATE_FAILED, /* it could not be told: `error` */
} validate_state;

typedef enum difference_kind { DIFFERENCE_ONLY_SOURCE, DIFFERENCE_ONLY_LAKE, DIFFERENCE_VALUES } difference_kind;

/* A column of a row that differs; NULL: null, or there is no such row. */
typedef struct value_difference {
    const char *column, *source, *lake;
} value_difference;

typedef struct row_difference {
    difference_kind         kind;
    const char             *key; /* "id=5, line=2" */
    unsigned                value_count;
    const value_difference *values; /* DIFFERENCE_VALUES: the columns that differ */
} row_difference;

/* Keys from the first to the last one that differs, and all rows of both sides between them. */
typedef struct range_difference {
    const char *first, *last; /* as in row_difference.key */
    uint64_t    key_count;    /* that differ */
    uint64_t    source_rows, lake_rows;
} range_difference;

#define VALIDATE_SHOWN_ROWS_MAX 10

typedef struct validate_table_result {
    const char         *name;
    validate_state      state;
    bool                counted;    /* source_rows and lake_rows are known */
    uint64_t            source_rows, lake_rows;
    uint64_t            null_keys, duplicate_keys; /* rows of the lake */
    unsigned            type_difference_count;
    const char *const  *type_differences; /* "column 'a' is string in the lake, int in the source" */
    bool                compared;         /* deep */
    bool                is_partial;       /* there are more differences than were looked at */
    uint64_t            only_source, only_lake, changed; /* rows; keys for `changed` */
    unsigned            shown_count;
    const row_difference *shown;
    unsigned            column_difference_count;
    const char *const  *column_differences; /* columns whose sums over the keys of `changed` differ */
    unsigned            range_count; /* 0: none differ, or their keys have no order */
    const range_difference *ranges;
    uint64_t            repaired_keys;
    const char         *lake_position; /* NULL: not known */
    const char         *compared_at;   /* the position of both sides; NULL: it may not be the same */
    int64_t             snapshot_id;   /* that was read; 0: none */
    firn_error         *error;
    int64_t             elapsed_ms;
    firn_arena          arena;
} validate_table_result;

typedef struct validate_result {
    source_point           point;
    bool                   is_joint; /* the followed tables were brought to the point */
    unsigned               table_count;
    validate_table_result *tables; /* by name */
    unsigned               equal_count, different_count, missing_count, extra_count, failed_count, repaired_count;
    int64_t                elapsed_ms;
    firn_arena             arena;
} validate_result;
void validate_result_done(validate_result *result);

/* Who brings the tables that are followed to the source's point: cli/ knows how. */
typedef struct validate_guide {
    /* Before the snapshot of the source: from now on the lake does not come to it. False: that cannot be said. */
    firn_status (*begin)(void *state, bool *ret_ready, firn_error *err);
    /* What committed before the position is in each followed table, in snapshots that say no later position; what came
     * after it, if anything, is in later ones. False: it is not. */
    firn_status (*bring)(void *state, const char *position, bool *ret_there, firn_error *err);
    /* After begin, in any case. */
    void (*end)(void *state);
    void         *state;
    source_teller teller; /* of the snapshot */
} validate_guide;

typedef struct validate_settings {
    const char        *schema_name;
    const char *const *namespace_levels;
    unsigned           namespace_level_count;
    bool (*wants)(const void *state, const char *table); /* NULL: all */
    const table_rules *(*rules_of)(const void *state, const char *table);
    const void        *state;       /* of the two */
    bool               check_missing; /* tables that are on one side only */
    bool               deep, repair;  /* repair: deep is meant too */
    const source_teller *resync; /* repair becomes a resync, and this hears of its slot; NULL: it does not */
    unsigned           table_worker_count, connection_count; /* tables at a time, connections per table */
    uint64_t           large_table_rows;
    uint64_t           memory_bytes;
    const validate_guide *guide; /* NULL: the lake is compared as it is */
    pending_files     *pending; /* repair: where files are noted; NULL: nowhere */
    const char        *correlation_id;
    /* Called after each table, from any of the workers; may be NULL. */
    void (*tell)(void *tell_state, const validate_table_result *table);
    void *tell_state;
} validate_settings;

/* The result has all tables whatever is returned. FIRN_FAILED: VALIDATE_DIFFERS, something differs (what was repaired does
 * not count); VALIDATE_TABLES_FAILED, a table could not be told. */
FIRN_MUST_USE firn_status validate_run(const validate_settings *settings, source *src, catalog *lake,
                                       task_cancel *cancel, validate_result *ret_result, firn_error *err);

const char *validate_state_name(validate_state state);

#endif
