#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file_lock.h"
#include "base/text.h"
#include "cli/connect.h"
#include "cli/dry_run.h"
#include "cli/run_record.h"
#include "cli/session.h"
#include "cli/table_print.h"
#include "source/source_names.h"

#define NAMES_BYTES_MAX ((size_t) 8 << 20)
#define LINE_BYTES_MAX 1024

/* ---- confirmation of --fresh-start ---- */

static unsigned
count_lines(const char *text)
{
    unsigned count = 0;

    for (; *text; text++) {
        count += *text == '\n';
    }
    return count;
}

/* Reads one line of the terminal without its newline; "" at its end. */
static void
read_answer(char out[LINE_BYTES_MAX])
{
    size_t size = 0;
    char   byte;

    while (size + 1 < LINE_BYTES_MAX && read(STDIN_FILENO, &byte, 1) == 1 && byte != '\n') {
        if (byte != '\r') out[size++] = byte;
    }
    out[size] = '\0';
}

static void
print_lines(const char *text)
{
    for (const char *p = text; *p;) {
        size_t size = strcspn(p, "\n");
        fprintf(stderr, "  %.*s\n", (int) size, p);
        p += size + (p[size] ? 1 : 0);
    }
}

static firn_status
ask(const session *s, const char *names, unsigned table_count, firn_error *err)
{
    const char *word = settings_text(&s->values, OPTION_SOURCE);
    char        answer[LINE_BYTES_MAX];

    fprintf(stderr, "--fresh-start drops %u table%s with all their files and their history%s:\n", table_count,
            table_count == 1 ? "" : "s", count_lines(names) > table_count ? ", and what follows their changes" : "");
    print_lines(names);
    fprintf(stderr, "Type '%s' to drop them: ", word);
    fflush(stderr);
    read_answer(answer);
    if (strcmp(answer, word) == 0) return FIRN_OK;
    (void) firn_fail(err, FIRN_E_CONFIRMATION_MISSING, "--fresh-start was not confirmed");
    firn_state(err, "nothing was dropped");
    return err->status;
}

/* Lists what would be dropped before anything is. Nothing there: nothing to ask. */
static firn_status
confirm(session *s, const load_settings *settings, source *src, catalog *lake, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer names = {0};

    if (!settings->fresh_start || settings_flag(&s->values, OPTION_YES)) return FIRN_OK;
    firn_buffer_init(&names, NAMES_BYTES_MAX);
    FIRN_TRY(load_fresh_start_list(settings, lake, &names, err));
    if (names.size && names.data[names.size - 1] != '\n') FIRN_TRY(firn_buffer_add_byte(&names, '\n', err));
    size_t tables_size = names.size;
    if (src->ops->list_kept && !settings->table_filter_count) FIRN_TRY(src->ops->list_kept(src, &names, err));
    if (names.size == 0) return FIRN_OK;
    FIRN_TRY(firn_buffer_add_byte(&names, 0, err));
    const char *text = (const char *) names.data;
    unsigned    table_count = count_lines(text) - count_lines(text + tables_size);
    if (isatty(STDIN_FILENO) == 1) return ask(s, text, table_count, err);
    (void) firn_fail(err, FIRN_E_CONFIRMATION_MISSING, "--fresh-start would drop %u table%s%s%.*s and nobody can be asked",
                     table_count, table_count == 1 ? "" : "s", text[tables_size] ? " and " : "",
                     (int) strcspn(text + tables_size, "\n"), text + tables_size);
    firn_hint(err, "give --yes to drop: %.*s", (int) strcspn(text, "\n"), text);
    firn_state(err, "nothing was dropped");
    return err->status;
}

/* ---- the end: table and last line ---- */

static const char *
grouped(session *s, uint64_t number)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    firn_error                              ignored = {0};

    firn_buffer_init(&text, 64);
    if (text_add_grouped(&text, number, &ignored) != FIRN_OK) return NULL;
    return firn_arena_text(&s->arena, firn_buffer_slice(&text));
}

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
                               grouped(s, t->row_count),
                               bytes_text(s, t->source_bytes),
                               grouped(s, t->file_count),
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

static firn_status
summarize(session *s, const load_result *result, firn_error *err)
{
    warn_coerced(result);
    const char *format = settings_text(&s->values, OPTION_LOG_FORMAT);
    const char *rows = grouped(s, result->row_count);
    const char *bytes = bytes_text(s, result->source_bytes), *time = duration_text(s, result->elapsed_ms);

    if (!rows || !bytes || !time) return firn_fail_memory(err, "the summary");
    const char *line =
        firn_arena_printf(&s->arena, "firn load: %u tables done, %u failed, %u skipped; %s rows, %s in %s%s%s",
                          result->done_count, result->failed_count, result->skipped_count, rows, bytes, time,
                          result->point.position[0] ? "; position " : "", result->point.position);
    if (!line) return firn_fail_memory(err, "the summary");
    if (strcmp(format, "json") == 0) {
        log_summary(s, result, line);
        return FIRN_OK;
    }
    s->last_line = line;
    return result->table_count ? print_tables(s, result, err) : FIRN_OK;
}

/* ---- the job ---- */

/* One job per source and machine. Jobs on other machines are kept apart by the catalog: the second commit finds the
 * first. */
static firn_status
lock_source(session *s, file_lock **ret_lock, firn_error *err)
{
    char        slot[SOURCE_NAME_SIZE];
    const char *path;

    source_slot_name(settings_text(&s->values, OPTION_SOURCE), slot); /* a name that is also a file's name */
    const char *name = firn_arena_printf(&s->arena, "logs/%s.lock", slot);
    if (!name) return firn_fail_memory(err, "a path");
    FIRN_TRY(session_path(s, name, &path, err));
    return file_lock_take(path, "firn load", ret_lock, err);
}

static firn_status
run(session *s, const yaml_node *entry, bool dry, load_result *result, firn_error *err)
{
    FIRN_AUTO(lake_connection_done) lake_connection lake = {0};
    FIRN_AUTO(connect_source_freep) source         *src = NULL;
    FIRN_AUTO(file_lock_freep) file_lock           *lock = NULL;
    load_settings                                   settings;
    load_events                                     events = report_load_events(s->out);

    FIRN_TRY(connect_load_settings(s, entry, &settings, err));
    FIRN_TRY(connect_lake(s, &lake, err));
    if (!dry) {
        FIRN_TRY(lock_source(s, &lock, err));
        if (settings.fresh_start) {
            /* Asked before signals are caught: Ctrl-C at the question ends at once. */
            FIRN_TRY(connect_source(s, &src, err));
            FIRN_TRY(confirm(s, &settings, src, lake.lake, err));
        }
    }
    FIRN_TRY(session_catch_signals(s, err));
    if (!src) FIRN_TRY(connect_source(s, &src, err));
    if (dry) return dry_run_print(s, &settings, src, err);
    FIRN_TRY(load_run(&settings, src, lake.lake, &events, s->cancel, result, err));
    s->unchanged = result->done_count == result->unchanged_count && !settings.schema_only;
    return FIRN_OK;
}

firn_status
cmd_load_run(session *s, firn_error *err)
{
    FIRN_AUTO(load_result_done) load_result result = {0};
    const yaml_node                        *entry = NULL;
    const char                             *log_path;
    firn_error                              record_error = {0};

    FIRN_TRY(session_open_source(s, true, &entry, err));
    if (settings_flag(&s->values, OPTION_DRY_RUN)) return run(s, entry, true, &result, err);
    FIRN_TRY(session_path(s, "logs/direct_load.log", &log_path, err));
    FIRN_TRY(report_open_log(s->out, log_path, err));
    firn_status status = run(s, entry, false, &result, err);
    /* What went wrong at the end must not hide how the job ended. */
    if (run_record_write(s, &result, err, &record_error) != FIRN_OK)
        log_warning("the record of this run could not be written: %s", record_error.cause);
    firn_error_reset(&record_error);
    if (summarize(s, &result, &record_error) != FIRN_OK) log_warning("%s", record_error.cause);
    return status;
}
