/*
 * Definition and repetition levels of one page: RLE, or BIT_PACKED as old writers left it. Untrusted input.
 *
 * Spec:   parquet-format, Encodings.md, "Run Length Encoding / Bit-Packing Hybrid", "Bit-packed (Deprecated)"
 * Errors: false where the bytes end early
 */
#ifndef FIRN_PARQUET_LEVEL_DECODE_H
#define FIRN_PARQUET_LEVEL_DECODE_H

#include "parquet/format.h"
#include "parquet/rle_decode.h"

typedef struct level_decoder {
    rle_decoder    rle;
    bool           is_bit_packed;
    const uint8_t *packed;
    size_t         packed_next, packed_count;
    unsigned       bit_width;
} level_decoder;

/* Bits that a level up to level_max needs. */
unsigned           level_bit_width(unsigned level_max);
/* Cuts the levels off the front of a v1 page's bytes. */
FIRN_MUST_USE bool level_decoder_cut(level_decoder *d, int encoding, unsigned level_max, size_t count,
                                     firn_slice *bytes);
/* The levels of a v2 page. */
void               level_decoder_init(level_decoder *d, firn_slice bytes, unsigned level_max);
FIRN_MUST_USE bool level_decode_u8(level_decoder *d, size_t count, uint8_t *out);
/* Levels up to 1 as bits. */
FIRN_MUST_USE bool level_decode_bits(level_decoder *d, size_t count, uint8_t *bits, size_t first, size_t *add_ones);

#endif
