/*
 * The values of one data page in any encoding → the Arrow layout of their column, densely: without nulls,
 * which are known only to the levels. Untrusted input.
 *
 * Spec:   parquet-format, Encodings.md
 * Shape:  value_decoder_page for a page, then value_decode and value_skip as often as wanted
 * Memory: a page's lengths for DELTA_LENGTH_BYTE_ARRAY and DELTA_BYTE_ARRAY, pieces of VALUE_PIECE else
 * Errors: FIRN_CORRUPT, FIRN_UNSUPPORTED, FIRN_E_PARQUET_LIMIT, without the column's name
 */
#ifndef FIRN_PARQUET_VALUE_DECODE_H
#define FIRN_PARQUET_VALUE_DECODE_H

#include "parquet/delta_decode.h"
#include "parquet/read_budget.h"
#include "parquet/rle_decode.h"
#include "parquet/value_convert.h"

#define VALUE_PIECE 1024

/* Fixed sizes: count * out_size bytes in `data`. Else count + 1 int32 in `offsets`, their bytes in `data`. */
typedef struct leaf_values {
    firn_buffer data, offsets;
    size_t      count;
} leaf_values;

void                      leaf_values_done(leaf_values *values, read_budget *budget);
/* Room for `count` more values of a fixed size, or for their offsets. */
FIRN_MUST_USE firn_status leaf_values_reserve(leaf_values *values, const value_conversion *conversion, size_t count,
                                              read_budget *budget, firn_error *err);

/* Converted already: fixed sizes as in a batch, else where each value's bytes are. */
typedef struct value_dictionary {
    size_t      count;
    bool        is_loaded;
    firn_buffer fixed;   /* count * out_size */
    firn_buffer entries; /* count * dictionary_entry */
    firn_buffer bytes;   /* what the entries point into, with VALUE_SLACK bytes behind */
    size_t      longest;
} value_dictionary;

typedef struct dictionary_entry {
    uint32_t offset, size;
} dictionary_entry;

/* Bytes behind a buffer that a short copy may read or write. */
#define VALUE_SLACK 16

/* From the PLAIN values of a dictionary page. Where they are what `page_buffer` holds, strings are not copied:
 * the buffer is exchanged for another one. */
FIRN_MUST_USE firn_status value_dictionary_load(value_dictionary *dictionary, const value_conversion *conversion,
                                                bool is_boolean, firn_slice page, size_t count,
                                                firn_buffer *page_buffer, read_budget *budget, firn_error *err);
void                      value_dictionary_done(value_dictionary *dictionary, read_budget *budget);

typedef struct value_decoder {
    const value_conversion *conversion;
    const value_dictionary *dictionary;
    read_budget            *budget;
    parquet_type            type;
    int                     encoding;
    firn_slice              page;
    size_t                  value_max; /* more values than this cannot be in the page */
    const uint8_t          *at, *end;
    size_t                  next; /* index of the next value, for bits and streams */
    rle_decoder             rle;
    delta_decoder           delta;
    firn_buffer             lengths, prefixes; /* int32 of all values, for the two byte array encodings */
    size_t                  length_count;
    firn_buffer             previous; /* DELTA_BYTE_ARRAY: the last value */
    leaf_values             piece;    /* values before they are converted or dropped */
} value_decoder;

void value_decoder_init(value_decoder *d, const value_conversion *conversion, const value_dictionary *dictionary,
                        parquet_type type, read_budget *budget);
void value_decoder_done(value_decoder *d);
/* Begins a page; value_max: its number of values, nulls included. */
FIRN_MUST_USE firn_status value_decoder_page(value_decoder *d, int encoding, firn_slice page, size_t value_max,
                                             firn_error *err);
/* Appends `count` values. Where it fails, `out` is only good for leaf_values_done. */
FIRN_MUST_USE firn_status value_decode(value_decoder *d, size_t count, leaf_values *out, firn_error *err);
FIRN_MUST_USE firn_status value_skip(value_decoder *d, size_t count, firn_error *err);

#endif
