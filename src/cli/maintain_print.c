#include "cli/maintain_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/table_print.h"

#define CELL_MAX 80

/* "1,204 → 3", or one number where nothing changed. */
static const char *
change_of(session *s, int64_t before, int64_t after)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    firn_error                              ignored = {0};

    firn_buffer_init(&text, CELL_MAX);
    if (text_add_grouped(&text, (uint64_t) before, &ignored)) return NULL;
    if (before != after && (firn_buffer_add_text(&text, " → ", &ignored) ||
                            text_add_grouped(&text, (uint64_t) (after > 0 ? after : 0), &ignored)))
        return NULL;
    return firn_arena_text(&s->arena, firn_buffer_slice(&text));
}

static const char *
bytes_change_of(session *s, int64_t before, int64_t after)
{
    char from[32], to[32];

    text_format_bytes((uint64_t) before, from);
    text_format_bytes((uint64_t) (after > 0 ? after : 0), to);
    return before == after ? firn_arena_strdup(&s->arena, from) : firn_arena_printf(&s->arena, "%s → %s", from, to);
}

static const char *
freed_of(session *s, const maintain_result *r)
{
    char bytes[32];

    text_format_bytes((uint64_t) (r->removed_bytes + r->orphan_bytes), bytes);
    return firn_arena_printf(&s->arena, "%" PRId64 " (%s)", r->removed_file_count + r->orphan_file_count, bytes);
}

static const char *
note_of(session *s, const maintain_table_line *line)
{
    if (line->error)
        return firn_arena_printf(&s->arena, "FIRN-%04u %s", (unsigned) line->error->code, line->error->cause);
    return line->result.note;
}

static firn_status
print_table(session *s, const maintain_summary *summary, firn_error *err)
{
    static const char *headers[] = {"table", "files", "delete files", "bytes", "manifests", "snapshots", "removed", ""};
    table_print        table;

    table_print_init(&table, &s->arena, headers, FIRN_COUNT(headers));
    for (unsigned c = 1; c <= 6; c++) {
        table.right[c] = true;
    }
    for (unsigned i = 0; i < summary->table_count; i++) {
        const maintain_table_line *line = &summary->tables[i];
        const table_figures       *b = &line->result.before, *a = &line->result.after;
        const char                *cells[] = {
            line->name,
            change_of(s, b->data_file_count, a->data_file_count),
            change_of(s, b->delete_file_count, a->delete_file_count),
            bytes_change_of(s, b->data_bytes + b->delete_bytes, a->data_bytes + a->delete_bytes),
            change_of(s, b->manifest_count, a->manifest_count),
            change_of(s, b->snapshot_count, a->snapshot_count),
            freed_of(s, &line->result),
            note_of(s, line),
        };
        FIRN_TRY(table_print_add(&table, cells, err));
    }
    return table_print_write(&table, &s->result, err);
}

/* ---- JSON ---- */

static void
write_figures(jwriter *w, const char *key, const table_figures *f)
{
    jwrite_key(w, key);
    jwrite_object(w);
    jwrite_member_i64(w, "data_files", f->data_file_count);
    jwrite_member_i64(w, "data_bytes", f->data_bytes);
    jwrite_member_i64(w, "delete_files", f->delete_file_count);
    jwrite_member_i64(w, "delete_bytes", f->delete_bytes);
    jwrite_member_i64(w, "rows", f->row_count);
    jwrite_member_i64(w, "deleted_rows", f->deleted_row_count);
    jwrite_member_i64(w, "manifests", f->manifest_count);
    jwrite_member_i64(w, "snapshots", f->snapshot_count);
    jwrite_object_end(w);
}

static void
write_line(jwriter *w, const maintain_table_line *line)
{
    const maintain_result *r = &line->result;
    const struct {
        const char *key;
        int64_t     value;
    } numbers[] = {
        {"rewritten_files", r->rewritten_file_count},
        {"rewritten_bytes", r->rewritten_bytes},
        {"written_files", r->written_file_count},
        {"written_bytes", r->written_bytes},
        {"dropped_groups", r->dropped_group_count},
        {"expired_snapshots", r->expired_snapshot_count},
        {"removed_refs", r->removed_ref_count},
        {"removed_files", r->removed_file_count},
        {"removed_bytes", r->removed_bytes},
        {"orphan_files", r->orphan_file_count},
        {"orphan_bytes", r->orphan_bytes},
        {"files_elsewhere", r->foreign_file_count},
        {"elapsed_ms", line->elapsed_ms},
    };
    char code[16];

    jwrite_object(w);
    jwrite_member_text(w, "table", line->name);
    write_figures(w, "before", &r->before);
    write_figures(w, "after", &r->after);
    for (size_t i = 0; i < FIRN_COUNT(numbers); i++) {
        jwrite_member_i64(w, numbers[i].key, numbers[i].value);
    }
    jwrite_member_text(w, "note", r->note[0] ? r->note : NULL);
    if (line->error) (void) snprintf(code, sizeof code, "FIRN-%04u", (unsigned) line->error->code % 10000);
    jwrite_member_text(w, "error", line->error ? code : NULL);
    jwrite_member_text(w, "message", line->error ? line->error->cause : NULL);
    jwrite_object_end(w);
}

static void
write_tables(jwriter *w, const maintain_summary *summary)
{
    jwrite_key(w, "tables");
    jwrite_array(w);
    for (unsigned i = 0; i < summary->table_count; i++) {
        write_line(w, &summary->tables[i]);
    }
    jwrite_array_end(w);
}

void
maintain_print_record(jwriter *w, const void *state)
{
    const maintain_summary *summary = state;

    jwrite_member_i64(w, "tables_done", summary->table_count - summary->failed_count);
    jwrite_member_i64(w, "tables_failed", summary->failed_count);
    write_tables(w, summary);
}

static firn_status
print_json(session *s, const maintain_summary *summary, firn_error *err)
{
    jwriter w;

    jwrite_begin(&w, &s->result, true, err);
    jwrite_object(&w);
    jwrite_member_text(&w, "source", settings_text(&s->values, OPTION_SOURCE));
    jwrite_member_text(&w, "namespace", settings_text(&s->values, OPTION_ICEBERG_NAMESPACE));
    jwrite_member_bool(&w, "dry_run", settings_flag(&s->values, OPTION_DRY_RUN));
    write_tables(&w, summary);
    jwrite_object_end(&w);
    FIRN_TRY(jwrite_end(&w));
    return firn_buffer_add_byte(&s->result, '\n', err);
}

/* ---- the last line ---- */

static firn_status
set_last_line(session *s, const maintain_summary *summary, firn_error *err)
{
    int64_t rewritten = 0, written = 0, expired = 0, removed = 0, bytes = 0;
    char    freed[32], time[32];

    for (unsigned i = 0; i < summary->table_count; i++) {
        const maintain_result *r = &summary->tables[i].result;

        rewritten += r->rewritten_file_count;
        written += r->written_file_count;
        expired += r->expired_snapshot_count;
        removed += r->removed_file_count + r->orphan_file_count;
        bytes += r->removed_bytes + r->orphan_bytes;
    }
    text_format_bytes((uint64_t) bytes, freed);
    text_format_duration((uint64_t) summary->elapsed_ms, time);
    s->last_line = firn_arena_printf(
        &s->arena, "firn maintain%s: %u tables done, %u failed; %" PRId64 " files rewritten as %" PRId64 ", %" PRId64
        " snapshots expired, %" PRId64 " files removed (%s) in %s",
        settings_flag(&s->values, OPTION_DRY_RUN) ? " (dry run)" : "", summary->table_count - summary->failed_count,
        summary->failed_count, rewritten, written, expired, removed, freed, time);
    return s->last_line ? FIRN_OK : firn_fail_memory(err, "the summary");
}

firn_status
maintain_print(session *s, const maintain_summary *summary, firn_error *err)
{
    bool json = strcmp(settings_text(&s->values, OPTION_FORMAT), "json") == 0;

    FIRN_TRY(set_last_line(s, summary, err));
    if (strcmp(settings_text(&s->values, OPTION_LOG_FORMAT), "json") == 0) {
        log_info("%s", s->last_line);
        s->last_line = NULL;
    }
    if (summary->table_count == 0) return FIRN_OK;
    return json ? print_json(s, summary, err) : print_table(s, summary, err);
}
