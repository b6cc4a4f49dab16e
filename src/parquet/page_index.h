/*
 * Column index and offset index of one column chunk: bounds, null counts and places of its pages.
 *
 * Spec:   parquet-format, PageIndex.md; parquet.thrift, structs ColumnIndex and OffsetIndex
 * Left out: the column index where a page has values but no bounds (only NaN, or an upper bound that cannot
 *         be cut); the offset index is always there
 */
#ifndef FIRN_PARQUET_PAGE_INDEX_H
#define FIRN_PARQUET_PAGE_INDEX_H

#include "parquet/statistics.h"

typedef struct page_entry {
    uint64_t      offset;     /* from the chunk's first data page */
    uint32_t      size_bytes; /* with header */
    bool          is_null_page;
    uint64_t      first_row; /* in the row group */
    uint64_t      null_count, nan_count;
    parquet_bound min, max;
} page_entry;

/* false: no column index is possible for these pages. */
bool                      page_index_has_bounds(const page_entry pages[], size_t page_count);
FIRN_MUST_USE firn_status page_index_add_columns(const parquet_leaf *leaf, const page_entry pages[], size_t page_count,
                                                 firn_buffer *out, firn_error *err);
/* `file_offset`: of the chunk's first data page. */
FIRN_MUST_USE firn_status page_index_add_offsets(const page_entry pages[], size_t page_count, uint64_t file_offset,
                                                 firn_buffer *out, firn_error *err);

#endif
