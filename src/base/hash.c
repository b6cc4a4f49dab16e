#include "base/hash.h"

#include "base/bytes.h"
#include "base/decimal.h"

/* Odd, with about as many ones as zeros in every byte: digits of sqrt(2), sqrt(3), sqrt(5). */
#define KEY_A UINT64_C(0x6a09e667f3bcc909)
#define KEY_B UINT64_C(0xbb67ae8584caa73b)
#define KEY_C UINT64_C(0x3c6ef372fe94f82b)

/* The full product's halves folded: every input bit reaches the middle of the result. */
static inline uint64_t
fold(uint64_t a, uint64_t b)
{
    uint128 product = (uint128) a * b;
    return (uint64_t) product ^ (uint64_t) (product >> 64);
}

static inline uint64_t
finish(uint64_t low, uint64_t high, uint64_t state, size_t size)
{
    return fold(fold(low ^ KEY_A, high ^ state) ^ KEY_C, (uint64_t) size ^ KEY_B);
}

static uint64_t
hash_long(const uint8_t *bytes, size_t size)
{
    uint64_t       state = KEY_B, other = KEY_C;
    const size_t   total = size;
    const uint8_t *last = bytes + size - 16;

    for (; size > 32; size -= 32, bytes += 32) {
        state = fold(load_le64(bytes) ^ KEY_A, load_le64(bytes + 8) ^ state);
        other = fold(load_le64(bytes + 16) ^ KEY_C, load_le64(bytes + 24) ^ other);
    }
    state ^= other;
    if (size > 16) {
        state = fold(load_le64(bytes) ^ KEY_A, load_le64(bytes + 8) ^ state);
    }
    /* The last 16 bytes may overlap what was read: no tail loop. */
    return finish(load_le64(last), load_le64(last + 8), state, total);
}

uint64_t
firn_hash_bytes(const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    uint64_t       low = 0;
    uint64_t       high = 0;

    if (size > 16) return hash_long(p, size);
    if (size >= 8) {
        low = load_le64(p);
        high = load_le64(p + size - 8);
    } else if (size >= 4) {
        low = load_le32(p);
        high = load_le32(p + size - 4);
    } else if (size > 0) {
        low = (uint64_t) p[0] << 16 | (uint64_t) p[size >> 1] << 8 | p[size - 1];
    }
    return finish(low, high, KEY_B, size);
}
