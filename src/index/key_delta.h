/*
 * The newest place of each key that changed since the base was written: an open-addressing map in memory.
 * Not thread-safe.
 */
#ifndef FIRN_INDEX_KEY_DELTA_H
#define FIRN_INDEX_KEY_DELTA_H

#include "base/error.h"
#include "index/key_hash.h"

typedef struct key_delta_slot {
    uint64_t high, place;
    uint32_t low, used;
} key_delta_slot;

typedef struct key_delta {
    key_delta_slot *slots; /* capacity: a power of two; NULL: empty */
    size_t          count, capacity;
} key_delta;

void key_delta_done(key_delta *delta);
/* Empty, the memory given back. */
void key_delta_reset(key_delta *delta);
/* Room for `extra` more keys, so that as many puts cannot fail. */
FIRN_MUST_USE firn_status key_delta_reserve(key_delta *delta, size_t extra, firn_error *err);
/* KEY_PLACE_NONE: known to have no row. */
void                      key_delta_put(key_delta *delta, key_hash key, uint64_t place);

static inline const key_delta_slot *
key_delta_home(const key_delta *delta, key_hash key)
{
    return &delta->slots[(key.high ^ (uint64_t) key.low << 20) & (delta->capacity - 1)];
}

/* False: nothing known. */
static inline bool
key_delta_get(const key_delta *delta, key_hash key, uint64_t *ret_place)
{
    const key_delta_slot *slot, *end = delta->slots + delta->capacity;

    if (delta->count == 0) return false;
    for (slot = key_delta_home(delta, key); slot->used; slot = slot + 1 == end ? delta->slots : slot + 1) {
        if (slot->high != key.high || slot->low != key.low) continue;
        *ret_place = slot->place;
        return true;
    }
    return false;
}

#endif
