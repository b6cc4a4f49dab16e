#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/connect.h"
#include "cli/session.h"
#include "load/plan_job.h"

#define FILE_LOOK_MS 200
#define HELD_LOOK_MS 10000

static firn_status
put_line(void *state FIRN_UNUSED, firn_slice line, firn_error *err)
{
    return file_write_all(STDOUT_FILENO, line.data, line.size, "stdout", err);
}

/* ---- holding ---- */

static bool
is_pipe(int fd)
{
    struct stat facts;

    return fstat(fd, &facts) == 0 && (S_ISFIFO(facts.st_mode) || S_ISSOCK(facts.st_mode));
}

/* Whether whoever writes to our stdin has closed it; what comes meanwhile is passed over. */
static bool
input_ended(short events)
{
    char bytes[256];

    if (!(events & (POLLIN | POLLHUP | POLLERR))) return false;
    ssize_t size = read(STDIN_FILENO, bytes, sizeof bytes);
    return size == 0 || (size < 0 && errno != EINTR && errno != EAGAIN);
}

/* Waits for at most `timeout_ms`; *ret_ended: it is over. A terminal or a file at stdin says nothing: a command in
 * the background has /dev/null there. */
static firn_status
wait_for_end(const session *s, const char *file, int timeout_ms, bool *ret_ended, firn_error *err)
{
    struct pollfd watched[] = {{task_cancel_fd(s->cancel), POLLIN, 0},
                               {!file && is_pipe(STDIN_FILENO) ? STDIN_FILENO : -1, POLLIN, 0},
                               {!file && is_pipe(STDOUT_FILENO) ? STDOUT_FILENO : -1, 0, 0}};

    if (poll(watched, FIRN_COUNT(watched), timeout_ms) < 0 && errno != EINTR)
        return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot wait");
    *ret_ended = task_cancel_requested(s->cancel) || input_ended(watched[1].revents) ||
                 (watched[2].revents & (POLLERR | POLLHUP)) != 0 || (file && !file_exists(file));
    return FIRN_OK;
}

static firn_status
hold(const session *s, source *src, const char *file, firn_error *err)
{
    int  waited_ms = 0, step_ms = file ? FILE_LOOK_MS : HELD_LOOK_MS;
    bool ended = false;

    for (;;) {
        FIRN_TRY(wait_for_end(s, file, step_ms, &ended, err));
        if (ended) return FIRN_OK;
        waited_ms += step_ms;
        if (waited_ms < HELD_LOOK_MS || !src->ops->check_held) continue;
        waited_ms = 0;
        if (src->ops->check_held(src, err)) {
            firn_hint(err, "plan again: splits that are not loaded yet cannot be loaded under this plan any more");
            return err->status;
        }
    }
}

static firn_status
make_hold_file(const char *file, firn_error *err)
{
    char text[32];

    snprintf(text, sizeof text, "%ld\n", (long) getpid());
    return file_write_atomic(file, firn_slice_text(text), 0644, err);
}

static firn_status
hold_plan(const session *s, source *src, firn_error *err)
{
    const char *file = settings_text(&s->values, OPTION_HOLD);
    firn_status status;

    if (file) FIRN_TRY(make_hold_file(file, err));
    if (file)
        log_info("the plan is complete; its snapshot is held until '%s' is removed", file);
    else
        log_info("the plan is complete; its snapshot is held until a signal%s",
                 is_pipe(STDIN_FILENO) || is_pipe(STDOUT_FILENO) ? ", or the end of the pipe" : "");
    status = hold(s, src, file, err);
    if (file) (void) unlink(file); /* removed already where that ended it */
    return status;
}

/* ---- the command ---- */

static firn_status
summarize(session *s, const plan_job_result *result, firn_error *err)
{
    s->last_line = firn_arena_printf(
        &s->arena, "firn plan: %u tables in %llu splits, %u loaded before, %u failed; position %s", result->table_count,
        (unsigned long long) result->split_count, result->loaded_count, result->failed_count, result->point.position);
    if (!s->last_line) return firn_fail_memory(err, "the summary");
    if (!result->failed_count) return FIRN_OK;
    (void) firn_fail(err, FIRN_E_LOAD_TABLES_FAILED, "%u tables could not be planned", result->failed_count);
    firn_state(err, "the plan holds the other tables");
    return err->status;
}

static firn_status
run(session *s, const load_settings *settings, plan_job_result *result, firn_error *err)
{
    FIRN_AUTO(lake_connection_done) lake_connection lake = {0};
    FIRN_AUTO(connect_source_freep) source         *src = NULL;
    load_events                                     events = report_load_events(s->out);
    plan_job                                        job = {.settings = settings,
                                                           .split_size_bytes = settings_size(&s->values, OPTION_SPLIT_SIZE),
                                                           .events = &events,
                                                           .cancel = s->cancel,
                                                           .put = put_line};

    FIRN_TRY(connect_lake(s, &lake, err));
    FIRN_TRY(session_catch_signals(s, err));
    FIRN_TRY(connect_source(s, &src, err));
    job.src = src;
    job.lake = lake.lake;
    FIRN_TRY(plan_job_run(&job, result, err));
    return hold_plan(s, src, err);
}

firn_status
cmd_plan_run(session *s, firn_error *err)
{
    const yaml_node *entry = NULL;
    const char      *log_path, *file;
    load_settings    settings;
    plan_job_result  result = {0};

    FIRN_TRY(session_open_source(s, true, &entry, err));
    FIRN_TRY(connect_load_settings(s, entry, &settings, err));
    file = settings_text(&s->values, OPTION_HOLD);
    if (file && file_exists(file)) {
        (void) firn_fail(err, FIRN_E_OPTION_VALUE, "--hold: '%s' is there already", file);
        firn_hint(err, "remove it, unless another `firn plan` still holds its snapshot by it");
        return err->status;
    }
    FIRN_TRY(session_path(s, "logs/direct_load.log", &log_path, err));
    FIRN_TRY(report_open_log(s->out, log_path, err));
    if (run(s, &settings, &result, err)) {
        firn_state(
            err, "nothing was changed in the lake; what was printed is not a whole plan unless it ends with plan_end");
        return err->status;
    }
    return summarize(s, &result, err);
}
