/*
 * A key of any length as 96 bits: SipHash-2-4 with 128 bits of output, cut, under a seed that each index draws for itself.
 *
 * Spec:      Aumasson, Bernstein, "SipHash: a fast short-input PRF"; the 128-bit variant of the reference implementation
 * Collisions: two keys with one hash would be one key to the index, so that a row would be deleted in place of
 *            another. Among n keys that happens with a chance of n²/2^97: 1.6e-14 for 50 million, 6e-12 for a
 *            thousand million. The seed is secret, so that nobody who chooses keys can choose collisions.
 */
#ifndef FIRN_INDEX_KEY_HASH_H
#define FIRN_INDEX_KEY_HASH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/slice.h"

typedef struct key_hash {
    uint64_t high;
    uint32_t low;
} key_hash;

typedef struct key_seed {
    uint64_t a, b;
} key_seed;

key_hash key_hash_of(const key_seed *seed, firn_slice bytes);
/* Of `count` keys of `size` bytes, one behind the other. */
void     key_hash_each(const key_seed *seed, const uint8_t *bytes, size_t size, size_t count, key_hash ret_hashes[]);

static inline bool
key_hash_equal(key_hash a, key_hash b)
{
    return a.high == b.high && a.low == b.low;
}

/* Ascending by high, then by low. */
static inline bool
key_hash_less(key_hash a, key_hash b)
{
    return a.high != b.high ? a.high < b.high : a.low < b.low;
}

/* For qsort and bsearch: below 0, 0, above 0. */
static inline int
key_hash_compare(key_hash a, key_hash b)
{
    return key_hash_less(a, b) ? -1 : key_hash_less(b, a);
}

/* ---- where a row lies ---- */

/* The number of a data file (file_registry.h) and of a row in it, in one word. */
#define KEY_PLACE_ROW_BITS 36
#define KEY_PLACE_FILE_MAX ((UINT32_C(1) << (64 - KEY_PLACE_ROW_BITS)) - 2)
#define KEY_PLACE_ROW_MAX ((UINT64_C(1) << KEY_PLACE_ROW_BITS) - 1)
#define KEY_PLACE_NONE UINT64_MAX

static inline uint64_t
key_place(uint32_t file, uint64_t row)
{
    return (uint64_t) file << KEY_PLACE_ROW_BITS | row;
}

static inline uint32_t
key_place_file(uint64_t place)
{
    return (uint32_t) (place >> KEY_PLACE_ROW_BITS);
}

static inline uint64_t
key_place_row(uint64_t place)
{
    return place & KEY_PLACE_ROW_MAX;
}

/* A key and where its row lies from now on; KEY_PLACE_NONE: nowhere. */
typedef struct key_change {
    key_hash key;
    uint64_t place;
} key_change;

/* The same as 20 bytes: high, low, place. */
#define KEY_ENTRY_BYTES 20

static inline key_hash
key_entry_key(const uint8_t *entry)
{
    return (key_hash){load_le64(entry), load_le32(entry + 8)};
}

static inline uint64_t
key_entry_place(const uint8_t *entry)
{
    return load_le64(entry + 12);
}

static inline void
key_entry_store(uint8_t *entry, key_change change)
{
    store_le64(entry, change.key.high);
    store_le32(entry + 8, change.key.low);
    store_le64(entry + 12, change.place);
}

#endif
