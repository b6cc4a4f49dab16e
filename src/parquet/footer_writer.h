/*
 * The file's footer: schema, row groups with their chunks, column orders.
 *
 * Spec:   parquet.thrift, struct FileMetaData
 * Errors: FIRN_NO_MEMORY
 */
#ifndef FIRN_PARQUET_FOOTER_WRITER_H
#define FIRN_PARQUET_FOOTER_WRITER_H

#include "parquet/column_writer.h"

typedef struct row_group_info {
    uint64_t    offset, row_count;
    chunk_info *chunks; /* one per leaf */
} row_group_info;

typedef struct footer_input {
    const parquet_schema *schema;
    parquet_codec         codec;
    uint64_t              row_count;
    const row_group_info *row_groups;
    unsigned              row_group_count;
    uint64_t              column_index_offset, offset_index_offset; /* where the index bytes lie in the file */
} footer_input;

/* The metadata alone, without its length and the magic. */
FIRN_MUST_USE firn_status footer_write(const footer_input *input, firn_buffer *out, firn_error *err);

#endif
