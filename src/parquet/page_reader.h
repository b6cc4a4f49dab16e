/*
 * Pages of one column chunk, one after the other, decompressed on demand. Untrusted input.
 *
 * Spec:   parquet-format, README.md ("Data Pages", "Column chunks", "Checksumming"), Compression.md
 * Calls:  start for a chunk, then next (the header), then load or skip (the body)
 * Memory: a window of the file per column, at least read_ahead_bytes or the largest page; one decompressed
 *         page. Both count in the budget.
 * Errors: with column and offset
 */
#ifndef FIRN_PARQUET_PAGE_READER_H
#define FIRN_PARQUET_PAGE_READER_H

#include "codec/compressor.h"
#include "parquet/file_metadata.h"
#include "parquet/file_reader.h"
#include "parquet/read_budget.h"

#define PAGE_CODEC_COUNT 8
#define PAGE_HEADER_SIZE_MAX ((size_t) 16 << 20)

/* What the columns of a reader share. */
typedef struct read_context {
    const parquet_source *source;
    uint64_t              data_end; /* where the footer begins */
    read_budget           budget;
    size_t                read_ahead_bytes;
    bool                  verify_checksums;
    decompressor         *decompressors[PAGE_CODEC_COUNT]; /* by the file's number; made when first needed */
} read_context;

void read_context_done(read_context *context);

typedef struct page_reader {
    read_context *context;
    const char   *column; /* for messages */
    int           codec;
    uint64_t      at;            /* offset of the next header, or of the body after next */
    uint64_t      hint_end;      /* where the chunk probably ends */
    uint64_t      header_at;     /* of the current page */
    uint64_t      window_offset; /* of window.data[0] */
    firn_buffer   window, page;
} page_reader;

/* The parts of a data page, decompressed; views until the next call. A dictionary page has values only. */
typedef struct page_body {
    firn_slice repetition, definition; /* v2: without length; v1: the whole rest, cut by the column */
    firn_slice values;
} page_body;

void                      page_reader_init(page_reader *p, read_context *context, const char *column);
void                      page_reader_done(page_reader *p);
FIRN_MUST_USE firn_status page_reader_start(page_reader *p, const parquet_chunk *chunk, firn_error *err);
/* Goes to a page whose place is known; nothing behind `end` is worth reading ahead. */
void                      page_reader_seek(page_reader *p, uint64_t offset, uint64_t end);
FIRN_MUST_USE firn_status page_reader_next(page_reader *p, parquet_page_header *ret_header, firn_error *err);
FIRN_MUST_USE firn_status page_reader_load(page_reader *p, const parquet_page_header *header, page_body *ret_body,
                                           firn_error *err);
void                      page_reader_skip(page_reader *p, const parquet_page_header *header);
/* Adds the column and the offset of the current page to the error. */
firn_status               page_reader_while(const page_reader *p, firn_error *err);

#endif
