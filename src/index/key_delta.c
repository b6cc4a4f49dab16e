#include "index/key_delta.h"

#include "base/alloc.h"

/* Slots are full to two thirds at most. */
#define CAPACITY_MIN 1024

void
key_delta_done(key_delta *delta)
{
    firn_free(delta->slots);
    *delta = (key_delta){0};
}

void
key_delta_reset(key_delta *delta)
{
    key_delta_done(delta);
}

firn_status
key_delta_reserve(key_delta *delta, size_t extra, firn_error *err)
{
    size_t          wanted = delta->count + extra, capacity = delta->capacity ? delta->capacity : CAPACITY_MIN;
    key_delta_slot *slots;
    key_delta       bigger = {0};

    if (wanted < extra || wanted > SIZE_MAX / 4) return firn_fail_memory(err, "the key index");
    while (capacity / 3 * 2 <= wanted) capacity *= 2;
    if (capacity == delta->capacity) return FIRN_OK;
    slots = firn_calloc_table(capacity, sizeof *slots);
    if (!slots) return firn_fail_memory(err, "the key index");
    bigger = (key_delta){slots, 0, capacity};
    for (size_t i = 0; i < delta->capacity; i++) {
        const key_delta_slot *slot = &delta->slots[i];

        if (slot->used) key_delta_put(&bigger, (key_hash){slot->high, slot->low}, slot->place);
    }
    key_delta_done(delta);
    *delta = bigger;
    return FIRN_OK;
}

void
key_delta_put(key_delta *delta, key_hash key, uint64_t place)
{
    key_delta_slot *slot, *end = delta->slots + delta->capacity;

    assert(delta->count < delta->capacity / 3 * 2);
    slot = delta->slots + (key_delta_home(delta, key) - delta->slots);
    for (; slot->used; slot = slot + 1 == end ? delta->slots : slot + 1) {
        if (slot->high != key.high || slot->low != key.low) continue;
        slot->place = place;
        return;
    }
    *slot = (key_delta_slot){key.high, place, key.low, 1};
    delta->count++;
}
