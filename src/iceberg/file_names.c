#include "iceberg/file_names.h"

#include <inttypes.h>

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
