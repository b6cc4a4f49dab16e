/*
 * Validity bits in Arrow's order: bit i is bit (i & 7) of byte i / 8, 1 = valid.
 */
#ifndef FIRN_BASE_BITMAP_H
#define FIRN_BASE_BITMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool
bitmap_get(const uint8_t *bits, size_t index)
{
    return (bits[index >> 3] >> (index & 7)) & 1;
}

static inline void
bitmap_set(uint8_t *bits, size_t index)
{
    bits[index >> 3] = (uint8_t) (bits[index >> 3] | (1u << (index & 7)));
}

static inline void
bitmap_clear(uint8_t *bits, size_t index)
{
    bits[index >> 3] = (uint8_t) (bits[index >> 3] & ~(1u << (index & 7)));
}

/* Number of set bits in [from, from + count). */
size_t bitmap_count(const uint8_t *bits, size_t from, size_t count);

static inline size_t
bitmap_size_bytes(size_t bit_count)
{
    return (bit_count + 7) / 8;
}

#endif
