#include "state/table_properties.h"

#include <string.h>

table_follow_state
table_follow_state_of(const table_metadata *table)
{
    const char *load = table_metadata_property(table, PROPERTY_LOAD_POSITION);
    const char *followed = table_metadata_property(table, PROPERTY_FOLLOWED_LOAD);
    const char *state = table_metadata_property(table, PROPERTY_FOLLOW_STATE);

    if (!load || !followed || strcmp(load, followed) != 0) return TABLE_NOT_FOLLOWED;
    if (state && strcmp(state, FOLLOW_STATE_RELOAD) == 0) return TABLE_TO_LOAD_AGAIN;
    return state && strcmp(state, FOLLOW_STATE_STOPPED) == 0 ? TABLE_STOPPED : TABLE_FOLLOWING;
}

bool
table_is_loaded_from(const table_metadata *table, const char *schema, const char *name)
{
    const char *owner = table_metadata_property(table, PROPERTY_SOURCE_TABLE);
    size_t      size = strlen(schema);

    return owner && table_metadata_property(table, PROPERTY_LOAD_POSITION) && strncmp(owner, schema, size) == 0 &&
           owner[size] == '.' && strcmp(owner + size + 1, name) == 0;
}

static bool
same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool
table_position_is_same(const table_metadata *a, const table_metadata *b)
{
    static const char *const names[] = {PROPERTY_POSITION, PROPERTY_LOAD_POSITION, PROPERTY_FOLLOWED_LOAD, PROPERTY_RESYNC};

    for (unsigned i = 0; i < FIRN_COUNT(names); i++) {
        if (!same_text(table_metadata_property(a, names[i]), table_metadata_property(b, names[i]))) return false;
    }
    return same_text(table_metadata_uuid(a), table_metadata_uuid(b));
}
