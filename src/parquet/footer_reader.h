/*
 * Thrift bytes of a Parquet file → file_metadata.h. Untrusted input.
 *
 * Errors: FIRN_CORRUPT, FIRN_UNSUPPORTED, FIRN_NO_MEMORY where the arena's limit is reached. `name` is the
 *         file's, for messages.
 */
#ifndef FIRN_PARQUET_FOOTER_READER_H
#define FIRN_PARQUET_FOOTER_READER_H

#include "base/arena.h"
#include "base/error.h"
#include "parquet/file_metadata.h"

/* `footer`: the FileMetaData, without length and magic; must live as long as the result. */
FIRN_MUST_USE firn_status footer_read(const char *name, firn_slice footer, firn_arena *arena,
                                      parquet_metadata *ret_metadata, firn_error *err);

typedef enum page_header_result {
    PAGE_HEADER_OK,
    PAGE_HEADER_SHORT, /* more bytes might help */
    PAGE_HEADER_CORRUPT,
} page_header_result;
/* The header that `bytes` begin with; *ret_size is its length in bytes. */
FIRN_MUST_USE page_header_result page_header_read(firn_slice bytes, parquet_page_header *ret_header, size_t *ret_size);

#endif
