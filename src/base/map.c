#include "base/map.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "base/hash.h"

enum { SLOT_COUNT_FIRST = 16 };

typedef struct map_entry {
    uint8_t *key;
    size_t   key_size;
    uint64_t hash;
    void    *value;
} map_entry;

struct firn_map {
    map_entry *entries; /* in insertion order */
    uint32_t  *slots;   /* entry index + 1, 0 = empty; a power of two of them, at most half full */
    size_t     entry_count, slot_count;
};

firn_map *
firn_map_new(void)
{
    firn_map *map = firn_calloc(1, sizeof *map);

    if (!map) return NULL;
    map->slot_count = SLOT_COUNT_FIRST;
    map->slots = firn_calloc(SLOT_COUNT_FIRST, sizeof *map->slots);
    map->entries = firn_calloc(SLOT_COUNT_FIRST / 2, sizeof *map->entries);
    if (!map->slots || !map->entries) {
        firn_map_free(map);
        return NULL;
    }
    return map;
}

void
firn_map_free(firn_map *map)
{
    if (!map) return;
    for (size_t i = 0; i < map->entry_count; i++) {
        firn_free(map->entries[i].key);
    }
    firn_free(map->entries);
    firn_free(map->slots);
    firn_free(map);
}

/* The slot that holds the key, or the empty one where it belongs. */
static size_t
find_slot(const firn_map *map, firn_slice key, uint64_t hash)
{
    size_t mask = map->slot_count - 1;
    size_t slot = (size_t) hash & mask;

    for (; map->slots[slot] != 0; slot = (slot + 1) & mask) {
        const map_entry *entry = &map->entries[map->slots[slot] - 1];
        if (entry->hash == hash && firn_slice_equal(firn_slice_of(entry->key, entry->key_size), key)) break;
    }
    return slot;
}

static firn_status
grow(firn_map *map, firn_error *err)
{
    size_t     slot_count = map->slot_count * 2;
    uint32_t  *slots;
    map_entry *entries;

    if (slot_count > UINT32_MAX) return firn_fail_memory(err, "a map of that many keys");
    entries = firn_realloc(map->entries, slot_count / 2 * sizeof *entries);
    if (!entries) return firn_fail_memory(err, "a map");
    map->entries = entries;
    slots = firn_calloc(slot_count, sizeof *slots);
    if (!slots) return firn_fail_memory(err, "a map");
    for (size_t i = 0; i < map->entry_count; i++) {
        size_t slot = (size_t) entries[i].hash & (slot_count - 1);
        while (slots[slot] != 0) {
            slot = (slot + 1) & (slot_count - 1);
        }
        slots[slot] = (uint32_t) i + 1;
    }
    firn_free(map->slots);
    map->slots = slots;
    map->slot_count = slot_count;
    return FIRN_OK;
}

firn_status
firn_map_put(firn_map *map, firn_slice key, void *value, firn_error *err)
{
    uint64_t   hash = firn_hash_bytes(key.data, key.size);
    size_t     slot = find_slot(map, key, hash);
    map_entry *entry;
    uint8_t   *copy;

    if (map->slots[slot] != 0) {
        map->entries[map->slots[slot] - 1].value = value;
        return FIRN_OK;
    }
    if (map->entry_count == map->slot_count / 2) {
        FIRN_TRY(grow(map, err));
        slot = find_slot(map, key, hash);
    }
    copy = firn_alloc(key.size);
    if (!copy) return firn_fail_memory(err, "a map's key");
    if (key.size > 0) {
        memcpy(copy, key.data, key.size);
    }
    entry = &map->entries[map->entry_count++];
    *entry = (map_entry){copy, key.size, hash, value};
    map->slots[slot] = (uint32_t) map->entry_count;
    return FIRN_OK;
}

void *
firn_map_get(const firn_map *map, firn_slice key)
{
    uint32_t at = map->slots[find_slot(map, key, firn_hash_bytes(key.data, key.size))];
    return at ? map->entries[at - 1].value : NULL;
}

size_t
firn_map_count(const firn_map *map)
{
    return map->entry_count;
}

firn_slice
firn_map_key(const firn_map *map, size_t index)
{
    assert(index < map->entry_count);
    return firn_slice_of(map->entries[index].key, map->entries[index].key_size);
}

void *
firn_map_value(const firn_map *map, size_t index)
{
    assert(index < map->entry_count);
    return map->entries[index].value;
}
