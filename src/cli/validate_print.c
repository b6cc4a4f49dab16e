#include "cli/validate_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/table_print.h"

#define NOTE_BYTES_MAX ((size_t) 4096)

static const char *
kind_name(difference_kind kind)
{
    static const char *const names[] = {"only_in_source", "only_in_lake", "different"};

    return names[kind];
}

static const char *
grouped(session *s, bool is_known, uint64_t number)
{
    return is_known ? table_print_count(&s->arena, number) : "";
}

static bool
is_shown(session *s, const validate_table_result *t)
{
    bool empty = t->state == VALIDATE_EQUAL && t->source_rows == 0;

    return !(empty && settings_flag(&s->values, OPTION_HIDE_EMPTY));
}

/* ---- for people ---- */

static firn_status
add_part(firn_buffer *out, uint64_t count, const char *what, firn_error *err)
{
    if (!count) return FIRN_OK;
    return firn_buffer_printf(out, err, "%s%" PRIu64 " %s", out->size ? ", " : "", count, what);
}

static firn_status
note_of(session *s, const validate_table_result *t, const char **ret_note, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};

    firn_buffer_init(&out, NOTE_BYTES_MAX);
    if (t->error) FIRN_TRY(firn_buffer_printf(&out, err, "FIRN-%04u %s", (unsigned) t->error->code, t->error->cause));
    if (t->state == VALIDATE_MISSING) FIRN_TRY(firn_buffer_add_text(&out, "`firn load` loads it", err));
    if (t->state == VALIDATE_EXTRA) FIRN_TRY(firn_buffer_add_text(&out, "the source has no such table", err));
    FIRN_TRY(add_part(&out, t->type_difference_count, "columns differ", err));
    FIRN_TRY(add_part(&out, t->null_keys, "null keys", err));
    FIRN_TRY(add_part(&out, t->duplicate_keys, "duplicate keys", err));
    FIRN_TRY(add_part(&out, t->only_source, "rows only in the source", err));
    FIRN_TRY(add_part(&out, t->only_lake, "rows only in the lake", err));
    FIRN_TRY(add_part(&out, t->changed, "rows different", err));
    if (t->is_partial) FIRN_TRY(firn_buffer_add_text(&out, ", and more", err));
    FIRN_TRY(add_part(&out, t->repaired_keys, "keys repaired", err));
    *ret_note = out.size ? firn_arena_text(&s->arena, firn_buffer_slice(&out)) : "";
    return *ret_note ? FIRN_OK : firn_fail_memory(err, "a note");
}

/* Control characters of a database's values must not steer a terminal. */
static firn_status
add_clean(firn_buffer *out, const char *text, firn_error *err)
{
    for (; text && *text; text++) {
        uint8_t byte = (uint8_t) *text;
        FIRN_TRY(firn_buffer_add_byte(out, byte < 0x20 || byte == 0x7f ? '?' : byte, err));
    }
    return text ? FIRN_OK : firn_buffer_add_text(out, "null", err);
}

static firn_status
print_difference(firn_buffer *out, const row_difference *d, firn_error *err)
{
    FIRN_TRY(firn_buffer_printf(out, err, "  %s  ", kind_name(d->kind)));
    FIRN_TRY(add_clean(out, d->key, err));
    FIRN_TRY(firn_buffer_add_byte(out, '\n', err));
    for (unsigned i = 0; i < d->value_count; i++) {
        FIRN_TRY(firn_buffer_add_text(out, "    ", err));
        FIRN_TRY(add_clean(out, d->values[i].column, err));
        FIRN_TRY(firn_buffer_add_text(out, ": source ", err));
        FIRN_TRY(add_clean(out, d->values[i].source, err));
        FIRN_TRY(firn_buffer_add_text(out, ", lake ", err));
        FIRN_TRY(add_clean(out, d->values[i].lake, err));
        FIRN_TRY(firn_buffer_add_byte(out, '\n', err));
    }
    return FIRN_OK;
}

/* Which columns, and where. */
static firn_status
print_places(firn_buffer *out, const validate_table_result *t, firn_error *err)
{
    for (unsigned i = 0; i < t->column_difference_count; i++) {
        FIRN_TRY(firn_buffer_add_text(out, i ? ", " : "  columns with other values: ", err));
        FIRN_TRY(add_clean(out, t->column_differences[i], err));
    }
    if (t->column_difference_count) FIRN_TRY(firn_buffer_add_byte(out, '\n', err));
    for (unsigned i = 0; i < t->range_count; i++) {
        const range_difference *range = &t->ranges[i];

        FIRN_TRY(firn_buffer_add_text(out, "  from ", err));
        FIRN_TRY(add_clean(out, range->first, err));
        FIRN_TRY(firn_buffer_add_text(out, " to ", err));
        FIRN_TRY(add_clean(out, range->last, err));
        FIRN_TRY(firn_buffer_printf(out, err, ": %" PRIu64 " keys differ, %" PRIu64 " rows in the source, %" PRIu64 " in the lake\n",
                                    range->key_count, range->source_rows, range->lake_rows));
    }
    return FIRN_OK;
}

static firn_status
print_findings(firn_buffer *out, const validate_table_result *t, firn_error *err)
{
    uint64_t    all = t->only_source + t->only_lake + t->changed;
    const char *hint = t->error && t->error->hint[0] ? t->error->hint : NULL;

    if (!t->type_difference_count && !t->shown_count && !hint) return FIRN_OK;
    FIRN_TRY(firn_buffer_add_byte(out, '\n', err));
    FIRN_TRY(add_clean(out, t->name, err));
    FIRN_TRY(firn_buffer_add_byte(out, '\n', err));
    if (hint) {
        FIRN_TRY(firn_buffer_add_text(out, "  hint: ", err));
        FIRN_TRY(add_clean(out, hint, err));
        FIRN_TRY(firn_buffer_add_byte(out, '\n', err));
    }
    for (unsigned i = 0; i < t->type_difference_count; i++) {
        FIRN_TRY(firn_buffer_add_text(out, "  ", err));
        FIRN_TRY(add_clean(out, t->type_differences[i], err));
        FIRN_TRY(firn_buffer_add_byte(out, '\n', err));
    }
    FIRN_TRY(print_places(out, t, err));
    for (unsigned i = 0; i < t->shown_count; i++) FIRN_TRY(print_difference(out, &t->shown[i], err));
    if (all <= t->shown_count) return FIRN_OK;
    return firn_buffer_printf(out, err, "  … %" PRIu64 " in all\n", all);
}

static firn_status
print_tables(session *s, const validate_result *result, firn_error *err)
{
    static const char *headers[] = {"table", "state", "source rows", "lake rows", "lake position", ""};
    table_print        table;

    table_print_init(&table, &s->arena, headers, FIRN_COUNT(headers));
    table.right[2] = table.right[3] = true;
    for (unsigned i = 0; i < result->table_count; i++) {
        const validate_table_result *t = &result->tables[i];
        const char                  *note;

        if (!is_shown(s, t)) continue;
        FIRN_TRY(note_of(s, t, &note, err));
        const char *cells[] = {t->name,
                               validate_state_name(t->state),
                               grouped(s, t->counted, t->source_rows),
                               grouped(s, t->counted, t->lake_rows),
                               t->lake_position,
                               note};
        FIRN_TRY(table_print_add(&table, cells, err));
    }
    FIRN_TRY(table_print_write(&table, &s->result, err));
    for (unsigned i = 0; i < result->table_count; i++) FIRN_TRY(print_findings(&s->result, &result->tables[i], err));
    return FIRN_OK;
}

/* ---- JSON ---- */

static void
write_difference(jwriter *w, const row_difference *d)
{
    jwrite_object(w);
    jwrite_member_text(w, "kind", kind_name(d->kind));
    jwrite_member_text(w, "key", d->key);
    jwrite_key(w, "values");
    jwrite_array(w);
    for (unsigned i = 0; i < d->value_count; i++) {
        jwrite_object(w);
        jwrite_member_text(w, "column", d->values[i].column);
        jwrite_member_text(w, "source", d->values[i].source);
        jwrite_member_text(w, "lake", d->values[i].lake);
        jwrite_object_end(w);
    }
    jwrite_array_end(w);
    jwrite_object_end(w);
}

static void
write_number(jwriter *w, const char *key, bool is_known, uint64_t value)
{
    jwrite_key(w, key);
    if (is_known) jwrite_u64(w, value);
    else
        jwrite_null(w);
}

static void
write_range(jwriter *w, const range_difference *range)
{
    jwrite_object(w);
    jwrite_member_text(w, "first", range->first);
    jwrite_member_text(w, "last", range->last);
    jwrite_member_i64(w, "keys", (int64_t) range->key_count);
    jwrite_member_i64(w, "source_rows", (int64_t) range->source_rows);
    jwrite_member_i64(w, "lake_rows", (int64_t) range->lake_rows);
    jwrite_object_end(w);
}

static void
write_findings(jwriter *w, const validate_table_result *t)
{
    jwrite_key(w, "type_differences");
    jwrite_array(w);
    for (unsigned i = 0; i < t->type_difference_count; i++) jwrite_text(w, t->type_differences[i]);
    jwrite_array_end(w);
    jwrite_key(w, "columns");
    jwrite_array(w);
    for (unsigned i = 0; i < t->column_difference_count; i++) jwrite_text(w, t->column_differences[i]);
    jwrite_array_end(w);
    jwrite_key(w, "ranges");
    jwrite_array(w);
    for (unsigned i = 0; i < t->range_count; i++) write_range(w, &t->ranges[i]);
    jwrite_array_end(w);
    jwrite_key(w, "differences");
    jwrite_array(w);
    for (unsigned i = 0; i < t->shown_count; i++) write_difference(w, &t->shown[i]);
    jwrite_array_end(w);
}

static void
write_table(jwriter *w, const validate_table_result *t)
{
    char code[16] = "";

    if (t->error) (void) snprintf(code, sizeof code, "FIRN-%04u", (unsigned) t->error->code % 10000);
    jwrite_object(w);
    jwrite_member_text(w, "table", t->name);
    jwrite_member_text(w, "state", validate_state_name(t->state));
    write_number(w, "source_rows", t->counted, t->source_rows);
    write_number(w, "lake_rows", t->counted, t->lake_rows);
    write_number(w, "null_keys", t->counted, t->null_keys);
    write_number(w, "duplicate_keys", t->counted, t->duplicate_keys);
    write_number(w, "only_in_source", t->compared, t->only_source);
    write_number(w, "only_in_lake", t->compared, t->only_lake);
    write_number(w, "different", t->compared, t->changed);
    jwrite_member_bool(w, "partial", t->is_partial);
    write_number(w, "repaired_keys", true, t->repaired_keys);
    write_findings(w, t);
    jwrite_member_text(w, "lake_position", t->lake_position);
    jwrite_member_text(w, "compared_at", t->compared_at);
    jwrite_key(w, "snapshot_id");
    if (t->snapshot_id) jwrite_i64(w, t->snapshot_id);
    else
        jwrite_null(w);
    jwrite_member_i64(w, "elapsed_ms", t->elapsed_ms);
    jwrite_member_text(w, "error", t->error ? code : NULL);
    jwrite_member_text(w, "message", t->error ? t->error->cause : NULL);
    jwrite_member_text(w, "hint", t->error && t->error->hint[0] ? t->error->hint : NULL);
    jwrite_object_end(w);
}

static void
write_result(jwriter *w, const validate_result *result, session *s)
{
    jwrite_member_text(w, "source_position", result->point.position[0] ? result->point.position : NULL);
    jwrite_member_bool(w, "at_one_position", result->is_joint);
    jwrite_member_i64(w, "equal", result->equal_count);
    jwrite_member_i64(w, "different", result->different_count);
    jwrite_member_i64(w, "missing", result->missing_count);
    jwrite_member_i64(w, "extra", result->extra_count);
    jwrite_member_i64(w, "repaired", result->repaired_count);
    jwrite_member_i64(w, "failed", result->failed_count);
    jwrite_key(w, "tables");
    jwrite_array(w);
    for (unsigned i = 0; i < result->table_count; i++) {
        if (!s || is_shown(s, &result->tables[i])) write_table(w, &result->tables[i]);
    }
    jwrite_array_end(w);
}

void
validate_print_record(jwriter *w, const void *state)
{
    write_result(w, state, NULL);
}

static firn_status
print_json(session *s, const validate_result *result, firn_error *err)
{
    jwriter w;

    jwrite_begin(&w, &s->result, true, err);
    jwrite_object(&w);
    jwrite_member_text(&w, "source", settings_text(&s->values, OPTION_SOURCE));
    jwrite_member_text(&w, "namespace", settings_text(&s->values, OPTION_ICEBERG_NAMESPACE));
    write_result(&w, result, s);
    jwrite_object_end(&w);
    FIRN_TRY(jwrite_end(&w));
    return firn_buffer_add_byte(&s->result, '\n', err);
}

/* ---- the last line ---- */

static firn_status
set_last_line(session *s, const validate_result *r, firn_error *err)
{
    char time[32];

    text_format_duration((uint64_t) r->elapsed_ms, time);
    s->last_line = firn_arena_printf(
        &s->arena, "firn validate: %u tables equal, %u different, %u missing, %u extra, %u repaired, %u failed in %s; source%s at %s",
        r->equal_count, r->different_count, r->missing_count, r->extra_count, r->repaired_count, r->failed_count, time,
        r->is_joint ? " and followed tables" : "", r->point.position[0] ? r->point.position : "?");
    return s->last_line ? FIRN_OK : firn_fail_memory(err, "the summary");
}

firn_status
validate_print(session *s, const validate_result *result, firn_error *err)
{
    bool json = strcmp(settings_text(&s->values, OPTION_FORMAT), "json") == 0;

    FIRN_TRY(set_last_line(s, result, err));
    if (strcmp(settings_text(&s->values, OPTION_LOG_FORMAT), "json") == 0) {
        log_info("%s", s->last_line);
        s->last_line = NULL;
    }
    if (result->table_count == 0) return FIRN_OK;
    return json ? print_json(s, result, err) : print_tables(s, result, err);
}
