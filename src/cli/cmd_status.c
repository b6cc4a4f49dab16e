#include <string.h>

#include "base/calendar.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/connect.h"
#include "cli/session.h"
#include "cli/table_print.h"
#include "codec/json_writer.h"
#include "load/load_commit.h"
#include "state/status_table.h"

static const char *
time_text(session *s, int64_t us)
{
    char text[CALENDAR_TEXT_MAX];

    if (us == 0) return NULL;
    calendar_format_timestamp(us - us % 1000000, true, text);
    return firn_arena_strdup(&s->arena, text);
}

static const char *
count_text(session *s, int64_t count)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    firn_error                              ignored = {0};

    firn_buffer_init(&text, 64);
    if (text_add_grouped(&text, count < 0 ? 0 : (uint64_t) count, &ignored) != FIRN_OK) return NULL;
    return firn_arena_text(&s->arena, firn_buffer_slice(&text));
}

static bool
is_wanted(const session *s, const char *table)
{
    const setting *filter = &s->values.values[OPTION_TABLE_FILTER];

    for (unsigned i = 0; i < filter->item_count; i++) {
        if (text_like(table, filter->items[i])) return true;
    }
    return filter->item_count == 0;
}

static firn_status
show_table(session *s, const status_rows *rows, firn_error *err)
{
    static const char *headers[] = {"table", "state", "rows", "load position", "cdc position", "last commit", "error"};
    table_print        table;

    table_print_init(&table, &s->arena, headers, FIRN_COUNT(headers));
    table.right[2] = true;
    for (unsigned i = 0; i < rows->count; i++) {
        const status_row *row = &rows->rows[i];
        if (!is_wanted(s, row->table_name)) continue;
        const char *cells[] = {row->table_name,    row->load_status,  count_text(s, row->record_count),
                               row->load_position, row->cdc_position, time_text(s, row->last_commit_at_us),
                               row->error_message};
        FIRN_TRY(table_print_add(&table, cells, err));
    }
    return table_print_write(&table, &s->result, err);
}

typedef struct lake_namespace {
    catalog           *lake; /* borrowed, as the levels */
    const char *const *levels;
    unsigned           level_count;
} lake_namespace;

/* That of the table's current snapshot; NULL where there is none. A table that cannot be read hides no other's status. */
static const char *
rows_checksum(session *s, const lake_namespace *place, const char *table_name)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = NULL;
    table_ident ident = {.namespace_levels = place->levels, .level_count = place->level_count, .name = table_name};
    firn_error  err = {0};
    firn_status status = place->lake->ops->load(place->lake, &ident, &table, &err);

    if (status == FIRN_NOT_FOUND) return NULL;
    if (status != FIRN_OK) {
        log_warning("the checksum of '%s' is not shown: %s", table_name, err.cause);
        return NULL;
    }
    const snapshot *current = table_metadata_current_snapshot(table);
    const char     *checksum = current ? snapshot_summary(current, SUMMARY_ROWS_CHECKSUM) : NULL;
    return checksum ? firn_arena_strdup(&s->arena, checksum) : NULL;
}

static void
write_row(session *s, jwriter *w, const lake_namespace *place, const status_row *row)
{
    jwrite_object(w);
    jwrite_member_text(w, "table_name", row->table_name);
    jwrite_member_text(w, "load_status", row->load_status);
    jwrite_member_i64(w, "record_count", row->record_count);
    jwrite_member_text(w, "rows_checksum", rows_checksum(s, place, row->table_name));
    jwrite_key(w, "primary_keys");
    jwrite_array(w);
    for (unsigned i = 0; i < row->primary_key_count; i++) {
        jwrite_text(w, row->primary_keys[i]);
    }
    jwrite_array_end(w);
    jwrite_member_text(w, "initial_load_start", time_text(s, row->initial_load_start_us));
    jwrite_member_text(w, "initial_load_end", time_text(s, row->initial_load_end_us));
    jwrite_member_text(w, "load_position", row->load_position);
    jwrite_member_text(w, "cdc_position", row->cdc_position);
    jwrite_member_text(w, "last_event_at", time_text(s, row->last_event_at_us));
    jwrite_member_text(w, "last_commit_at", time_text(s, row->last_commit_at_us));
    jwrite_member_i64(w, "events_applied", row->events_applied);
    jwrite_member_text(w, "error_message", row->error_message);
    jwrite_member_text(w, "correlation_id", row->correlation_id);
    jwrite_member_text(w, "updated_at", time_text(s, row->updated_at_us));
    jwrite_object_end(w);
}

static firn_status
show_json(session *s, const lake_namespace *place, const status_rows *rows, firn_error *err)
{
    jwriter w;

    jwrite_begin(&w, &s->result, true, err);
    jwrite_object(&w);
    jwrite_member_text(&w, "source", settings_text(&s->values, OPTION_SOURCE));
    jwrite_member_text(&w, "namespace", settings_text(&s->values, OPTION_ICEBERG_NAMESPACE));
    jwrite_key(&w, "tables");
    jwrite_array(&w);
    for (unsigned i = 0; i < rows->count; i++) {
        if (is_wanted(s, rows->rows[i].table_name)) write_row(s, &w, place, &rows->rows[i]);
    }
    jwrite_array_end(&w);
    jwrite_object_end(&w);
    FIRN_TRY(jwrite_end(&w));
    return firn_buffer_add_byte(&s->result, '\n', err);
}

firn_status
cmd_status_run(session *s, firn_error *err)
{
    FIRN_AUTO(lake_connection_done) lake_connection lake = {0};
    const yaml_node                                *entry = NULL;
    const char *const                              *levels = NULL;
    unsigned                                        level_count = 0;
    status_rows                                     rows = {0};

    FIRN_TRY(session_open_source(s, false, &entry, err));
    FIRN_TRY(connect_namespace(s, &levels, &level_count, err));
    FIRN_TRY(connect_lake(s, &lake, err));
    firn_status status = status_table_read(lake.lake, levels, level_count, &s->arena, &rows, err);
    if (status == FIRN_NOT_FOUND) {
        const char *name = settings_text(&s->values, OPTION_SOURCE);
        firn_error_reset(err);
        (void) firn_fail(err, FIRN_E_CATALOG_TABLE_NOT_FOUND,
                         "'%s' has not been loaded yet: there is no '%s.%s' in '%s'", name,
                         settings_text(&s->values, OPTION_ICEBERG_NAMESPACE), STATUS_TABLE_NAME, lake.warehouse);
        firn_hint(err, "firn load --source %s", name);
        firn_state(err, "nothing was changed");
        return err->status;
    }
    FIRN_TRY(status);
    if (strcmp(settings_text(&s->values, OPTION_FORMAT), "json") == 0) {
        const lake_namespace place = {.lake = lake.lake, .levels = levels, .level_count = level_count};
        return show_json(s, &place, &rows, err);
    }
    return show_table(s, &rows, err);
}
