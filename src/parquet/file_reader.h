/*
 * Parquet bytes → batches of chosen columns, matched by Iceberg field id. Untrusted input.
 *
 * Spec:    as file_writer.h
 * Reads:   what firn writes and what common writers write (see docs); grows in later issues
 * Errors:  FIRN_CORRUPT, FIRN_UNSUPPORTED with file, column and offset
 * Threads: one thread per reader
 */
#ifndef FIRN_PARQUET_FILE_READER_H
#define FIRN_PARQUET_FILE_READER_H

#include "batch/batch.h"

/* Where the bytes come from. `name` is for messages. */
typedef struct parquet_source {
    const char *name;
    uint64_t    size_bytes;
    firn_status (*read)(void *state, uint64_t offset, size_t size, firn_buffer *out, firn_error *err);
    void *state;
} parquet_source;

/* A batch_reader over the whole file in the columns of `wanted` (by field id, widened as Iceberg allows:
 * int → long, float → double, decimal precision; missing optional columns are nulls). Borrows what
 * `source` points at until freed. memory_bytes_max bounds pages and dictionaries. */
FIRN_MUST_USE firn_status parquet_reader_open(const parquet_source *source, table_schema *wanted,
                                              size_t batch_rows, size_t memory_bytes_max,
                                              batch_reader **ret_reader, firn_error *err);

#endif
