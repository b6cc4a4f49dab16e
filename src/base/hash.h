/*
 * 64-bit hash for maps and dictionaries. Never stored, and no defence against keys that an attacker
 * chose to collide: what grows by outside keys has a limit of its own.
 */
#ifndef FIRN_BASE_HASH_H
#define FIRN_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* No loop up to 16 bytes; hot loops over fixed 8-byte keys take firn_hash_u64. */
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
