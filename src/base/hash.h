/*
 * 64-bit hash for maps, dictionaries and checksums of rows. No defence against keys that an attacker chose to
 * collide: what grows by outside keys has a limit of its own.
 *
 * The results never change: the checksums of rows that are made of them are kept in the lake
 * (batch/row_checksum.h), and are compared by later versions.
 */
#ifndef FIRN_BASE_HASH_H
#define FIRN_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/decimal.h"

/* Odd, with about as many ones as zeros in every byte: digits of sqrt(2), sqrt(3), sqrt(5). */
#define FIRN_HASH_KEY_A UINT64_C(0x6a09e667f3bcc909)
#define FIRN_HASH_KEY_B UINT64_C(0xbb67ae8584caa73b)
#define FIRN_HASH_KEY_C UINT64_C(0x3c6ef372fe94f82b)

/* The full product's halves folded: every input bit reaches the middle of the result. */
static inline uint64_t
firn_hash_fold(uint64_t a, uint64_t b)
{
    uint128 product = (uint128) a * b;
    return (uint64_t) product ^ (uint64_t) (product >> 64);
}

static inline uint64_t
firn_hash_finish(uint64_t low, uint64_t high, uint64_t state, size_t size)
{
    return firn_hash_fold(firn_hash_fold(low ^ FIRN_HASH_KEY_A, high ^ state) ^ FIRN_HASH_KEY_C,
                          (uint64_t) size ^ FIRN_HASH_KEY_B);
}

/* More than 16 bytes. */
uint64_t firn_hash_bytes_long(const void *bytes, size_t size);

/* No loop up to 16 bytes; hot loops over fixed 8-byte keys take firn_hash_u64. */
static inline uint64_t
firn_hash_bytes(const void *bytes, size_t size)
{
    const uint8_t *p = (const uint8_t *) bytes;
    uint64_t       low = 0;
    uint64_t       high = 0;

    if (size > 16) return firn_hash_bytes_long(p, size);
    if (size >= 8) {
        low = load_le64(p);
        high = load_le64(p + size - 8);
    } else if (size >= 4) {
        low = load_le32(p);
        high = load_le32(p + size - 4);
    } else if (size > 0) {
        low = (uint64_t) p[0] << 16 | (uint64_t) p[size >> 1] << 8 | p[size - 1];
    }
    return firn_hash_finish(low, high, FIRN_HASH_KEY_B, size);
}

static inline uint64_t
firn_hash_u64(uint64_t x)
{
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93ULL;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93ULL;
    x ^= x >> 32;
    return x;
}

#endif
