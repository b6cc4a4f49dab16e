/*
 * Where a column lies: at the top of a table, or below structs. By field ids, so that it holds for any schema of the
 * table.
 */
#ifndef FIRN_SCAN_COLUMN_PATH_H
#define FIRN_SCAN_COLUMN_PATH_H

#include "batch/schema.h"

#define COLUMN_PATH_MAX 16

typedef struct column_path {
    const schema_field *field; /* the column itself */
    unsigned            count; /* ids from the top-level column down to the column, both included */
    const int32_t      *ids;
} column_path;

/* False: no field has this id, or it lies below a list or map, or too deep. The ids live in `arena`, the field in the schema. */
FIRN_MUST_USE firn_status column_path_find(const table_schema *schema, int32_t id, firn_arena *arena,
                                           column_path *ret_path, bool *ret_found, firn_error *err);

/* The column's values in a batch. */
typedef struct column_rows {
    const struct ArrowArray *array;
    unsigned                 parent_count;
    const struct ArrowArray *parents[COLUMN_PATH_MAX]; /* the structs above that have nulls */
} column_rows;

/* `rows` is a struct array with the columns of `schema`, which must hold the column, with its type (a top-level column
 * may be there twice, in parts or in another type). */
void column_rows_find(const column_path *path, const table_schema *schema, const struct ArrowArray *rows,
                      column_rows *ret_rows);
/* Whether the value, or a struct above it, is null. */
bool column_rows_null(const column_rows *column, int64_t row);

#endif
