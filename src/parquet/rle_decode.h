/*
 * RLE / bit-packing hybrid in: levels, dictionary indices, booleans. Untrusted input.
 *
 * Spec:   parquet-format, Encodings.md, "Run Length Encoding / Bit-Packing Hybrid (RLE = 3)"
 * Shape:  segments: a run of one value, or a few unpacked ones; constant memory whatever a header claims
 * Errors: false where the bytes end early or are not such runs
 */
#ifndef FIRN_PARQUET_RLE_DECODE_H
#define FIRN_PARQUET_RLE_DECODE_H

#include <stdbool.h>

#include "base/attrs.h"
#include "base/slice.h"

#define RLE_SEGMENT_MAX 1024

typedef struct rle_decoder {
    const uint8_t *at, *end;
    unsigned       bit_width;
    bool           is_run;      /* the current run is of one value */
    uint32_t       value;       /* of that run */
    uint64_t       left;        /* values left in the current run */
    const uint8_t *packed;      /* the current bit-packed run */
    size_t         packed_next; /* index of its next value */
} rle_decoder;

/* bit_width 0..32; borrows the bytes. */
void rle_decoder_init(rle_decoder *d, firn_slice bytes, unsigned bit_width);

typedef struct rle_segment {
    size_t   count;
    bool     is_run;
    uint32_t value; /* of a run */
} rle_segment;

/* 1..count_max values (count_max > 0): a run, or at most RLE_SEGMENT_MAX values in `out`. */
FIRN_MUST_USE bool rle_next(rle_decoder *d, size_t count_max, uint32_t out[RLE_SEGMENT_MAX], rle_segment *ret_segment);
/* Values of width 0..8 as bytes. */
FIRN_MUST_USE bool rle_decode_u8(rle_decoder *d, size_t count, uint8_t *out);
/* Values of width 1 as bits from bit `first` of `bits` on; adds the number of ones. */
FIRN_MUST_USE bool rle_decode_bits(rle_decoder *d, size_t count, uint8_t *bits, size_t first, size_t *add_ones);
FIRN_MUST_USE bool rle_skip(rle_decoder *d, size_t count);

/* Sets bits [first, first + count) to `value`. */
void bits_fill(uint8_t *bits, size_t first, size_t count, bool value);
/* Copies bits [from_first, …) to [to_first, …). */
void bits_copy(const uint8_t *from, size_t from_first, uint8_t *to, size_t to_first, size_t count);

#endif
