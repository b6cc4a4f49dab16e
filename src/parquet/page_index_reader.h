/*
 * The page index of one column chunk: Thrift bytes → parquet_page_index. Untrusted input.
 *
 * Spec:   parquet-format, PageIndex.md and parquet.thrift (OffsetIndex, ColumnIndex)
 * Errors: FIRN_CORRUPT, FIRN_NO_MEMORY where the arena's limit is reached
 */
#ifndef FIRN_PARQUET_PAGE_INDEX_READER_H
#define FIRN_PARQUET_PAGE_INDEX_READER_H

#include "base/arena.h"
#include "base/error.h"
#include "parquet/file_metadata.h"

/* `offset_index` is required, `column_index` may be empty. Views into the bytes. */
FIRN_MUST_USE firn_status page_index_read(const char *name, firn_slice offset_index, firn_slice column_index,
                                          firn_arena *arena, parquet_page_index *ret_index, firn_error *err);

#endif
