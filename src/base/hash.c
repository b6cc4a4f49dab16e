#include "base/hash.h"

uint64_t
firn_hash_bytes_long(const void *bytes, size_t size)
{
    uint64_t       state = FIRN_HASH_KEY_B, other = FIRN_HASH_KEY_C;
    const uint8_t *at = bytes;
    const size_t   total = size;
    const uint8_t *last = at + size - 16;

    for (; size > 32; size -= 32, at += 32) {
        state = firn_hash_fold(load_le64(at) ^ FIRN_HASH_KEY_A, load_le64(at + 8) ^ state);
        other = firn_hash_fold(load_le64(at + 16) ^ FIRN_HASH_KEY_C, load_le64(at + 24) ^ other);
    }
    state ^= other;
    if (size > 16) {
        state = firn_hash_fold(load_le64(at) ^ FIRN_HASH_KEY_A, load_le64(at + 8) ^ state);
    }
    /* The last 16 bytes may overlap what was read: no tail loop. */
    return firn_hash_finish(load_le64(last), load_le64(last + 8), state, total);
}
