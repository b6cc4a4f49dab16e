/*
 * What firn's own tables in the lake have in common: they are small, read whole, and written one file a commit.
 *
 * Reading: Parquet data files less position delete files (another engine may have deleted rows); deletion vectors and
 *          equality deletes are ICEBERG_UNSUPPORTED. Rows come in the order in which they were committed.
 * Limits:  OWN_FILE_SIZE_MAX a file
 * Threads: one at a time
 */
#ifndef FIRN_STATE_OWN_TABLE_H
#define FIRN_STATE_OWN_TABLE_H

#include "batch/batch.h"
#include "batch/column_builder.h"
#include "catalog/catalog.h"
#include "write/roll_writer.h"

#define OWN_FILE_SIZE_MAX ((size_t) 256 << 20)

typedef firn_status (*own_row_visit)(void *state, const struct ArrowArray *rows, int64_t row, firn_error *err);

/* Each live row of the current snapshot, columns as in `wanted` (by field id; missing ones are null). What is read of
 * the manifests goes to `arena`; `rows` lives for the call of visit. */
FIRN_MUST_USE firn_status own_table_read(const table_metadata *table, storage *files, table_schema *wanted,
                                         firn_arena *arena, own_row_visit visit, void *state, firn_error *err);

/* A value of a column: text copied to the arena (*ret_text NULL for null), number 0 for null. */
FIRN_MUST_USE firn_status own_text_at(const struct ArrowArray *column, int64_t row, firn_arena *arena,
                                      const char **ret_text, firn_error *err);
int64_t                   own_long_at(const struct ArrowArray *column, int64_t row);
int32_t                   own_int_at(const struct ArrowArray *column, int64_t row);
bool                      own_is_null(const struct ArrowArray *column, int64_t row);

/* One commit's file. */
typedef struct own_file {
    catalog       *lake;
    const char    *table;     /* the name */
    const char    *location;  /* the table's */
    const char    *commit_id; /* as text */
    unsigned       attempt;   /* of the commit: another file each time */
    pending_files *pending;   /* NULL: noted nowhere; else it is offered, too: the caller ends it */
} own_file;

/* Writes the rows and replaces what *files holds. */
FIRN_MUST_USE firn_status own_file_write(const own_file *file, table_schema *schema, const batch *rows,
                                         data_file_list *files, firn_error *err);

#endif
