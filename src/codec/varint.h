/*
 * Unsigned LEB128 and zigzag, as Thrift's compact protocol, Parquet's runs and Avro use them.
 */
#ifndef FIRN_CODEC_VARINT_H
#define FIRN_CODEC_VARINT_H

#include <stddef.h>
#include <stdint.h>

#define VARINT_SIZE_MAX 10

static inline uint64_t
zigzag_encode(int64_t value)
{
    return ((uint64_t) value << 1) ^ (uint64_t) (value >> 63);
}

static inline int64_t
zigzag_decode(uint64_t value)
{
    return (int64_t) (value >> 1) ^ -(int64_t) (value & 1);
}

/* Writes 1..10 bytes and returns how many. */
static inline size_t
varint_encode(uint64_t value, uint8_t out[VARINT_SIZE_MAX])
{
    size_t size = 0;
    while (value >= 0x80) {
        out[size++] = (uint8_t) (value | 0x80);
        value >>= 7;
    }
    out[size++] = (uint8_t) value;
    return size;
}

/* Reads one value from [at, end); returns the bytes used, 0 where it is cut short or beyond 64 bits. */
static inline size_t
varint_decode(const uint8_t *at, const uint8_t *end, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && at < end; shift += 7) {
        uint8_t byte = *at++;
        if (shift == 63 && byte > 1) return 0;
        value |= (uint64_t) (byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *ret_value = value;
            return shift / 7 + 1;
        }
    }
    return 0;
}

#endif
