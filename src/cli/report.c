#include "cli/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"
#include "cli/error_text.h"
#include "cli/progress_view.h"
#include "task/task.h"

#define TEXT_BYTES_MAX ((size_t) 256 << 10)
#define REDRAW_MS 500
#define BLOCK_LINES_MAX 16

struct report {
    report_settings      settings;
    int                  log_fd;      /* -1: none */
    task_lock           *job;         /* held while the counters are read for log lines; before the log's own lock */
    task_lock           *screen;      /* guards stderr and block_lines; after the log's own lock */
    const load_progress *progress;    /* NULL: no job runs; changed under both locks, read under either */
    unsigned             block_lines; /* of the live block on the screen */
    uint64_t             line_due_us; /* monotonic */
    task_cancel         *stop;        /* ends the ticker */
    task_group          *ticker;
};

/* ---- writing ---- */

static void
write_stderr(const void *bytes, size_t size)
{
    firn_error ignored = {0};

    /* Nobody is left to be told that stderr is closed. */
    if (file_write_all(STDERR_FILENO, bytes, size, "stderr", &ignored) != FIRN_OK) firn_error_reset(&ignored);
}

static void
write_log_file(const report *r, const void *bytes, size_t size)
{
    firn_error ignored = {0};

    if (r->log_fd >= 0 && file_write_all(r->log_fd, bytes, size, "the log file", &ignored) != FIRN_OK)
        firn_error_reset(&ignored);
}

/* The screen is held in the functions below. */

static void
erase_block(report *r)
{
    char sequence[32];
    int  size;

    if (r->block_lines == 0) return;
    size = snprintf(sequence, sizeof sequence, "\033[%uA\r\033[J", r->block_lines);
    if (size > 0) write_stderr(sequence, (size_t) size);
    r->block_lines = 0;
}

static unsigned
screen_size(unsigned *ret_rows)
{
    struct winsize size = {0};
    bool           known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20;

    *ret_rows = known && size.ws_row >= 4 ? size.ws_row : 24;
    return known ? size.ws_col - 1u : 79;
}

static void
draw_block(report *r)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    firn_error                              ignored = {0};
    unsigned                                rows, width = screen_size(&rows), lines = 0;

    if (r->settings.progress != REPORT_PROGRESS_LIVE || !r->progress) return;
    firn_buffer_init(&text, TEXT_BYTES_MAX);
    unsigned line_max = rows - 1 < BLOCK_LINES_MAX ? rows - 1 : BLOCK_LINES_MAX;
    if (progress_view_add_block(r->progress, firn_clock_now_us(), width, line_max, r->settings.color, &text, &lines,
                                &ignored) != FIRN_OK)
        return;
    erase_block(r);
    write_stderr(text.data, text.size);
    r->block_lines = lines;
}

static void
write_above_block(report *r, const void *bytes, size_t size)
{
    erase_block(r);
    write_stderr(bytes, size);
    draw_block(r);
}

/* ---- log outputs ---- */

static void
log_to_screen(void *state, log_level level FIRN_UNUSED, const char *line, size_t size)
{
    report *r = state;

    task_lock_hold(r->screen);
    write_above_block(r, line, size);
    task_lock_release(r->screen);
}

static void
log_to_file(void *state, log_level level FIRN_UNUSED, const char *line, size_t size)
{
    write_log_file(state, line, size);
}

firn_status
report_new(const report_settings *settings, report **ret_report, firn_error *err)
{
    FIRN_AUTO(report_freep) report *r = firn_calloc(1, sizeof *r);

    if (!r) return firn_fail_memory(err, "the report");
    r->settings = *settings;
    r->log_fd = -1;
    r->job = task_lock_new();
    r->screen = task_lock_new();
    if (!r->job || !r->screen) return firn_fail_memory(err, "the report");
    log_reset_outputs();
    log_add_output(settings->format, settings->level, settings->color, log_to_screen, r);
    *ret_report = FIRN_STEAL(r);
    return FIRN_OK;
}

firn_status
report_open_log(report *r, const char *path, firn_error *err)
{
    FIRN_AUTO(firn_freep) char *folder = firn_strdup(path);

    if (!folder) return firn_fail_memory(err, "the log file's path");
    char *slash = strrchr(folder, '/');
    if (slash) {
        *slash = '\0';
        if (*folder) FIRN_TRY(file_make_folders(folder, 0755, err));
    }
    r->log_fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (r->log_fd < 0) return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot open the log file '%s'", path);
    log_add_output(r->settings.format, r->settings.level, false, log_to_file, r);
    return FIRN_OK;
}

void
report_free(report *r)
{
    if (!r) return;
    log_reset_outputs();
    if (r->stop) task_cancel_request(r->stop);
    task_group_free(r->ticker);
    task_cancel_free(r->stop);
    task_lock_free(r->screen);
    task_lock_free(r->job);
    if (r->log_fd >= 0) close(r->log_fd);
    firn_free(r);
}

/* ---- progress ---- */

static void
log_progress(const report *r)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    firn_error                              ignored = {0};
    int64_t                                 now_us = firn_clock_now_us();
    progress_total                          total = progress_view_total(r->progress, now_us);

    firn_buffer_init(&text, TEXT_BYTES_MAX);
    if (progress_view_add_total(r->progress, now_us, &text, &ignored) != FIRN_OK) return;
    if (r->settings.format == LOG_JSON) {
        const log_field fields[] = {
            {"type", "progress", 0},
            {"source", r->settings.source ? r->settings.source : "", 0},
            {"tables", NULL, total.table_count},
            {"tables_done", NULL, total.done_count},
            {"tables_running", NULL, total.running_count},
            {"tables_failed", NULL, total.failed_count},
            {"rows", NULL, (int64_t) total.row_count},
            {"bytes", NULL, (int64_t) total.byte_count},
            {"percent", NULL, total.percent},
            {"elapsed_ms", NULL, (int64_t) total.elapsed_ms},
            {"left_ms", NULL, (int64_t) total.left_ms},
        };
        log_line(LOG_INFO, fields, FIRN_COUNT(fields), "%.*s", (int) text.size, (const char *) text.data);
    } else {
        const log_field field = {"source", r->settings.source ? r->settings.source : "", 0};
        log_line(LOG_INFO, &field, 1, "%.*s", (int) text.size, (const char *) text.data);
    }
}

static void
log_running_tables(const report *r)
{
    int64_t now_us = firn_clock_now_us();

    for (unsigned i = 0; i < r->progress->table_count; i++) {
        FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
        const load_table_progress              *table = &r->progress->tables[i];
        firn_error                              ignored = {0};

        if (atomic_load(&table->state) != LOAD_IN_PROGRESS) continue;
        firn_buffer_init(&text, TEXT_BYTES_MAX);
        if (progress_view_add_table(table, now_us, &text, &ignored) != FIRN_OK) return;
        const log_field fields[] = {
            {"source", r->settings.source ? r->settings.source : "", 0},
            {"table", table->name, 0},
            {"rows", NULL, (int64_t) atomic_load(&table->row_count)},
            {"bytes", NULL, (int64_t) atomic_load(&table->byte_count)},
        };
        log_line(LOG_INFO, fields, r->settings.format == LOG_JSON ? 4 : 1, "%.*s", (int) text.size,
                 (const char *) text.data);
    }
}

static firn_status
tick(void *state, firn_error *err FIRN_UNUSED)
{
    report *r = state;

    while (!task_cancel_wait(r->stop, REDRAW_MS)) {
        bool due = r->settings.progress == REPORT_PROGRESS_LINES && firn_clock_monotonic_us() >= r->line_due_us;
        if (r->settings.progress == REPORT_PROGRESS_LIVE) {
            task_lock_hold(r->screen);
            draw_block(r);
            task_lock_release(r->screen);
        } else if (due) {
            r->line_due_us += r->settings.interval_ms * 1000;
            task_lock_hold(r->job);
            if (r->progress) log_progress(r);
            task_lock_release(r->job);
        }
    }
    return FIRN_OK;
}

static void
set_progress(report *r, const load_progress *progress)
{
    task_lock_hold(r->job);
    task_lock_hold(r->screen);
    erase_block(r);
    r->progress = progress;
    task_lock_release(r->screen);
    task_lock_release(r->job);
}

__attribute__((noinline)) static void
begin_progress(report *r, const load_progress *progress)
{
    firn_error ignored = {0};

    set_progress(r, progress);
    if (r->settings.progress == REPORT_PROGRESS_NONE) return;
    r->line_due_us = firn_clock_monotonic_us() + r->settings.interval_ms * 1000;
    r->stop = task_cancel_new();
    r->ticker = r->stop ? task_group_new(NULL) : NULL;
    /* Without a ticker the job runs all the same, only less is seen of it. */
    if (r->ticker && task_group_spawn(r->ticker, "firn:progress", tick, r, &ignored) != FIRN_OK)
        firn_error_reset(&ignored);
}

/* Joins the ticker first, so that nobody looks at the counters afterwards. */
static void
end_progress(report *r)
{
    if (r->stop) task_cancel_request(r->stop);
    task_group_free(r->ticker);
    task_cancel_free(r->stop);
    r->ticker = NULL;
    r->stop = NULL;
    set_progress(r, NULL);
}

void
report_print_now(report *r)
{
    task_lock_hold(r->job);
    if (r->progress) {
        log_running_tables(r);
        log_progress(r);
    } else {
        log_info("no table is being loaded now");
    }
    task_lock_release(r->job);
}

/* ---- events ---- */

/* Not inlined into emit, as the next ones: its buffers and error would stand on the stack of every event. */
__attribute__((noinline)) static void
log_committed(const load_event *event)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    char                                    bytes[32], elapsed[32];
    firn_error                              ignored = {0};
    const log_field                         fields[] = {
                                {"table", event->table, 0},
                                {"rows", NULL, (int64_t) event->row_count},
                                {"bytes", NULL, (int64_t) event->file_bytes},
                                {"files", NULL, event->file_count},
                                {"snapshot_id", NULL, event->snapshot_id},
                                {"elapsed_ms", NULL, (int64_t) event->elapsed_ms},
    };

    text_format_bytes(event->file_bytes, bytes);
    text_format_duration(event->elapsed_ms, elapsed);
    firn_buffer_init(&text, TEXT_BYTES_MAX);
    if (text_add_grouped(&text, event->row_count, &ignored) != FIRN_OK) return;
    log_line(LOG_INFO, fields, FIRN_COUNT(fields), "loaded '%s': %.*s rows, %s in %u file%s, %s", event->table,
             (int) text.size, (const char *) text.data, bytes, event->file_count, event->file_count == 1 ? "" : "s",
             elapsed);
}

static void
log_failed(const load_event *event)
{
    const firn_error *error = event->error;
    char              code[16];

    snprintf(code, sizeof code, "FIRN-%04u", error ? (unsigned) error->code % 10000 : 0);
    const log_field fields[] = {{"table", event->table, 0}, {"error", code, 0}, {"hint", error ? error->hint : "", 0}};
    log_line(LOG_ERROR, fields, error && error->hint[0] ? 3 : 2, "'%s' failed: %s", event->table,
             error            ? error->cause
             : event->message ? event->message
                              : "unknown reason");
}

static void
log_retry(const load_event *event)
{
    const log_field fields[] = {{"table", event->table ? event->table : "", 0},
                                {"attempt", NULL, event->attempt},
                                {"delay_ms", NULL, (int64_t) event->delay_ms}};
    char            delay[32];

    text_format_duration(event->delay_ms, delay);
    log_line(LOG_WARNING, fields, FIRN_COUNT(fields), "trying again in %s: %s", delay,
             event->error     ? event->error->cause
             : event->message ? event->message
                              : "unknown reason");
}

static void
emit(void *state, const load_event *event)
{
    report         *r = state;
    const log_field table = {"table", event->table ? event->table : "", 0};
    unsigned        field_count = event->table ? 1 : 0;

    switch (event->kind) {
    case LOAD_EVENT_PLANNED:
        begin_progress(r, event->progress);
        break;
    case LOAD_EVENT_TABLE_STARTED:
        if (log_wanted(LOG_DEBUG)) log_line(LOG_DEBUG, &table, field_count, "started");
        break;
    case LOAD_EVENT_TABLE_WARNING:
    case LOAD_EVENT_WARNING:
        log_line(LOG_WARNING, &table, field_count, "%s", event->message ? event->message : "");
        break;
    case LOAD_EVENT_NOTE:
        log_line(LOG_INFO, NULL, 0, "%s", event->message ? event->message : "");
        break;
    case LOAD_EVENT_TABLE_RETRY:
        log_retry(event);
        break;
    case LOAD_EVENT_TABLE_COMMITTED:
        log_committed(event);
        break;
    case LOAD_EVENT_TABLE_SKIPPED:
        log_line(LOG_INFO, &table, field_count, "skipped: %s", event->message ? event->message : "");
        break;
    case LOAD_EVENT_TABLE_FAILED:
        log_failed(event);
        break;
    case LOAD_EVENT_ENDED:
        end_progress(r);
        break;
    }
}

load_events
report_load_events(report *r)
{
    return (load_events){emit, r};
}

/* ---- lines and errors ---- */

__attribute__((noinline)) static void
print_text(report *r, firn_buffer *text)
{
    firn_error ignored = {0};

    if (firn_buffer_add_byte(text, 0, &ignored) != FIRN_OK) return;
    firn_secret_redact((char *) text->data);
    size_t size = strlen((const char *) text->data);
    task_lock_hold(r->screen);
    write_above_block(r, text->data, size);
    task_lock_release(r->screen);
    write_log_file(r, text->data, size);
}

void
report_line(report *r, const char *line)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    firn_error                              ignored = {0};

    firn_buffer_init(&text, TEXT_BYTES_MAX);
    if (firn_buffer_printf(&text, &ignored, "%s\n", line) == FIRN_OK) print_text(r, &text);
}

void
report_error(report *r, const firn_error *error, int exit_code)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    firn_error                              ignored = {0};

    if (r->settings.format == LOG_JSON) return; /* report_exit has it all */
    firn_buffer_init(&text, TEXT_BYTES_MAX);
    if (error_text_add(error, exit_code, r->settings.color, &text, &ignored) == FIRN_OK) print_text(r, &text);
}

void
report_exit(report *r, const firn_error *error, int exit_code, const char *correlation_id)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    firn_error                              ignored = {0};

    if (r->settings.format != LOG_JSON) return;
    firn_buffer_init(&text, TEXT_BYTES_MAX);
    if (error_text_add_exit(error, exit_code, correlation_id, &text, &ignored) == FIRN_OK) print_text(r, &text);
}
