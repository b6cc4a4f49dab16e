/*
 * Interface: a database's tables → splits → batches, as of one point in time.
 *
 * Call order: open (by the concrete constructor), list, prepare, freeze, describe*, plan*,
 * open_split* (from any thread), thaw, free. Everything between freeze and thaw sees one snapshot.
 * Another process's source sees the same one: open, attach instead of freeze, list, describe*, open_split*, thaw.
 * take_over instead of freeze makes it this process's own, whatever becomes of the other.
 */
#ifndef FIRN_SOURCE_SOURCE_H
#define FIRN_SOURCE_SOURCE_H

#include "batch/batch.h"

/* What to do with a value that the Iceberg type cannot hold. */
typedef enum value_policy {
    POLICY_ERROR, /* the table fails, naming column, key and setting */
    POLICY_NULL,
    POLICY_CLAMP, /* nearest value that fits */
    POLICY_ROUND, /* numeric scale: half away from zero, as PostgreSQL; what still does not fit is an error */
    POLICY_TEXT,  /* the column becomes string */
} value_policy;

typedef enum unbounded_numeric_kind { UNBOUNDED_DECIMAL, UNBOUNDED_STRING, UNBOUNDED_DOUBLE } unbounded_numeric_kind;

/* Of one column by name, from `tables: T: types: {column: …}`; later entries win. */
typedef struct column_rule {
    const char  *column;
    bool         excluded;
    bool         has_policy;
    value_policy policy;
} column_rule;

/* How one table is to be read: configuration, borrowed until the source is freed. */
typedef struct table_rules {
    value_policy           policy; /* the source's default */
    unbounded_numeric_kind unbounded_numeric;
    unsigned               unbounded_precision, unbounded_scale; /* UNBOUNDED_DECIMAL */
    bool                   time_as_string;
    const column_rule     *columns;
    unsigned               column_count;
    const char *const     *key; /* overrides the database's key; NULL: none */
    unsigned               key_count;
    const char            *config_file; /* for hints: "config/sources.yaml" */
    const char            *source_name;
} table_rules;

typedef enum table_kind {
    TABLE_ORDINARY,
    TABLE_PARTITIONED,
    TABLE_VIEW,
    TABLE_MATERIALIZED_VIEW,
    TABLE_FOREIGN,
    TABLE_WITHOUT_COLUMNS,
    TABLE_OTHER,
} table_kind;

typedef struct source_table {
    const char *name;    /* as the dictionary gives it */
    table_kind  kind;
    const char *comment; /* or NULL */
    uint64_t    row_estimate;
    uint64_t    size_bytes; /* heap and TOAST, partitions included */
    bool        readable;   /* SELECT is granted */
} source_table;

typedef struct source_tables {
    unsigned      count;
    source_table *tables; /* in the arena given */
} source_tables;

/* One term of the order in which a split's rows shall come; text compares by its UTF-8 bytes. */
typedef struct order_term {
    const char *column;
    bool        descending, nulls_last;
} order_term;

typedef enum key_origin { KEY_NONE, KEY_PRIMARY, KEY_UNIQUE_NOT_NULL, KEY_CONFIGURED } key_origin;

/* What the source knows of a column besides name and type. */
typedef struct column_origin {
    int32_t     place;         /* 0: not known */
    bool        has_default;   /* or is generated: old rows may have got values that nobody told of */
    const char *missing_value; /* the one value that old rows have, as text; NULL: none is known */
} column_origin;

/* One table as it will lie in the lake. Immutable after describe; lives in the arena given there. */
typedef struct source_description {
    const source_table *table;
    table_schema       *schema; /* ids assigned, identifier fields set; referenced */
    key_origin          key_origin;
    const column_origin *origins; /* of the columns; NULL: nothing is known */
    uint32_t            relation_id; /* a table made anew under the same name has another one; 0: not known */
    const void         *detail; /* the implementation's: decoders, SELECT list */
} source_description;

/* One piece of a table; lives in an arena. `text` is opaque outside the implementation. */
typedef struct source_split {
    const source_description *description;
    unsigned                  index;
    uint64_t                  row_estimate, size_bytes_estimate;
    const char               *text; /* e.g. relation oid and ctid range, as one JSON value */
} source_split;

/* What a reader found besides rows. Atomically readable while it runs? No: after the end only. */
typedef struct split_outcome {
    uint64_t row_count;     /* counted by the decoder */
    uint64_t server_count;  /* by the server's command tag */
    uint64_t byte_count;    /* received */
    uint64_t coerced_count; /* values treated by a policy other than error */
} split_outcome;

#define SOURCE_VISIBLE_MAX 2048

typedef struct source_point {
    char identity[128]; /* "postgres:7423…:1" system identifier and timeline: whose position it is */
    char position[64];  /* "3F/9A01C2D8" */
    bool exact;         /* a slot's consistent point, not merely the WAL position near the snapshot */
    bool slot_created;  /* changes are kept from this point on, not from any earlier one */
    char version[64];   /* "PostgreSQL 15.18" */
    char visible[SOURCE_VISIBLE_MAX]; /* which transactions are in it, as pg_current_snapshot() says; "": not known */
    char snapshot[64];  /* what attach and take_over want in another process, until thaw; "": cannot be shared */
} source_point;

/* Hears what a person should know while work goes on; in the thread of the call during which it is told. */
typedef struct source_teller {
    void (*tell)(void *state, bool is_warning, const char *message);
    void *state;
} source_teller;

typedef struct source source;

typedef struct source_ops {
    const char *kind; /* "postgres", "oracle" */
    /* Before freeze: makes in the database what an exact point, and following these tables from it, needs; what
     * cannot be made is told and not an error. Without this call freeze changes nothing in the database. `teller`
     * is borrowed until thaw. NULL: nothing to prepare. */
    firn_status (*prepare)(source *src, const source_table *const tables[], unsigned table_count,
                           const source_teller *teller, firn_error *err);
    /* Appends the names of what earlier loads of this source keep in the database, a line each. FIRN_CONFLICT: in
     * use, by whom is said. NULL: nothing is ever kept. */
    firn_status (*list_kept)(source *src, firn_buffer *out, firn_error *err);
    firn_status (*drop_kept)(source *src, firn_error *err);
    /* Begins the one point in time. */
    firn_status (*freeze)(source *src, source_point *ret_point, firn_error *err);
    /* Instead of freeze: joins the point that another process holds; of `point` identity and snapshot count.
     * FIRN_NOT_FOUND (SNAPSHOT_GONE): nobody holds it any more; FIRN_USAGE (PLAN_MISMATCH): it is of another server.
     * NULL: cannot be joined. */
    firn_status (*attach)(source *src, const source_point *point, firn_error *err);
    /* Instead of freeze: sees the point that another process holds, as attach does, and holds it too from then on;
     * ret_point is `point` with a snapshot of its own. NULL: cannot be taken over. */
    firn_status (*take_over)(source *src, const source_point *point, source_point *ret_point, firn_error *err);
    /* After freeze: FIRN_UNAVAILABLE where the point has been lost. Keeps an idle connection awake. May be NULL. */
    firn_status (*check_held)(source *src, firn_error *err);
    /* Ends it, drops what it made for it. */
    void (*thaw)(source *src);
    firn_status (*list)(source *src, firn_arena *arena, source_tables *ret_tables, firn_error *err);
    firn_status (*describe)(source *src, const source_table *table, const table_rules *rules, firn_arena *arena,
                            source_description **ret_description, firn_error *err);
    /* Between describe and plan: each split's rows shall come in this order. Borrowed until the source is freed. */
    firn_status (*set_order)(source *src, source_description *table, const order_term terms[], unsigned term_count,
                             firn_error *err);
    /* Cuts the table into splits that together hold every row once: at most split_count_max, and
     * one only below large_table_rows estimated rows. */
    firn_status (*plan)(source *src, const source_description *table, unsigned split_count_max,
                        uint64_t large_table_rows, firn_arena *arena, source_split **ret_splits,
                        unsigned *ret_split_count, firn_error *err);
    /* Own connection per reader, same snapshot. Batches of at most batch_rows rows and about
     * batch_bytes bytes. `ret_outcome` is filled when the end of data was reached. Thread-safe. */
    firn_status (*open_split)(source *src, const source_split *split, size_t batch_rows, size_t batch_bytes,
                              split_outcome *ret_outcome, batch_reader **ret_reader, firn_error *err);
    /* The table's rows at the point, counted by the database. Thread-safe. NULL: only by reading them. */
    firn_status (*count)(source *src, const source_description *table, uint64_t *ret_row_count, firn_error *err);
    /* Makes blocked readers return FIRN_CANCELLED. Any thread, async. */
    void (*cancel)(source *src);
    void (*free)(source *src);
} source_ops;

struct source {
    const source_ops *ops;
};

#endif
