/*
 * RLE / bit-packing hybrid, out: definition and repetition levels and dictionary indices.
 *
 * Spec:   parquet-format, Encodings.md, "Run Length Encoding / Bit-Packing Hybrid (RLE = 3)"
 * Output: appended to `out` without length prefix (v1 pages want one before levels: the page writer's job)
 * Choice: groups of 8 are looked at; equal ones become a run where that is shorter, all else is bit-packed
 * Errors: FIRN_NO_MEMORY, also when `out` would pass its limit; a value too wide is a bug (asserted in debug)
 */
#ifndef FIRN_PARQUET_RLE_ENCODE_H
#define FIRN_PARQUET_RLE_ENCODE_H

#include "base/buffer.h"

/* values[value_count], each < 2^bit_width; bit_width 0..32. */
FIRN_MUST_USE firn_status rle_encode(const uint32_t values[], size_t value_count, unsigned bit_width, firn_buffer *out,
                                     firn_error *err);
/* Width 1, from bits in Arrow's order beginning at bit 0; bits behind the last are not looked at. */
FIRN_MUST_USE firn_status rle_encode_bits(const uint8_t *bits, size_t bit_count, firn_buffer *out, firn_error *err);
/* One run. */
FIRN_MUST_USE firn_status rle_encode_run(uint32_t value, size_t value_count, unsigned bit_width, firn_buffer *out,
                                         firn_error *err);

#endif
