/*
 * Byte order and punning, only here. Unaligned addresses are fine.
 */
#ifndef FIRN_BASE_BYTES_H
#define FIRN_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

#define FIRN_DEFINE_LOAD_STORE(bits)                                                   \
    static inline uint##bits##_t load_be##bits(const void *p)                          \
    {                                                                                  \
        uint##bits##_t v;                                                              \
        memcpy(&v, p, sizeof v);                                                       \
        return __builtin_bswap##bits(v);                                               \
    }                                                                                  \
    static inline uint##bits##_t load_le##bits(const void *p)                          \
    {                                                                                  \
        uint##bits##_t v;                                                              \
        memcpy(&v, p, sizeof v);                                                       \
        return v;                                                                      \
    }                                                                                  \
    static inline void store_be##bits(void *p, uint##bits##_t v)                       \
    {                                                                                  \
        v = __builtin_bswap##bits(v);                                                  \
        memcpy(p, &v, sizeof v);                                                       \
    }                                                                                  \
    static inline void store_le##bits(void *p, uint##bits##_t v) { memcpy(p, &v, sizeof v); }

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "firn runs on little-endian machines");

FIRN_DEFINE_LOAD_STORE(16)
FIRN_DEFINE_LOAD_STORE(32)
FIRN_DEFINE_LOAD_STORE(64)

static inline double
double_of_bits(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static inline float
float_of_bits(uint32_t bits)
{
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static inline uint64_t
bits_of_double(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static inline uint32_t
bits_of_float(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

#endif
