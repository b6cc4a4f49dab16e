#include "cli/lake_position.h"

#include <stdio.h>

#include "catalog/table_names.h"
#include "change/change_stream.h"
#include "state/table_properties.h"

/* Both: what the table says of itself, and of all that are followed. */
typedef struct said_position {
    bool     is_followed;
    uint64_t own, consistent;
} said_position;

/* A property that is not there is 0. */
static bool
read_property(const table_metadata *table, const char *key, uint64_t *ret_position)
{
    const char *text = table_metadata_property(table, key);

    *ret_position = 0;
    return !text || change_position_parse(text, ret_position);
}

static void
take_table(const table_metadata *table, const char *name, said_position *said, lake_position *out)
{
    table_follow_state state = table_follow_state_of(table);

    if (table_follow_is_stopped(state)) return;
    said->is_followed = state != TABLE_NOT_FOLLOWED;
    bool is_clear = read_property(table, said->is_followed ? PROPERTY_POSITION : PROPERTY_LOAD_POSITION, &said->own);
    is_clear &= read_property(table, PROPERTY_CONSISTENT, &said->consistent);
    if (!is_clear) {
        out->is_unclear = true;
        (void) snprintf(out->table, sizeof out->table, "%s", name);
    }
    out->table_count++;
}

static void
take_lowest(const table_names *list, const said_position *said, const bool *taken, lake_position *out)
{
    uint64_t consistent = 0;

    for (unsigned i = 0; i < list->count; i++) {
        if (taken[i] && said[i].consistent > consistent) consistent = said[i].consistent;
    }
    out->position = UINT64_MAX;
    for (unsigned i = 0; i < list->count; i++) {
        if (!taken[i]) continue;
        uint64_t complete = said[i].is_followed && consistent > said[i].own ? consistent : said[i].own;
        if (complete >= out->position) continue;
        out->position = complete;
        if (!out->is_unclear) (void) snprintf(out->table, sizeof out->table, "%s", list->names[i]);
    }
}

firn_status
lake_position_find(catalog *lake, const char *const namespace_levels[], unsigned level_count, const char *schema,
                   lake_position *ret_position, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    table_names list = {.arena = &arena};
    table_ident ident = {.namespace_levels = namespace_levels, .level_count = level_count};
    firn_status status = lake->ops->list(lake, &ident, table_names_add, &list, err);

    *ret_position = (lake_position){0};
    if (status == FIRN_NOT_FOUND) {
        firn_error_reset(err);
        return FIRN_OK;
    }
    FIRN_TRY(status);
    said_position *said = firn_arena_array(&arena, list.count + 1, sizeof *said);
    bool          *taken = firn_arena_array(&arena, list.count + 1, sizeof *taken);
    if (!said || !taken) return firn_fail_memory(err, "the tables");
    for (unsigned i = 0; i < list.count; i++) {
        FIRN_AUTO(table_metadata_unrefp) table_metadata *table = NULL;
        unsigned                                         before = ret_position->table_count;
        ident.name = list.names[i];
        FIRN_TRY(lake->ops->load(lake, &ident, &table, err));
        if (table_is_loaded_from(table, schema, list.names[i])) take_table(table, list.names[i], &said[i], ret_position);
        taken[i] = ret_position->table_count > before;
    }
    take_lowest(&list, said, taken, ret_position);
    return FIRN_OK;
}
