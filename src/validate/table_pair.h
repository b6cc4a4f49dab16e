/*
 * One table on both sides: which columns are compared, and reading all rows of both with several threads.
 *
 * Columns: those of the same name whose types hold the same values (the lake's may be wider); the others are differences
 */
#ifndef FIRN_VALIDATE_TABLE_PAIR_H
#define FIRN_VALIDATE_TABLE_PAIR_H

#include "catalog/catalog.h"
#include "scan/scan_reader.h"
#include "source/source.h"
#include "task/task.h"

typedef struct table_pair {
    /* Given; borrowed. */
    source               *src;
    storage              *files;
    task_cancel          *cancel;
    const table_metadata *table;
    const snapshot       *snap; /* of the table; NULL: no rows */
    source_description   *described;
    unsigned              connection_count;
    uint64_t              large_table_rows;
    size_t                memory_bytes;
    /* Found by table_pair_match; in the arena. */
    unsigned              column_count;
    const unsigned       *source_columns; /* of the described schema */
    const unsigned       *lake_columns;   /* of lake_schema: 0, 1, 2, … */
    table_schema         *lake_schema;    /* the projection, a reference */
    unsigned              key_count;      /* 0: the whole row */
    const unsigned       *source_key, *lake_key;
    bool                  has_order; /* of the key's first column: key_ranges.h */
    unsigned              difference_count;
    const char          **differences;
    firn_arena           *arena;
} table_pair;

FIRN_MUST_USE firn_status table_pair_match(table_pair *pair, firn_arena *arena, firn_error *err);
void                      table_pair_done(table_pair *pair);

/* Rows that a worker has read. `key_hashes` and `row_hashes` have one number a row. */
typedef struct pair_rows {
    unsigned                 worker; /* 0 … pair_worker_count - 1 */
    bool                     is_source;
    const table_schema      *schema;
    const struct ArrowArray *rows;
    const unsigned          *columns; /* the compared columns in it */
    const unsigned          *key;     /* pair->key_count of them */
    const uint64_t          *key_hashes, *row_hashes;
    const scan_task         *task;      /* lake */
    const uint64_t          *positions; /* lake: row numbers in the task's data file */
} pair_rows;

typedef firn_status (*pair_visit)(void *state, const pair_rows *rows, firn_error *err);

unsigned table_pair_worker_count(const table_pair *pair);

/* A pass over both sides; what tasks point to lives as long as it. */
typedef struct pair_pass pair_pass;
FIRN_MUST_USE firn_status pair_pass_run(const table_pair *pair, pair_visit visit, void *state, pair_pass **ret_pass,
                                        firn_error *err);
void                      pair_pass_free(pair_pass *pass);
FIRN_DEFINE_FREEP(pair_pass, pair_pass_free)
/* Workers below this number read the source, the others the lake. */
unsigned pair_pass_source_worker_count(const pair_pass *pass);
uint64_t pair_pass_row_count(const pair_pass *pass, bool of_source);

#endif
