/*
 * Bit-packed values, least significant bit first, back to values.
 *
 * Spec:   parquet-format, Encodings.md, "Run Length Encoding / Bit-Packing Hybrid", note 1
 * Bounds: the caller has checked that the packed values lie before `end`; reads never go past it
 */
#ifndef FIRN_PARQUET_BIT_UNPACK_H
#define FIRN_PARQUET_BIT_UNPACK_H

#include <stddef.h>
#include <stdint.h>

/* Values [first, first + count) of the packed ones at `in`; bit_width 0..32. */
void bit_unpack_u32(const uint8_t *in, const uint8_t *end, unsigned bit_width, size_t first, size_t count,
                    uint32_t *out);
/* The same into bytes, for bit_width 0..8: levels and booleans. */
void bit_unpack_u8(const uint8_t *in, const uint8_t *end, unsigned bit_width, size_t first, size_t count, uint8_t *out);
/* The same for bit_width 0..64. */
void bit_unpack_u64(const uint8_t *in, const uint8_t *end, unsigned bit_width, size_t first, size_t count,
                    uint64_t *out);

#endif
