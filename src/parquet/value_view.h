/*
 * The non-null values of one leaf for some rows, next to each other, in the form of the leaf's lane.
 * Borrowed: valid until the next step of whoever made it.
 */
#ifndef FIRN_PARQUET_VALUE_VIEW_H
#define FIRN_PARQUET_VALUE_VIEW_H

#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/bytes.h"
#include "base/decimal.h"

typedef struct value_view {
    size_t         count;
    const void    *fixed; /* LANE_BOOL, LANE_32, LANE_64, LANE_128: count values */
    const uint8_t *bytes; /* LANE_BYTES: value i is bytes[starts[i] .. ends[i]), ascending */
    const int32_t *starts, *ends;
} value_view;

/* Up to 8 bytes as a little-endian number, the rest zero; reads 8 where they lie below `end`. */
static inline uint64_t
load_upto8(const uint8_t *p, size_t size, const uint8_t *end)
{
    if (FIRN_LIKELY(end - p >= 8)) {
        if (size >= 8) return load_le64(p);
        return size ? load_le64(p) & (UINT64_MAX >> (8 * (8 - size))) : 0;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < size && i < 8; i++)
        value |= (uint64_t) p[i] << (8 * i);
    return value;
}

#endif
