/*
 * Rows of another file's row group, appended to a writer's open row group without decoding what need not be. All of them,
 * where the row group is too small to stay one: columns whose pages can stay as they are (page_copy.h) are taken over with
 * them. Or less those that are deleted. Other columns that page_cut.h takes go over as bytes; the rest come as rows.
 *
 * Shape:   stretch by stretch, so that the writer's row groups keep their size whatever that of the file's; at once where
 *          pages are taken over
 * Calls:   new, then once parquet_writer_cut
 * Memory:  of the columns that are cut a page each and what page_cut.h holds, all within memory_bytes_max
 */
#ifndef FIRN_PARQUET_GROUP_CUT_H
#define FIRN_PARQUET_GROUP_CUT_H

#include "parquet/file_reader.h"
#include "parquet/file_writer.h"

/* A row group of fewer rows may have its encodings by accident: they are to be chosen anew. */
#define GROUP_CUT_ROWS_MIN 8192

/* Rows of the file that go. */
typedef struct parquet_deleted {
    /* Those from `from` on, ascending, as many as there are up to `capacity`. */
    firn_status (*read)(void *state, uint64_t from, uint64_t ret_rows[], size_t capacity, size_t *ret_count, firn_error *err);
    void *state;
} parquet_deleted;

typedef struct parquet_cut parquet_cut;

/* *ret_cut NULL: no column can be taken. `deleted` NULL: all rows stay; borrowed as the file. With `extra_count`, the last so many columns of the schema are ones that the file has
 * not. Columns from `column_count` on are taken all or none, and only without nulls. Borrows the file, and the writer until its next
 * call. */
FIRN_MUST_USE firn_status parquet_cut_new(const parquet_writer *writer, const parquet_file *file, unsigned row_group,
                                          unsigned extra_count, unsigned column_count,
                                          const parquet_deleted *deleted, size_t memory_bytes_max,
                                          parquet_cut **ret_cut, firn_error *err);
void                      parquet_cut_free(parquet_cut *cut);
FIRN_DEFINE_FREEP(parquet_cut, parquet_cut_free)
/* Whether a column of the schema is taken. */
bool                      parquet_cut_takes(const parquet_cut *cut, unsigned column_index);
/* `rest`: the rows that stay, in the columns that are not taken, in the schema's order; NULL: all are. */
FIRN_MUST_USE firn_status parquet_writer_cut(parquet_writer *writer, parquet_cut *cut, batch_reader *rest,
                                             uint64_t *ret_rows, firn_error *err);

#endif
