#include "cli/load_summary.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/table_print.h"

static const char *
bytes_text(session *s, uint64_t bytes)
{
    char text[32];

    text_format_bytes(bytes, text);
    return firn_arena_strdup(&s->arena, text);
}

static const char *
duration_text(session *s, uint64_t ms)
{
    char text[32];

    text_format_duration(ms, text);
    return firn_arena_strdup(&s->arena, text);
}

static const char *
note_of(session *s, const load_table_result *table)
{
    if (table->state == LOAD_FAILED && table->error)
        return firn_arena_printf(&s->arena, "FIRN-%04u %s", (unsigned) table->error->code, table->error->cause);
    if (table->reason) return table->reason;
    if (table->unchanged) return "was loaded before";
    if (table->coerced_count)
        return firn_arena_printf(&s->arena, "%llu value%s coerced by policy", (unsigned long long) table->coerced_count,
                                 table->coerced_count == 1 ? "" : "s");
    return "";
}

static firn_status
print_tables(session *s, const load_result *result, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    static const char *headers[] = {"table", "state", "rows", "read", "files", "written", "time", ""};
    table_print        table;

    table_print_init(&table, &s->arena, headers, FIRN_COUNT(headers));
    for (unsigned c = 2; c <= 6; c++) {
        table.right[c] = true;
    }
    for (unsigned i = 0; i < result->table_count; i++) {
        const load_table_result *t = &result->tables[i];
        uint64_t    elapsed_ms = t->ended_us > t->started_us ? (uint64_t) (t->ended_us - t->started_us) / 1000 : 0;
        const char *cells[] = {t->name,
                               load_state_name(t->state),
                               table_print_count(&s->arena, t->row_count),
                               bytes_text(s, t->source_bytes),
                               table_print_count(&s->arena, t->file_count),
                               bytes_text(s, t->file_bytes),
                               duration_text(s, elapsed_ms),
                               note_of(s, t)};
        FIRN_TRY(table_print_add(&table, cells, err));
    }
    firn_buffer_init(&out, SESSION_OUT_BYTES_MAX);
    FIRN_TRY(firn_buffer_add_byte(&out, '\n', err));
    FIRN_TRY(table_print_write(&table, &out, err));
    FIRN_TRY(firn_buffer_add_byte(&out, 0, err));
    report_line(s->out, (const char *) out.data);
    return FIRN_OK;
}

static void
log_summary(const session *s, const load_result *result, const char *line)
{
    const log_field fields[] = {
        {"type", "summary", 0},
        {"source", settings_text(&s->values, OPTION_SOURCE), 0},
        {"tables_done", NULL, result->done_count},
        {"tables_unchanged", NULL, result->unchanged_count},
        {"tables_failed", NULL, result->failed_count},
        {"tables_skipped", NULL, result->skipped_count},
        {"rows", NULL, (int64_t) result->row_count},
        {"bytes", NULL, (int64_t) result->source_bytes},
        {"elapsed_ms", NULL, (int64_t) result->elapsed_ms},
        {"position", result->point.position, 0},
        {"run_id", s->run_id, 0},
    };

    log_line(LOG_INFO, fields, FIRN_COUNT(fields), "%s", line);
}

/* A value that is not in the lake as it was in the source is told in each form of output. */
static void
warn_coerced(const load_result *result)
{
    for (unsigned i = 0; i < result->table_count; i++) {
        const load_table_result *table = &result->tables[i];
        const log_field          fields[] = {{"table", table->name, 0},
                                             {"coerced_values", NULL, (int64_t) table->coerced_count}};
        if (table->coerced_count)
            log_line(LOG_WARNING, fields, FIRN_COUNT(fields), "%llu value%s coerced by the policy `unrepresentable`",
                     (unsigned long long) table->coerced_count, table->coerced_count == 1 ? "" : "s");
    }
}

firn_status
load_summary_show(session *s, const load_result *result, firn_error *err)
{
    warn_coerced(result);
    const char *format = settings_text(&s->values, OPTION_LOG_FORMAT);
    const char *rows = table_print_count(&s->arena, result->row_count);
    const char *bytes = bytes_text(s, result->source_bytes), *time = duration_text(s, result->elapsed_ms);

    if (!rows || !bytes || !time) return firn_fail_memory(err, "the summary");
    const char *line =
        firn_arena_printf(&s->arena, "firn %s: %u tables done, %u failed, %u skipped; %s rows, %s in %s%s%s",
                          s->line.command->name, result->done_count, result->failed_count, result->skipped_count, rows,
                          bytes, time, result->point.position[0] ? "; position " : "", result->point.position);
    if (!line) return firn_fail_memory(err, "the summary");
    if (strcmp(format, "json") == 0) {
        log_summary(s, result, line);
        return FIRN_OK;
    }
    s->last_line = line;
    return result->table_count ? print_tables(s, result, err) : FIRN_OK;
}
