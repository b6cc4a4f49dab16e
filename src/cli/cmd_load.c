#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/connect.h"
#include "cli/dry_run.h"
#include "cli/load_step.h"
#include "cli/load_summary.h"
#include "cli/run_record.h"
#include "cli/session.h"
#include "cli/source_lock.h"

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

/* ---- the job ---- */

static firn_status
run(session *s, const yaml_node *entry, bool dry, load_result *result, firn_error *err)
{
    FIRN_AUTO(lake_connection_done) lake_connection lake = {0};
    FIRN_AUTO(connect_source_freep) source         *src = NULL;
    FIRN_AUTO(file_lock_freep) file_lock           *lock = NULL;
    load_settings                                   settings;

    FIRN_TRY(connect_load_settings(s, entry, &settings, err));
    FIRN_TRY(connect_lake(s, &lake, err));
    if (!dry) {
        FIRN_TRY(source_lock_take(s, "firn load", &lock, err));
        if (settings.fresh_start) {
            /* Asked before signals are caught: Ctrl-C at the question ends at once. */
            FIRN_TRY(connect_source(s, &src, err));
            FIRN_TRY(confirm(s, &settings, src, lake.lake, err));
        }
    }
    FIRN_TRY(session_catch_signals(s, err));
    if (!src) FIRN_TRY(connect_source(s, &src, err));
    if (dry) return dry_run_print(s, &settings, src, err);
    FIRN_TRY(load_step_run(s, &settings, src, lake.lake, result, err));
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
    if (load_summary_show(s, &result, &record_error) != FIRN_OK) log_warning("%s", record_error.cause);
    return status;
}
