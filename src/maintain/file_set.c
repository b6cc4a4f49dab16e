#include "maintain/file_set.h"

#include "base/hash.h"
#include "storage/location.h"

firn_status
file_set_init(file_set *set, firn_error *err)
{
    set->hashes = firn_map_new();
    return set->hashes ? FIRN_OK : firn_fail_memory(err, "a set of files");
}

void
file_set_done(file_set *set)
{
    firn_map_free(set->hashes);
    *set = (file_set){0};
}

static uint64_t
hash_of(const char *location)
{
    const char *path = location;
    firn_error  not_local = {0};

    if (location_path(location, &path, &not_local) != FIRN_OK) path = location;
    return firn_hash_bytes(path, strlen(path));
}

firn_status
file_set_add(file_set *set, const char *location, firn_error *err)
{
    uint64_t hash = hash_of(location);

    return firn_map_put(set->hashes, firn_slice_of(&hash, sizeof hash), set, err);
}

bool
file_set_has(const file_set *set, const char *location)
{
    uint64_t hash = hash_of(location);

    return firn_map_get(set->hashes, firn_slice_of(&hash, sizeof hash)) != NULL;
}
