#include "cli/status_view.h"

#include <stdio.h>
#include <string.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "base/text.h"
#include "cli/table_print.h"
#include "follow/followed_table.h"
#include "load/load_commit.h"

/* A rate is that of the last minutes. */
#define RATE_MS ((int64_t) 5 * 60 * 1000)

/* ---- what a table says of itself ---- */

static bool
events_of(const snapshot *s, int64_t *ret_events)
{
    const char *text = snapshot_summary(s, PROPERTY_EVENTS_APPLIED);

    return text && text_parse_i64(firn_slice_text(text), ret_events);
}

/* From the last commit before the last minutes, or the first one within them, to the newest one. */
static double
rate_of(const table_metadata *table, int64_t now_ms)
{
    const snapshot *current = table_metadata_current_snapshot(table);
    int64_t         from_ms = 0, from_events = 0, last_events = 0, events;
    bool            has_old = false;

    if (!current || !events_of(current, &last_events)) return -1;
    for (unsigned i = 0; i < table->snapshot_count; i++) {
        const snapshot *s = &table->snapshots[i];
        bool            is_old = s->timestamp_ms <= now_ms - RATE_MS;

        if (!events_of(s, &events)) continue;
        if (from_ms && (is_old ? has_old && s->timestamp_ms < from_ms : has_old || s->timestamp_ms > from_ms)) continue;
        from_ms = s->timestamp_ms;
        from_events = events;
        has_old = is_old;
    }
    if (has_old) from_ms = now_ms - RATE_MS;
    if (last_events < from_events || now_ms <= from_ms || (!has_old && from_ms == current->timestamp_ms)) return -1;
    return (double) (last_events - from_events) * 1000 / (double) (now_ms - from_ms);
}

/* NULL stays NULL. */
static firn_status
copy_text(firn_arena *arena, const char *text, const char **ret_copy, firn_error *err)
{
    *ret_copy = text ? firn_arena_strdup(arena, text) : NULL;
    return text && !*ret_copy ? firn_fail_memory(err, "the status of the tables") : FIRN_OK;
}

firn_status
status_entry_take_table(status_entry *entry, const table_metadata *table, int64_t now_us, firn_arena *arena, firn_error *err)
{
    const char     *position = table_metadata_property(table, PROPERTY_POSITION);
    const char     *reason = table_metadata_property(table, PROPERTY_FOLLOW_REASON);
    const snapshot *current = table_metadata_current_snapshot(table);
    table_follow_state state = table_follow_state_of(table);
    bool            stopped = table_follow_is_stopped(state);
    uint64_t        ours, rows = 0;

    entry->totals = snapshot_totals_of(current);
    FIRN_TRY(copy_text(arena, current ? snapshot_summary(current, SUMMARY_ROWS_CHECKSUM) : NULL, &entry->rows_checksum, err));
    if (state == TABLE_NOT_FOLLOWED) return FIRN_OK;
    entry->follow_state = stopped ? FOLLOW_STATE_STOPPED : FOLLOW_STATE_FOLLOWING;
    if (position && change_position_parse(position, &ours) &&
        (stopped || !entry->row.cdc_position || !change_position_parse(entry->row.cdc_position, &rows) || ours > rows))
        FIRN_TRY(copy_text(arena, position, &entry->row.cdc_position, err));
    entry->row.events_applied = table_metadata_property_i64(table, PROPERTY_EVENTS_APPLIED, entry->row.events_applied);
    entry->row.last_event_at_us = table_metadata_property_i64(table, PROPERTY_LAST_EVENT, entry->row.last_event_at_us);
    if (current && snapshot_summary(current, PROPERTY_POSITION)) entry->row.last_commit_at_us = current->timestamp_ms * 1000;
    if (stopped) FIRN_TRY(copy_text(arena, reason, &entry->row.error_message, err));
    entry->changes_per_second = rate_of(table, now_us / 1000);
    return FIRN_OK;
}

/* ---- for people ---- */

static const char *
time_text(firn_arena *arena, int64_t us)
{
    char text[CALENDAR_TEXT_MAX];

    if (us == 0) return NULL;
    calendar_format_timestamp(us - us % 1000000, true, text);
    return firn_arena_strdup(arena, text);
}

static const char *
count_text(firn_arena *arena, int64_t count)
{
    return table_print_count(arena, count < 0 ? 0 : (uint64_t) count);
}

/* What readers pay for: "12 + 3", data files and delete files. */
static const char *
files_text(firn_arena *arena, const snapshot_totals *t)
{
    if (t->data_files < 0) return NULL;
    if (t->delete_files <= 0) return count_text(arena, t->data_files);
    return firn_arena_printf(arena, "%s + %s", count_text(arena, t->data_files), count_text(arena, t->delete_files));
}

static const char *
lag_text(firn_arena *arena, const status_entry *e)
{
    char time[32], bytes[32];

    if (e->lag_bytes < 0 && e->lag_seconds < 0) return NULL;
    text_format_duration(e->lag_seconds < 0 ? 0 : (uint64_t) (e->lag_seconds * 1000), time);
    text_format_bytes(e->lag_bytes < 0 ? 0 : (uint64_t) e->lag_bytes, bytes);
    if (e->lag_bytes < 0) return firn_arena_strdup(arena, time);
    return firn_arena_printf(arena, "%s%s%s", bytes, e->lag_seconds < 0 ? "" : ", ", e->lag_seconds < 0 ? "" : time);
}

/* What the slot costs, and until when. */
static firn_status
write_slot_line(const slot_progress *slot, firn_buffer *out, firn_error *err)
{
    char held[32], left[32], limit[32];

    if (!slot->exists) return firn_buffer_printf(out, err, "\nslot %s: does not exist\n", slot->name);
    text_format_bytes((uint64_t) (slot->retained_bytes > 0 ? slot->retained_bytes : 0), held);
    text_format_bytes((uint64_t) (slot->safe_bytes > 0 ? slot->safe_bytes : 0), left);
    text_format_bytes((uint64_t) slot->limit_bytes, limit);
    return firn_buffer_printf(out, err, "\nslot %s: holds %s of the source's log%s%s; %s%s%s%s%s\n", slot->name, held,
                              slot->limit_bytes ? ", limit " : "", slot->limit_bytes ? limit : "",
                              slot->is_active ? "is being read" : "nobody reads it", slot->status[0] ? "; " : "", slot->status,
                              slot->safe_bytes >= 0 ? "; PostgreSQL invalidates it after another " : "",
                              slot->safe_bytes >= 0 ? left : "");
}

firn_status
status_view_write_table(const status_view *view, firn_arena *arena, firn_buffer *out, firn_error *err)
{
    static const char *headers[] = {"table", "state", "rows", "position", "lag", "changes", "changes/s", "files", "deleted rows", "last commit",
                                    "error"};
    table_print        table;

    table_print_init(&table, arena, headers, FIRN_COUNT(headers));
    table.right[2] = table.right[5] = table.right[6] = table.right[7] = table.right[8] = true;
    for (unsigned i = 0; i < view->count; i++) {
        const status_entry *e = &view->entries[i];
        const char *rate = e->changes_per_second < 0 ? NULL : firn_arena_printf(arena, "%.1f", e->changes_per_second);
        const char *cells[] = {e->row.table_name,
                               e->follow_state ? e->follow_state : e->row.load_status,
                               count_text(arena, e->row.record_count),
                               e->row.cdc_position ? e->row.cdc_position : e->row.load_position,
                               lag_text(arena, e),
                               e->follow_state ? count_text(arena, e->row.events_applied) : NULL,
                               rate,
                               files_text(arena, &e->totals),
                               e->totals.deleted_rows < 0 ? NULL : count_text(arena, e->totals.deleted_rows),
                               time_text(arena, e->row.last_commit_at_us),
                               e->row.error_message};
        FIRN_TRY(table_print_add(&table, cells, err));
    }
    FIRN_TRY(table_print_write(&table, out, err));
    return view->slot.name ? write_slot_line(&view->slot, out, err) : FIRN_OK;
}

/* ---- JSON ---- */

static void
write_time(jwriter *w, const char *key, int64_t us)
{
    char text[CALENDAR_TEXT_MAX];

    if (us) calendar_format_timestamp(us - us % 1000000, true, text);
    jwrite_member_text(w, key, us ? text : NULL);
}

static void
write_number(jwriter *w, const char *key, double number)
{
    jwrite_key(w, key);
    if (number < 0) jwrite_null(w);
    else
        jwrite_double(w, number);
}

static void
write_count(jwriter *w, const char *key, int64_t count)
{
    jwrite_key(w, key);
    if (count < 0) jwrite_null(w);
    else
        jwrite_i64(w, count);
}

static void
write_entry(jwriter *w, const status_entry *e)
{
    const status_row *row = &e->row;

    jwrite_object(w);
    jwrite_member_text(w, "table_name", row->table_name);
    jwrite_member_text(w, "load_status", row->load_status);
    jwrite_member_text(w, "follow_state", e->follow_state);
    jwrite_member_i64(w, "record_count", row->record_count);
    jwrite_member_text(w, "rows_checksum", e->rows_checksum);
    jwrite_key(w, "primary_keys");
    jwrite_array(w);
    for (unsigned i = 0; i < row->primary_key_count; i++) {
        jwrite_text(w, row->primary_keys[i]);
    }
    jwrite_array_end(w);
    write_time(w, "initial_load_start", row->initial_load_start_us);
    write_time(w, "initial_load_end", row->initial_load_end_us);
    jwrite_member_text(w, "load_position", row->load_position);
    jwrite_member_text(w, "cdc_position", row->cdc_position);
    write_count(w, "lag_bytes", e->lag_bytes);
    write_number(w, "lag_seconds", e->lag_seconds);
    write_number(w, "changes_per_second", e->changes_per_second);
    write_count(w, "data_files", e->totals.data_files);
    write_count(w, "delete_files", e->totals.delete_files);
    write_count(w, "deleted_rows", e->totals.deleted_rows);
    write_number(w, "small_file_ratio", e->small_file_ratio);
    write_time(w, "last_event_at", row->last_event_at_us);
    write_time(w, "last_commit_at", row->last_commit_at_us);
    jwrite_member_i64(w, "events_applied", row->events_applied);
    jwrite_member_text(w, "error_message", row->error_message);
    jwrite_member_text(w, "correlation_id", row->correlation_id);
    write_time(w, "updated_at", row->updated_at_us);
    jwrite_object_end(w);
}

/* null: the source was not asked, or does not answer. */
static void
write_slot(jwriter *w, const slot_progress *slot)
{
    jwrite_key(w, "slot");
    if (!slot->name) {
        jwrite_null(w);
        return;
    }
    jwrite_object(w);
    jwrite_member_text(w, "name", slot->name);
    jwrite_member_bool(w, "exists", slot->exists);
    jwrite_member_bool(w, "active", slot->is_active);
    jwrite_member_text(w, "status", slot->exists && slot->status[0] ? slot->status : NULL);
    write_count(w, "retained_bytes", slot->exists ? slot->retained_bytes : -1);
    write_count(w, "safe_bytes", slot->exists ? slot->safe_bytes : -1);
    write_count(w, "limit_bytes", slot->limit_bytes ? slot->limit_bytes : -1);
    jwrite_object_end(w);
}

/* null: changes do not come from topics, or nobody reads them here. */
static void
write_lags(jwriter *w, const status_view *view)
{
    int64_t now_us = firn_clock_now_us();

    jwrite_key(w, "topics");
    if (!view->has_lags) {
        jwrite_null(w);
        return;
    }
    jwrite_array(w);
    for (unsigned i = 0; i < view->lag_count; i++) {
        const change_lag *lag = &view->lags[i];

        jwrite_object(w);
        jwrite_member_text(w, "topic", lag->topic);
        jwrite_member_i64(w, "partition", lag->partition);
        jwrite_member_i64(w, "lag_messages", (int64_t) lag->messages);
        const int64_t lag_us = change_lag_us(lag, now_us);
        write_number(w, "lag_seconds", (double) lag_us / 1e6);
        jwrite_object_end(w);
    }
    jwrite_array_end(w);
    jwrite_member_i64(w, "reselected_rows", (int64_t) view->reselected);
}

firn_status
status_view_write_json(const status_view *view, firn_buffer *out, firn_error *err)
{
    jwriter w;

    jwrite_begin(&w, out, true, err);
    jwrite_object(&w);
    jwrite_member_text(&w, "source", view->source);
    jwrite_member_text(&w, "namespace", view->namespace_name);
    write_slot(&w, &view->slot);
    write_lags(&w, view);
    jwrite_key(&w, "tables");
    jwrite_array(&w);
    for (unsigned i = 0; i < view->count; i++) write_entry(&w, &view->entries[i]);
    jwrite_array_end(&w);
    jwrite_object_end(&w);
    FIRN_TRY(jwrite_end(&w));
    return firn_buffer_add_byte(out, '\n', err);
}
