/*
 * Bit-packing, least significant bit first: the inner form of Parquet's RLE / bit-packing hybrid. Out only: the
 * reader's side is parquet/bit_unpack.h, which must bear hostile bytes.
 *
 * Spec:  parquet-format, Encodings.md, "Run Length Encoding / Bit-Packing Hybrid (RLE = 3)", item 1
 * Shape: groups of 8 values, bit_width bytes each; the last group is filled up with zeros
 * Width: 0..32; width 0 has no bytes
 */
#ifndef FIRN_CODEC_BITPACK_H
#define FIRN_CODEC_BITPACK_H

#include <stddef.h>
#include <stdint.h>

#define BITPACK_WIDTH_MAX 32

static inline size_t
bitpack_size_bytes(size_t value_count, unsigned bit_width)
{
    return (value_count + 7) / 8 * bit_width;
}

/* Bits that `value_max` needs. */
static inline unsigned
bitpack_width(uint32_t value_max)
{
    return value_max ? 32u - (unsigned) __builtin_clz(value_max) : 0;
}

/* Each value < 2^bit_width. Writes exactly bitpack_size_bytes. */
void bitpack_pack(const uint32_t values[], size_t value_count, unsigned bit_width, uint8_t *out);

#endif
