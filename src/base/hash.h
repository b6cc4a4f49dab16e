/*
 * 64-bit hash for maps and dictionaries. Not for persistence, not against attackers with a seed
 * oracle; firn_hash_stable is the one whose value may be stored (128 bits, little-endian words).
 */
#ifndef FIRN_BASE_HASH_H
#define FIRN_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Short keys inline in hot loops. */
uint64_t firn_hash_bytes(const void *bytes, size_t size);

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
