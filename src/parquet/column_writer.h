/*
 * One leaf's column chunk: values into pages, with dictionary where it pays, and what is known about them.
 *
 * Calls:   (fit, add)*, end_chunk, again for each row group
 * Choice:  the first page of a file is encoded both ways where a dictionary is not plainly better; a
 *          dictionary that does not pay is dropped at once, one that becomes too large is kept for the pages
 *          that it has
 * Errors:  FIRN_NO_MEMORY; FIRN_BUG for decimals beyond their precision
 * Threads: one thread per writer
 */
#ifndef FIRN_PARQUET_COLUMN_WRITER_H
#define FIRN_PARQUET_COLUMN_WRITER_H

#include "parquet/dictionary.h"
#include "parquet/file_metadata.h"
#include "parquet/page_index.h"
#include "parquet/page_writer.h"
#include "parquet/row_shredder.h"

/* A finished chunk, for the footer. Offsets are from the start of the file. */
typedef struct chunk_info {
    /* Taken over from another file: the encodings as that tells them. */
    bool               is_copied;
    bool               lacks_bounds; /* there are values, and nothing is known of them */
    uint32_t           encodings;
    unsigned           page_count_count;
    parquet_page_count page_counts[PARQUET_PAGE_COUNTS_MAX];

    uint64_t      value_count, uncompressed_bytes, compressed_bytes;
    uint64_t      data_page_offset, dictionary_page_offset; /* 0: no dictionary */
    uint32_t      plain_page_count, dictionary_coded_page_count;
    uint64_t      null_count, nan_count;
    parquet_bound min, max;
    uint64_t column_index_offset, offset_index_offset; /* in the file's index bytes of that kind; size 0: not there */
    uint32_t column_index_size, offset_index_size;
} chunk_info;

typedef enum dictionary_use {
    DICTIONARY_UNDECIDED, /* in use, to be judged with the first page */
    DICTIONARY_PAYS,
    DICTIONARY_OFF,
} dictionary_use;

typedef struct column_writer {
    const parquet_leaf    *leaf;
    const parquet_options *options;
    size_t                 rows_expected; /* of a row group */
    dictionary_use         use;
    bool                   is_dictionary_open; /* the open page takes numbers */
    dictionary             dict;

    /* The open page. */
    size_t      page_row_count, page_slot_count, page_null_count, page_number_count;
    firn_buffer numbers;    /* uint32_t: dictionary numbers */
    firn_buffer values;     /* PLAIN, booleans as bytes */
    firn_buffer definition; /* bits (flat, only once there was a null) or bytes */
    firn_buffer repetition; /* bytes */
    value_stats page_stats;
    size_t      page_counted; /* of the numbers, so many of the first are in page_stats already */
    uint32_t    page_serial;  /* another one for each page */

    /* The open chunk. */
    uint32_t    chunk_serial;
    firn_buffer pages, entries; /* page_entry */
    size_t      chunk_row_count;
    chunk_info  chunk;
    value_stats chunk_stats;
    bool        chunk_min_is_cut, chunk_max_is_cut; /* of pages taken over: the bound is no value */

    /* The file so far. */
    uint64_t    file_compressed_bytes, file_value_count;
    bool        file_lacks_bounds;
    value_stats file_stats;
} column_writer;

void   column_writer_init(column_writer *c, const parquet_leaf *leaf, const parquet_options *options,
                          size_t rows_expected);
void   column_writer_done(column_writer *c);
/* A page that is full should be closed at once: then few are open together. */
bool   column_writer_page_is_full(const column_writer *c);
/* How many of the rows can be added to the open page; 0: close it first. */
size_t column_writer_fit(const column_writer *c, const struct ArrowArray *rows, size_t from, size_t row_count);
FIRN_MUST_USE firn_status column_writer_add(column_writer *c, const leaf_rows *rows, firn_error *err);
/* The rows without their values, which whoever calls it puts into `numbers` or `values` (page_cut.h). */
FIRN_MUST_USE firn_status column_writer_add_levels(column_writer *c, const leaf_rows *rows, firn_error *err);
/* Scratch is `body`: the page before compression. */
FIRN_MUST_USE firn_status column_writer_close_page(column_writer *c, page_writer *pages, firn_buffer *body,
                                                   firn_error *err);
/* Closes it, and the dictionary for the rest of the chunk: PLAIN pages of another file follow (page_copy.h). */
FIRN_MUST_USE firn_status column_writer_end_page(column_writer *c, page_writer *pages, firn_buffer *body,
                                                 firn_error *err);
/* Closes the open page and writes the chunk; its offsets count from sink->written_bytes. The column and
 * the offset index are appended to `columns` and `offsets`. */
FIRN_MUST_USE firn_status column_writer_end_chunk(column_writer *c, page_writer *pages, firn_buffer *body,
                                                  firn_sink *sink, firn_buffer *columns, firn_buffer *offsets,
                                                  chunk_info *ret_chunk, firn_error *err);
/* Bytes that the open chunk will have, about; memory held. */
size_t                    column_writer_size_bytes(const column_writer *c);
size_t                    column_writer_memory_bytes(const column_writer *c);

#endif
