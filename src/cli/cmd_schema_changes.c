#include <string.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/connect.h"
#include "cli/session.h"
#include "cli/table_print.h"
#include "codec/json_writer.h"
#include "state/schema_changes_table.h"

/* What is asked for. */
typedef struct choice {
    int64_t        since_us; /* INT64_MIN: from the beginning */
    const setting *tables, *kinds;
} choice;

static bool
is_one_of(const char *text, const setting *patterns)
{
    for (unsigned i = 0; i < patterns->item_count; i++) {
        if (text_like(text, patterns->items[i])) return true;
    }
    return patterns->item_count == 0;
}

static bool
is_wanted(const choice *c, const schema_change_row *row)
{
    return row->changed_at_us >= c->since_us && is_one_of(row->table_name, c->tables) && is_one_of(row->kind, c->kinds);
}

/* A point in time, or a time ago. */
static firn_status
take_since(const session *s, int64_t *ret_us, firn_error *err)
{
    const char *text = settings_text(&s->values, OPTION_SINCE);
    firn_slice  slice = firn_slice_of((const uint8_t *) text, text ? strlen(text) : 0);
    uint64_t    ms = 0;
    char        midnight[32];

    *ret_us = INT64_MIN;
    if (!text) return FIRN_OK;
    if (text_parse_duration(slice, &ms)) {
        *ret_us = firn_clock_now_us() - (int64_t) (ms < INT64_MAX / 2000 ? ms * 1000 : INT64_MAX / 2);
        return FIRN_OK;
    }
    if (slice.size == 10) { /* a day */
        memcpy(midnight, text, 10);
        memcpy(midnight + 10, "T00:00:00Z", 11);
        slice = firn_slice_of((const uint8_t *) midnight, 20);
    }
    if (calendar_parse_timestamp(slice, ret_us)) return FIRN_OK;
    return firn_fail(err, FIRN_E_OPTION_VALUE,
                     "--since cannot be '%s': a time as 2026-11-24T08:00:00Z or 2026-11-24, or how long ago, as 2h or 7d",
                     text);
}

static const char *
time_text(session *s, int64_t us)
{
    char text[CALENDAR_TEXT_MAX];

    calendar_format_timestamp(us, true, text);
    return firn_arena_strdup(&s->arena, text);
}

static firn_status
show_table(session *s, const schema_change_row *const rows[], size_t count, firn_error *err)
{
    static const char *headers[] = {"time", "table", "column", "change", "before", "after", "done", "position", "note"};
    table_print        table;

    table_print_init(&table, &s->arena, headers, FIRN_COUNT(headers));
    for (size_t i = 0; i < count; i++) {
        const schema_change_row *row = rows[i];
        const char              *cells[] = {time_text(s, row->changed_at_us - row->changed_at_us % 1000000),
                                            row->table_name,
                                            row->column_name,
                                            row->kind,
                                            row->before,
                                            row->after,
                                            row->action,
                                            row->position,
                                            row->note};
        FIRN_TRY(table_print_add(&table, cells, err));
    }
    return table_print_write(&table, &s->result, err);
}

static void
write_row(session *s, jwriter *w, const schema_change_row *row)
{
    jwrite_object(w);
    jwrite_member_text(w, "changed_at", time_text(s, row->changed_at_us));
    schema_change_write_members(row, w);
    jwrite_member_text(w, "position", row->position);
    jwrite_member_text(w, "correlation_id", row->correlation_id);
    jwrite_member_text(w, "recorded_at", time_text(s, row->recorded_at_us));
    jwrite_object_end(w);
}

static firn_status
show_json(session *s, const schema_change_row *const rows[], size_t count, firn_error *err)
{
    jwriter w;

    jwrite_begin(&w, &s->result, true, err);
    jwrite_object(&w);
    jwrite_member_text(&w, "source", settings_text(&s->values, OPTION_SOURCE));
    jwrite_member_text(&w, "namespace", settings_text(&s->values, OPTION_ICEBERG_NAMESPACE));
    jwrite_key(&w, "changes");
    jwrite_array(&w);
    for (size_t i = 0; i < count; i++) write_row(s, &w, rows[i]);
    jwrite_array_end(&w);
    jwrite_object_end(&w);
    FIRN_TRY(jwrite_end(&w));
    return firn_buffer_add_byte(&s->result, '\n', err);
}

/* Reads the table; none yet is no change yet. */
static firn_status
read_changes(session *s, schema_change_rows *ret_rows, firn_error *err)
{
    FIRN_AUTO(lake_connection_done) lake_connection lake = {0};
    const char *const                              *levels = NULL;
    unsigned                                        level_count = 0;

    FIRN_TRY(connect_namespace(s, &levels, &level_count, err));
    FIRN_TRY(connect_lake(s, &lake, err));
    firn_status status = schema_changes_table_read(lake.lake, levels, level_count, &s->arena, ret_rows, err);
    if (status != FIRN_NOT_FOUND) return status;
    firn_error_reset(err);
    log_info("no change of a table has been recorded: there is no '%s.%s' in '%s'",
             settings_text(&s->values, OPTION_ICEBERG_NAMESPACE), SCHEMA_CHANGES_TABLE_NAME, lake.warehouse);
    return FIRN_OK;
}

firn_status
cmd_schema_changes_run(session *s, firn_error *err)
{
    choice            c = {.tables = &s->values.values[OPTION_TABLE_FILTER], .kinds = &s->values.values[OPTION_KIND]};
    const yaml_node  *entry = NULL;
    schema_change_rows rows = {0};
    size_t            count = 0, first = 0;

    FIRN_TRY(take_since(s, &c.since_us, err));
    FIRN_TRY(session_open_source(s, false, &entry, err));
    FIRN_TRY(read_changes(s, &rows, err));
    const schema_change_row **wanted = firn_arena_array(&s->arena, rows.count + 1, sizeof *wanted);
    if (!wanted) return firn_fail_memory(err, "the changes of schemas");
    for (size_t i = 0; i < rows.count; i++) {
        if (is_wanted(&c, &rows.rows[i])) wanted[count++] = &rows.rows[i];
    }
    size_t limit = (size_t) settings_number(&s->values, OPTION_LIMIT);
    if (limit && count > limit) first = count - limit;
    if (strcmp(settings_text(&s->values, OPTION_FORMAT), "json") == 0)
        return show_json(s, wanted + first, count - first, err);
    return show_table(s, wanted + first, count - first, err);
}
