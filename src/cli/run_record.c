#include "cli/run_record.h"

#include <stdio.h>

#include "base/calendar.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/secret.h"
#include "cli/version.h"
#include "codec/json_writer.h"

#define RECORD_BYTES_MAX ((size_t) 64 << 20)

static void
write_time(jwriter *w, const char *key, int64_t us)
{
    char text[CALENDAR_TEXT_MAX];

    if (us) calendar_format_timestamp(us, true, text);
    jwrite_member_text(w, key, us ? text : NULL);
}

static void
write_error(jwriter *w, const firn_error *error)
{
    char code[16];

    jwrite_key(w, "error");
    if (!error || error->status == FIRN_OK) {
        jwrite_null(w);
        return;
    }
    snprintf(code, sizeof code, "FIRN-%04u", (unsigned) error->code % 10000);
    jwrite_object(w);
    jwrite_member_text(w, "code", code);
    jwrite_member_text(w, "status", firn_status_name(error->status));
    jwrite_member_text(w, "message", error->cause);
    jwrite_key(w, "while");
    jwrite_array(w);
    for (unsigned i = 0; i < error->frame_count; i++) {
        jwrite_text(w, error->frame[i]);
    }
    jwrite_array_end(w);
    jwrite_member_text(w, "hint", error->hint[0] ? error->hint : NULL);
    jwrite_member_text(w, "state", error->state[0] ? error->state : NULL);
    jwrite_member_bool(w, "retried", error->retried);
    jwrite_object_end(w);
}

static void
write_table(jwriter *w, const load_table_result *table)
{
    jwrite_object(w);
    jwrite_member_text(w, "table", table->name);
    jwrite_member_text(w, "status", load_state_name(table->state));
    jwrite_member_bool(w, "unchanged", table->unchanged);
    jwrite_member_text(w, "reason", table->reason);
    jwrite_member_i64(w, "rows", (int64_t) table->row_count);
    jwrite_member_i64(w, "source_bytes", (int64_t) table->source_bytes);
    jwrite_member_i64(w, "file_bytes", (int64_t) table->file_bytes);
    jwrite_member_i64(w, "files", table->file_count);
    jwrite_member_i64(w, "coerced_values", (int64_t) table->coerced_count);
    write_time(w, "started", table->started_us);
    write_time(w, "ended", table->ended_us);
    jwrite_member_text(w, "position", table->position[0] ? table->position : NULL);
    jwrite_member_text(w, "rows_checksum", table->checksum[0] ? table->checksum : NULL);
    write_error(w, table->error);
    jwrite_object_end(w);
}

static void
write_point(jwriter *w, const source_point *point)
{
    jwrite_key(w, "point");
    if (!point->identity[0]) {
        jwrite_null(w);
        return;
    }
    jwrite_object(w);
    jwrite_member_text(w, "identity", point->identity);
    jwrite_member_text(w, "position", point->position);
    jwrite_member_bool(w, "exact", point->exact);
    jwrite_member_text(w, "version", point->version);
    jwrite_object_end(w);
}

static void
write_result(jwriter *w, const load_result *result)
{
    write_point(w, &result->point);
    jwrite_member_i64(w, "tables_done", result->done_count);
    jwrite_member_i64(w, "tables_unchanged", result->unchanged_count);
    jwrite_member_i64(w, "tables_failed", result->failed_count);
    jwrite_member_i64(w, "tables_skipped", result->skipped_count);
    jwrite_member_i64(w, "rows", (int64_t) result->row_count);
    jwrite_member_i64(w, "source_bytes", (int64_t) result->source_bytes);
    jwrite_member_i64(w, "file_bytes", (int64_t) result->file_bytes);
    jwrite_key(w, "tables");
    jwrite_array(w);
    for (unsigned i = 0; i < result->table_count; i++) {
        write_table(w, &result->tables[i]);
    }
    jwrite_array_end(w);
}

static void
write_load(jwriter *w, const void *state)
{
    write_result(w, state);
}

firn_status
run_record_write(session *s, const load_result *result, const firn_error *error, firn_error *err)
{
    return run_record_write_job(s, write_load, result, error, err);
}

firn_status
run_record_write_job(session *s, void (*write_job)(jwriter *w, const void *state), const void *state,
                     const firn_error *error, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    int64_t                                 now_us = firn_clock_now_us();
    const char                             *folder, *path;
    jwriter                                 w;

    firn_buffer_init(&out, RECORD_BYTES_MAX);
    jwrite_begin(&w, &out, true, err);
    jwrite_object(&w);
    jwrite_member_text(&w, "run_id", s->run_id);
    jwrite_member_text(&w, "correlation_id", s->correlation_id);
    jwrite_member_text(&w, "command", s->line.command->name);
    jwrite_key(&w, "arguments");
    jwrite_array(&w);
    for (int i = 1; i < s->argc; i++) {
        jwrite_text(&w, s->argv[i]);
    }
    jwrite_array_end(&w);
    jwrite_member_text(&w, "firn", FIRN_VERSION);
    jwrite_member_text(&w, "source", settings_text(&s->values, OPTION_SOURCE));
    write_time(&w, "started", s->started_us);
    write_time(&w, "ended", now_us);
    jwrite_member_i64(&w, "elapsed_ms", (now_us - s->started_us) / 1000);
    jwrite_member_i64(&w, "exit_code", session_exit_code(s, error->status));
    write_error(&w, error);
    write_job(&w, state);
    jwrite_object_end(&w);
    FIRN_TRY(jwrite_end(&w));
    FIRN_TRY(firn_buffer_add_byte(&out, '\n', err));
    FIRN_TRY(firn_buffer_add_byte(&out, 0, err));
    firn_secret_redact((char *) out.data); /* *** needs no escape, so the document stays JSON */
    FIRN_TRY(session_path(s, "logs", &folder, err));
    FIRN_TRY(file_make_folders(folder, 0755, err));
    path = firn_arena_printf(&s->arena, "%s/run-%s.json", folder, s->run_id);
    if (!path) return firn_fail_memory(err, "a path");
    return file_write_atomic(path, firn_slice_text((const char *) out.data), 0600, err);
}
