#include "iceberg/file_names.h"

#include <inttypes.h>

#include "base/text.h"
#include "storage/location.h"

char *
file_name_data_folder(firn_arena *arena, const char *table_location)
{
    return location_join(arena, table_location, "data");
}

char *
file_name_metadata_folder(firn_arena *arena, const char *table_location)
{
    return location_join(arena, table_location, "metadata");
}

char *
file_name_manifest(firn_arena *arena, const char *table_location, firn_uuid attempt, unsigned number)
{
    char  id[UUID_TEXT_SIZE];
    char *name;

    uuid_format(attempt, id);
    name = firn_arena_printf(arena, "metadata/%s-m%u.avro", id, number);
    return name ? location_join(arena, table_location, name) : NULL;
}

char *
file_name_manifest_list(firn_arena *arena, const char *table_location, int64_t snapshot_id, firn_uuid attempt)
{
    char  id[UUID_TEXT_SIZE];
    char *name;

    uuid_format(attempt, id);
    name = firn_arena_printf(arena, "metadata/snap-%" PRId64 "-1-%s.avro", snapshot_id, id);
    return name ? location_join(arena, table_location, name) : NULL;
}

bool
file_name_metadata_version(const char *name, int64_t *ret_version)
{
    const char *digits = name + 1, *end = digits;

    if (*name != 'v') return false;
    while (*end >= '0' && *end <= '9') end++;
    if (strcmp(end, ".metadata.json") != 0 && strcmp(end, ".gz.metadata.json") != 0 &&
        strcmp(end, ".metadata.json.gz") != 0)
        return false;
    return text_parse_i64(firn_slice_of(digits, (size_t) (end - digits)), ret_version);
}
