/*
 * Checksum of a long run of bytes that comes in pieces: chunks of 64 KiB, one after the other. Against damage, not
 * against somebody who wants it to fit.
 */
#ifndef FIRN_INDEX_INDEX_CHECKSUM_H
#define FIRN_INDEX_INDEX_CHECKSUM_H

#include "base/hash.h"

#define INDEX_CHECKSUM_CHUNK ((size_t) 64 << 10)

/* `before`: of what came before, whose size is a multiple of the chunk; 0, or the seed, at the start. */
static inline uint64_t
index_checksum(uint64_t before, const uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size; at += INDEX_CHECKSUM_CHUNK) {
        size_t part = size - at < INDEX_CHECKSUM_CHUNK ? size - at : INDEX_CHECKSUM_CHUNK;

        before = firn_hash_fold(before ^ FIRN_HASH_KEY_A, firn_hash_bytes(bytes + at, part) ^ FIRN_HASH_KEY_B);
    }
    return before;
}

#endif
