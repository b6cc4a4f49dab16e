/*
 * The data pages of a flat column chunk, decompressed but not decoded: which rows have a value, and where each value's PLAIN
 * bytes are, or which entry of the dictionary it is. Untrusted input.
 *
 * Spec:    parquet-format, README.md ("Data Pages"), Encodings.md ("Plain", "Dictionary Encoding")
 * Reads:   pages v1 and v2 in PLAIN, or with a dictionary; booleans also in RLE
 * Calls:   init, start, then next until the chunk's rows are all there
 * Checks:  every place and index that it gives lies within the page or the dictionary
 * Memory:  a window of the file, a page, an int32 a value, the dictionary; within the context's budget
 * Errors:  FIRN_CORRUPT, FIRN_UNSUPPORTED with column and offset
 */
#ifndef FIRN_PARQUET_DENSE_PAGE_H
#define FIRN_PARQUET_DENSE_PAGE_H

#include "parquet/page_reader.h"
#include "parquet/parquet_schema.h"

typedef enum dense_form {
    DENSE_FIXED,   /* `values`, of the leaf's size each */
    DENSE_BYTES,   /* `numbers`: value_count + 1 places in `values`, each where a length begins */
    DENSE_BOOLS,   /* `values`, a byte each */
    DENSE_ENTRIES, /* `numbers`: indices of entries of the dictionary */
} dense_form;

typedef struct dense_reader {
    const parquet_leaf  *leaf;
    const parquet_chunk *chunk;
    page_reader          pages;
    unsigned             value_size;   /* PLAIN bytes; 0: a length and bytes */
    uint64_t             entries_left; /* of the chunk, behind the page */

    /* The page. */
    dense_form     form;
    size_t         row_count, value_count; /* values are not null */
    const uint8_t *values, *readable_end; /* behind the memory that may be read along with the values */
    firn_buffer    valid; /* bits by row; only where there are fewer values than rows */
    firn_buffer    number_bytes, bools;

    /* The dictionary: as DENSE_FIXED or DENSE_BYTES. */
    bool        has_dictionary;
    size_t      entry_count;
    firn_buffer entries, place_bytes;
} dense_reader;

void dense_reader_init(dense_reader *r, const parquet_leaf *leaf, const parquet_chunk *chunk, read_context *context);
void dense_reader_done(dense_reader *r);
/* Whether the footer says that this is how the chunk is written. */
bool dense_reader_fits(const dense_reader *r, uint64_t row_count);
FIRN_MUST_USE firn_status dense_reader_start(dense_reader *r, firn_error *err);
/* The next data page, with one row at least; an error at the end of the chunk. */
FIRN_MUST_USE firn_status dense_reader_next(dense_reader *r, firn_error *err);

static inline const uint32_t *
dense_numbers(const dense_reader *r)
{
    return (const uint32_t *) (const void *) r->number_bytes.data;
}

/* Where PLAIN bytes of an entry begin; the end of the last one is that of entry entry_count. */
static inline size_t
dense_entry_place(const dense_reader *r, size_t entry)
{
    return r->value_size ? entry * r->value_size : ((const uint32_t *) (const void *) r->place_bytes.data)[entry];
}

#endif
