/*
 * One page: levels and values → header and compressed body, appended to a chunk's bytes.
 *
 * Spec:   parquet.thrift, struct PageHeader; README.md, "Data Pages" (v1: repetition levels, definition
 *         levels, values, compressed together)
 * Errors: FIRN_NO_MEMORY
 * Threads: one thread per writer (it owns the compressor)
 */
#ifndef FIRN_PARQUET_PAGE_WRITER_H
#define FIRN_PARQUET_PAGE_WRITER_H

#include "codec/compressor.h"
#include "parquet/file_writer.h"
#include "parquet/format.h"

typedef struct page_writer {
    parquet_codec codec;
    compressor   *zip;
    firn_buffer   zipped, header; /* scratch */
} page_writer;

/* What a page was made of: for its index entry and the chunk's totals. */
typedef struct page_sizes {
    size_t header_bytes, body_bytes, compressed_bytes; /* of the body, both */
} page_sizes;

FIRN_MUST_USE firn_status page_writer_init(page_writer *w, parquet_codec codec, int level, firn_error *err);
void                      page_writer_done(page_writer *w);

/* `value_count` counts nulls too. */
FIRN_MUST_USE firn_status page_writer_add_data(page_writer *w, firn_slice body, size_t value_count,
                                               parquet_encoding encoding, firn_buffer *out, page_sizes *ret_sizes,
                                               firn_error *err);
FIRN_MUST_USE firn_status page_writer_add_dictionary(page_writer *w, firn_slice body, size_t entry_count,
                                                     firn_buffer *out, page_sizes *ret_sizes, firn_error *err);
/* The size a body would have. */
FIRN_MUST_USE firn_status page_writer_measure(page_writer *w, firn_slice body, size_t *ret_size_bytes, firn_error *err);

#endif
