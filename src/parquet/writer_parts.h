/*
 * What file_writer.c shares with group_cut.c: the writer itself, and the steps of adding rows.
 */
#ifndef FIRN_PARQUET_WRITER_PARTS_H
#define FIRN_PARQUET_WRITER_PARTS_H

#include "parquet/column_writer.h"
#include "parquet/file_writer.h"
#include "parquet/footer_writer.h"

struct parquet_writer {
    table_schema   *table;
    parquet_options options;
    firn_sink      *sink;
    parquet_schema  schema;
    column_writer  *columns; /* one per leaf */
    page_writer     pages;
    row_shredder    shredder;
    firn_buffer     body;                       /* scratch: a page before compression */
    firn_buffer     column_index, offset_index; /* of all row groups so far */
    row_group_info *row_groups;
    unsigned        row_group_count, row_group_capacity;
    uint64_t        row_count, group_row_count; /* of closed row groups; of the open one */
    size_t          group_size_bytes;           /* of the open one, about */
    bool            is_closed, is_broken;
};

/* Rows [from, from + row_count) into the pages of one leaf. */
FIRN_MUST_USE firn_status parquet_writer_add_to_column(parquet_writer *w, column_writer *c, const struct ArrowArray *rows,
                                                       size_t from, size_t row_count, firn_error *err);
/* So many rows have been added to every column; the row group closes where it is full. */
FIRN_MUST_USE firn_status parquet_writer_count_rows(parquet_writer *w, uint64_t row_count, firn_error *err);
FIRN_MUST_USE firn_status parquet_writer_close_group(parquet_writer *w, firn_error *err);

#endif
