/*
 * Pages of another file's chunk, taken over as they are into the open chunk of a column: nothing is decompressed or
 * decoded. For row groups that are too small to stay row groups, but whose pages are large enough to stay pages.
 *
 * Takes:   flat columns without a dictionary (a chunk has but one, and several chunks come together): v1 pages in PLAIN,
 *          with a whole page index, in the codec of the new file, with all that is counted here
 * Leaves:  pages of fewer rows and bytes than are good to read
 * Trusts:  that the pages are what footer and index say; readers of the new file check it as they did of the old one
 */
#ifndef FIRN_PARQUET_PAGE_COPY_H
#define FIRN_PARQUET_PAGE_COPY_H

#include "parquet/chunk_copy.h"

/* On the average of a chunk: one of both. */
#define PAGE_COPY_ROWS_MIN 8192
#define PAGE_COPY_BYTES_MIN ((int64_t) 64 << 10)

typedef struct page_copy {
    bool                 fits;
    const parquet_leaf  *leaf;
    const parquet_chunk *chunk;
    parquet_page_index   index;
    firn_arena           arena;
    firn_buffer          offset_bytes, column_bytes;
} page_copy;

void page_copy_init(page_copy *p, const parquet_leaf *leaf, const parquet_chunk *chunk);
void page_copy_done(page_copy *p);
/* Sets p->fits; reads the page index where all else is right. `row_count`: of the chunk's row group. */
FIRN_MUST_USE firn_status page_copy_plan(page_copy *p, const parquet_options *options, uint64_t row_count,
                                         const parquet_source *source, firn_error *err);
/* Behind column_writer_end_page: the pages and all that is known of them go to the open chunk. */
FIRN_MUST_USE firn_status page_copy_add(const page_copy *p, uint64_t row_count, const parquet_source *source,
                                        column_writer *c, firn_error *err);

#endif
