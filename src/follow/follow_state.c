#include "follow/follow_state.h"

#include <string.h>

#include "catalog/commit.h"
#include "catalog/table_names.h"
#include "change/change_stream.h"
#include "follow/followed_table.h"

typedef struct state_change {
    const follow_state_change *wanted;
    char                       text[CHANGE_POSITION_TEXT_MAX];
    bool                       is_the_table;
    table_property             properties[2];
} state_change;

static bool
is_above(const table_metadata *table, const char *key, uint64_t position)
{
    const char *text = table_metadata_property(table, key);
    uint64_t    there;

    return text && change_position_parse(text, &there) && there > position;
}

static bool
is_followed(const table_metadata *table)
{
    return table_metadata_property(table, PROPERTY_FOLLOWED_LOAD) && table_metadata_property(table, PROPERTY_POSITION);
}

static firn_status
decide(void *state, const table_metadata *base, table_change *ret_change, firn_error *err)
{
    state_change *c = state;
    firn_uuid     id = ret_change->commit_id;
    unsigned      count = 0;

    if (!base) return firn_fail(err, FIRN_E_CATALOG_TABLE_NOT_FOUND, "the table is not in the lake any more");
    if (c->is_the_table) c->properties[count++] = (table_property){PROPERTY_POSITION, c->text};
    if (is_above(base, PROPERTY_CONSISTENT, c->wanted->position))
        c->properties[count++] = (table_property){PROPERTY_CONSISTENT, c->text};
    *ret_change = (table_change){.commit_id = id, .properties = c->properties, .property_count = count};
    return FIRN_OK;
}

static firn_status
set_of_table(catalog *lake, const follow_state_change *wanted, const char *name, bool is_the_table, firn_error *err)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = NULL;
    table_ident  ident = {.namespace_levels = wanted->namespace_levels, .level_count = wanted->namespace_level_count, .name = name};
    state_change c = {.wanted = wanted, .is_the_table = is_the_table};

    FIRN_TRY(lake->ops->load(lake, &ident, &table, err));
    if (is_the_table && !is_followed(table)) {
        (void) firn_fail(err, FIRN_E_FOLLOW_NOT_LOADED, "table '%s' is not followed: it has no position", name);
        firn_state(err, "nothing was changed");
        return err->status;
    }
    if (!is_the_table && !is_above(table, PROPERTY_CONSISTENT, wanted->position)) return FIRN_OK;
    change_position_format(wanted->position, c.text);
    return catalog_commit_decided(lake, &ident, decide, &c, NULL, NULL, err);
}

/* ---- all tables ---- */

firn_status
follow_state_set(catalog *lake, const follow_state_change *change, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    table_names list = {.arena = &arena};
    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = NULL;
    table_ident place = {.namespace_levels = change->namespace_levels, .level_count = change->namespace_level_count};
    table_ident ident = place;

    ident.name = change->table;
    FIRN_TRY(lake->ops->load(lake, &ident, &table, err));
    if (!is_followed(table)) return set_of_table(lake, change, change->table, true, err);
    FIRN_TRY(lake->ops->list(lake, &place, table_names_add, &list, err));
    /* A crash in between leaves positions that are lower than need be, never higher. */
    for (unsigned i = 0; i < list.count; i++) {
        if (strcmp(list.names[i], change->table) != 0) FIRN_TRY(set_of_table(lake, change, list.names[i], false, err));
    }
    return set_of_table(lake, change, change->table, true, err);
}
