#include "iceberg/murmur3.h"

#include "base/bytes.h"

static uint32_t
rotate_left(uint32_t x, unsigned bits)
{
    return x << bits | x >> (32 - bits);
}

static uint32_t
mix_block(uint32_t block)
{
    return rotate_left(block * 0xcc9e2d51u, 15) * 0x1b873593u;
}

uint32_t
murmur3_hash(const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    uint32_t       hash = 0, tail = 0;
    size_t         i;

    for (i = 0; i + 4 <= size; i += 4) hash = rotate_left(hash ^ mix_block(load_le32(p + i)), 13) * 5 + 0xe6546b64u;
    for (size_t k = size; k > i; k--) tail = tail << 8 | p[k - 1];
    hash ^= mix_block(tail); // mixes to 0 when there is none

    hash ^= (uint32_t) size;
    hash = (hash ^ hash >> 16) * 0x85ebca6bu;
    hash = (hash ^ hash >> 13) * 0xc2b2ae35u;
    return hash ^ hash >> 16;
}
