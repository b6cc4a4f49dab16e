#include <string.h>
#include <unistd.h>

#include "change/change_stream.h"
#include "cli/connect.h"
#include "cli/session.h"
#include "cli/source_lock.h"
#include "cli/table_print.h"
#include "codec/json_writer.h"
#include "follow/follow_state.h"
#include "follow/followed_table.h"

typedef struct state_place {
    lake_connection    lake;
    const char *const *levels;
    unsigned           level_count;
} state_place;

static void
state_place_done(state_place *place)
{
    lake_connection_done(&place->lake);
}

static firn_status
open_place(session *s, state_place *place, firn_error *err)
{
    const yaml_node *entry = NULL;

    FIRN_TRY(session_open_source(s, false, &entry, err));
    FIRN_TRY(connect_namespace(s, &place->levels, &place->level_count, err));
    return connect_lake(s, &place->lake, err);
}

/* ---- show ---- */

static const char *const shown[] = {PROPERTY_POSITION,     PROPERTY_CONSISTENT,      PROPERTY_LOAD_POSITION,
                                    PROPERTY_FOLLOWED_LOAD, PROPERTY_SOURCE_IDENTITY, PROPERTY_FOLLOW_STATE,
                                    PROPERTY_FOLLOW_REASON, PROPERTY_EVENTS_APPLIED,  PROPERTY_LAST_EVENT};

static firn_status
show_json(session *s, const char *name, const table_metadata *table, firn_error *err)
{
    jwriter w;

    jwrite_begin(&w, &s->result, true, err);
    jwrite_object(&w);
    jwrite_member_text(&w, "table", name);
    for (size_t i = 0; i < FIRN_COUNT(shown); i++) jwrite_member_text(&w, shown[i], table_metadata_property(table, shown[i]));
    jwrite_object_end(&w);
    FIRN_TRY(jwrite_end(&w));
    return firn_buffer_add_byte(&s->result, '\n', err);
}

firn_status
cmd_state_show_run(session *s, firn_error *err)
{
    FIRN_AUTO(state_place_done) state_place place = {0};
    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = NULL;
    static const char *headers[] = {"property", "value"};
    table_print        print;

    FIRN_TRY(open_place(s, &place, err));
    table_ident ident = {.namespace_levels = place.levels, .level_count = place.level_count, .name = s->line.operands[0]};
    FIRN_TRY(place.lake.lake->ops->load(place.lake.lake, &ident, &table, err));
    if (strcmp(settings_text(&s->values, OPTION_FORMAT), "json") == 0) return show_json(s, ident.name, table, err);
    table_print_init(&print, &s->arena, headers, FIRN_COUNT(headers));
    for (size_t i = 0; i < FIRN_COUNT(shown); i++) {
        const char *cells[] = {shown[i], table_metadata_property(table, shown[i])};
        if (cells[1]) FIRN_TRY(table_print_add(&print, cells, err));
    }
    return table_print_write(&print, &s->result, err);
}

/* ---- set ---- */

firn_status
cmd_state_set_run(session *s, firn_error *err)
{
    FIRN_AUTO(state_place_done) state_place place = {0};
    FIRN_AUTO(file_lock_freep) file_lock *lock = NULL;
    follow_state_change change = {.table = s->line.operands[0]};

    if (!change_position_parse(s->line.operands[1], &change.position))
        return firn_fail(err, FIRN_E_OPTION_VALUE, "'%s' is no position: it looks like 3F/9A01C2D8", s->line.operands[1]);
    FIRN_TRY(open_place(s, &place, err));
    if (!settings_flag(&s->values, OPTION_YES)) {
        (void) firn_fail(err, FIRN_E_CONFIRMATION_MISSING, "the position of '%s' was not set: changes may be lost or come twice by it",
                         change.table);
        firn_hint(err, "give --yes when you are sure");
        firn_state(err, "nothing was changed");
        return err->status;
    }
    FIRN_TRY(source_lock_take(s, "firn state set", &lock, err));
    change.namespace_levels = place.levels;
    change.namespace_level_count = place.level_count;
    FIRN_TRY(follow_state_set(place.lake.lake, &change, err));
    log_info("the position of '%s' is %s now", change.table, s->line.operands[1]);
    return FIRN_OK;
}
