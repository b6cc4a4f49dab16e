#include "cli/session.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/option_help.h"
#include "source/source_names.h"

#define PATH_BYTES_MAX 4096

/* Memory may hold passwords: no core file, and no other process of the user may read it. */
static void
harden(void)
{
    struct rlimit none = {0, 0};

    (void) prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void) setrlimit(RLIMIT_CORE, &none);
    signal(SIGPIPE, SIG_IGN); /* a write says EPIPE instead */
}

static void
session_freep(session **slot)
{
    session *s = *slot;

    if (!s) return;
    signals_free(s->catcher);
    settings_done(&s->values);
    dotenv_done(&s->environment);
    report_free(s->out);
    task_cancel_free(s->cancel);
    firn_buffer_done(&s->result);
    firn_arena_done(&s->arena);
    firn_free(s);
}

firn_status
session_path(session *s, const char *name, const char **ret_path, firn_error *err)
{
    *ret_path = name[0] == '/' ? firn_arena_strdup(&s->arena, name)
                               : firn_arena_printf(&s->arena, "%s/%s", s->project_root, name);
    return *ret_path ? FIRN_OK : firn_fail_memory(err, "a path");
}

firn_status
session_state_folder(session *s, const char **ret_path, firn_error *err)
{
    char        slot[SOURCE_NAME_SIZE];
    const char *name;

    source_slot_name(settings_text(&s->values, OPTION_SOURCE), slot);
    name = firn_arena_printf(&s->arena, "checkpoints/%s", slot);
    if (!name) return firn_fail_memory(err, "a path");
    return session_path(s, name, ret_path, err);
}

/* The project root made absolute: log lines and locations must not depend on where firn was called. */
static firn_status
find_project_root(session *s, firn_error *err)
{
    char        current[PATH_BYTES_MAX];
    const char *root = settings_text(&s->values, OPTION_PROJECT_ROOT);

    if (!root) root = firn_environment("FIRN_PROJECT_ROOT");
    if (!root || !*root) root = firn_environment("PROJECT_ROOT");
    if (!root || !*root) root = ".";
    if (root[0] == '/') {
        s->project_root = root;
        return FIRN_OK;
    }
    if (!getcwd(current, sizeof current))
        return firn_fail_errno(err, FIRN_E_SYSTEM, errno, "cannot find the working directory");
    while (root[0] == '.' && (root[1] == '/' || !root[1])) {
        root += root[1] ? 2 : 1;
    }
    s->project_root =
        *root ? firn_arena_printf(&s->arena, "%s/%s", current, root) : firn_arena_strdup(&s->arena, current);
    return s->project_root ? FIRN_OK : firn_fail_memory(err, "the project root");
}

/* Environment and .env: PROJECT_ROOT first, since it says where .env is. */
static firn_status
read_environment(session *s, firn_error *err)
{
    const dotenv none = {0};
    unsigned     set = s->line.command ? (unsigned) s->line.command->set : (unsigned) COMMAND_SET_ALL;
    const char  *path;

    /* It shows what other commands would see. */
    if (set == COMMAND_SET_CONFIG_SHOW) set = COMMAND_SET_ALL;

    FIRN_TRY(find_project_root(s, err));
    FIRN_TRY(session_path(s, ".env", &path, err));
    FIRN_TRY(dotenv_read(path, &s->arena, &s->environment, err));
    FIRN_TRY(settings_apply_environment(&s->values, set, s->environment.values ? &s->environment : &none, err));
    s->config_shown = settings_text(&s->values, OPTION_CONFIG_DIR);
    if (!s->config_shown) s->config_shown = "config";
    return session_path(s, s->config_shown, &s->config_dir, err);
}

static bool
is_json(const session *s)
{
    const char *format = settings_text(&s->values, OPTION_LOG_FORMAT);

    if (!format) format = firn_environment("FIRN_LOG_FORMAT"); /* the command line failed before it was read */
    return format && strcmp(format, "json") == 0;
}

/* `choice` is auto, always, never or NULL. */
static bool
wanted(const char *choice, bool automatic)
{
    if (!choice || strcmp(choice, "auto") == 0) return automatic;
    return strcmp(choice, "always") == 0;
}

static report_settings
choose_report(const session *s)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    const char              *level = settings_text(&s->values, OPTION_LOG_LEVEL);
    const char              *term = firn_environment("TERM"), *no_color = firn_environment("NO_COLOR");
    bool                     terminal = isatty(STDERR_FILENO) == 1, dumb = !term || strcmp(term, "dumb") == 0;
    bool                     json = is_json(s);
    const char              *progress = settings_text(&s->values, OPTION_PROGRESS);
    report_settings          out = {.format = json ? LOG_JSON : LOG_TEXT, .level = LOG_INFO};

    for (unsigned i = 0; level && i < FIRN_COUNT(names); i++) {
        if (strcmp(level, names[i]) == 0) out.level = (log_level) i;
    }
    out.color = !json && wanted(settings_text(&s->values, OPTION_COLOR), terminal && !dumb && !(no_color && *no_color));
    out.progress = !json && wanted(progress, terminal && !dumb) ? REPORT_PROGRESS_LIVE : REPORT_PROGRESS_LINES;
    if (settings_flag(&s->values, OPTION_NO_PROGRESS) || (progress && strcmp(progress, "never") == 0))
        out.progress = REPORT_PROGRESS_NONE;
    out.interval_ms = 30000;
    if (settings_has(&s->values, OPTION_PROGRESS_INTERVAL))
        out.interval_ms = settings_duration_ms(&s->values, OPTION_PROGRESS_INTERVAL);
    out.source = settings_text(&s->values, OPTION_SOURCE);
    return out;
}

/* TRACEPARENT is "00-<32 hex trace id>-<16 hex>-<flags>" (W3C Trace Context). */
static void
choose_correlation_id(session *s)
{
    const char *parent = firn_environment("TRACEPARENT");

    uuid_format(uuid_v7(), s->run_id);
    s->correlation_id = settings_text(&s->values, OPTION_CORRELATION_ID);
    if (!s->correlation_id && parent && strlen(parent) >= 55 && parent[2] == '-' && parent[35] == '-' &&
        strspn(parent + 3, "0123456789abcdef") == 32)
        s->correlation_id = firn_arena_text(&s->arena, firn_slice_of(parent + 3, 32));
    if (!s->correlation_id) s->correlation_id = s->run_id;
    log_set_correlation_id(s->correlation_id);
}

static void
warn_environment(const session *s)
{
    if (s->environment.loose)
        log_warning("%s is readable by others; run: chmod 600 %s", s->environment.path, s->environment.path);
    for (size_t i = 0; s->environment.values && i < firn_map_count(s->environment.values); i++) {
        firn_slice key = firn_map_key(s->environment.values, i);
        char       name[OPTION_VARIABLE_MAX];
        if (key.size >= sizeof name || key.size < 5 || memcmp(key.data, "FIRN_", 5) != 0) continue;
        memcpy(name, key.data, key.size);
        name[key.size] = '\0';
        if (!option_of_variable(name) && strcmp(name, SESSION_HTTP_TOKEN) != 0 && strcmp(name, SESSION_CONNECT_LOGIN) != 0)
            log_warning("%s: %s is no setting of firn", s->environment.path, name);
    }
}

static void
warn_config(const config_file *file)
{
    if (!file->literal_secret) return;
    log_warning("%s:%u: '%s' is written in clear; put it into .env or a file and write ${NAME} or ${file:/path} "
                "here%s",
                file->path, file->literal_secret_line, file->literal_secret,
                file->loose ? " (and the file is readable by others)" : "");
}

firn_status
session_read_config(session *s, firn_error *err)
{
    if (s->files_read) return FIRN_OK;
    for (config_kind kind = 0; kind < CONFIG_KIND_COUNT; kind++) {
        const char *path = firn_arena_printf(&s->arena, "%s/%s.yaml", s->config_dir, config_kind_name(kind));
        const char *shown = firn_arena_printf(&s->arena, "%s/%s.yaml", s->config_shown, config_kind_name(kind));
        if (!path || !shown) return firn_fail_memory(err, "a path");
        FIRN_TRY(config_file_read(kind, path, shown, &s->arena, &s->files[kind], err));
        warn_config(&s->files[kind]);
    }
    s->files_read = true;
    return FIRN_OK;
}

static firn_status
fail_no_source(session *s, const char *name, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer names = {0};
    const config_file                      *file = &s->files[CONFIG_SOURCES];

    firn_buffer_init(&names, FIRN_ERROR_TEXT_MAX);
    if (!file->root) {
        (void) firn_fail(err, FIRN_E_CONFIG_NOT_FOUND, "there is no '%s'; looked for %s/sources.yaml", file->path,
                         s->config_dir);
        firn_hint(err, "`firn init` writes a template; copy it to sources.yaml, or give --config-dir");
        return err->status;
    }
    FIRN_TRY(config_file_add_names(file, CONFIG_SOURCES, &names, err));
    if (!name) {
        (void) firn_fail(err, FIRN_E_OPTION_MISSING, "--source is missing");
    } else {
        const char *nearest = config_file_nearest(file, CONFIG_SOURCES, name);
        (void) firn_fail(err, FIRN_E_CONFIG_NOT_FOUND, "%s has no source '%s'%s%s%s", file->path, name,
                         nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
    }
    firn_hint(err, "sources in %s: %.*s", file->path, (int) names.size, (const char *) names.data);
    return err->status;
}

firn_status
session_open_source(session *s, bool reveal, const yaml_node **ret_entry, firn_error *err)
{
    const char *name = settings_text(&s->values, OPTION_SOURCE);

    FIRN_TRY(session_read_config(s, err));
    const yaml_node *entry = name ? config_file_entry(&s->files[CONFIG_SOURCES], CONFIG_SOURCES, name) : NULL;
    if (!entry) return fail_no_source(s, name, err);
    FIRN_TRY(settings_apply_entry(&s->values, CONFIG_SOURCES, &s->files[CONFIG_SOURCES], entry, &s->environment, reveal,
                                  err));
    FIRN_TRY(settings_apply_defaults(&s->values, err));
    *ret_entry = entry;
    return FIRN_OK;
}

firn_status
session_reveal(session *s, const yaml_node *entry, option_id secret, firn_error *err)
{
    return settings_reveal(&s->values, secret, &s->files[CONFIG_SOURCES], entry, &s->environment, err);
}

/* What was asked for besides the commands: help, version, or nothing at all. */
static firn_status
run_without_command(session *s, bool *ret_ran, firn_error *err)
{
    *ret_ran = true;
    if (s->line.help || s->line.help_short) return option_help_add(s->line.command, s->line.help, &s->result, err);
    if (s->line.version) return cmd_version_run(s, err);
    if (!s->line.command) return firn_fail(err, FIRN_E_OPTION_MISSING, "no command was given");
    *ret_ran = false;
    return FIRN_OK;
}

/* Not inlined: each keeps an error of its own, and the caller's stack would hold them all at once. */
__attribute__((noinline)) static firn_status
begin(session *s, int argc, char *argv[], firn_error *err)
{
    firn_error  report_error = {0};
    firn_status status = command_line_parse(argc, argv, &s->values, &s->line, err);

    if (status == FIRN_OK) status = read_environment(s, err);
    report_settings settings = choose_report(s);
    if (report_new(&settings, &s->out, &report_error) != FIRN_OK && status == FIRN_OK) {
        *err = report_error;
        return err->status;
    }
    FIRN_TRY(status);
    choose_correlation_id(s);
    warn_environment(s);
    s->cancel = task_cancel_new();
    return s->cancel ? FIRN_OK : firn_fail_memory(err, "the session");
}

/* Results go out also after a failure: a check's findings are what the user wants to see then. */
static firn_status
write_result(session *s, firn_error *err)
{
    firn_error write_error = {0};

    if (s->result.size == 0) return err->status;
    if (file_write_all(STDOUT_FILENO, s->result.data, s->result.size, "stdout", &write_error) == FIRN_OK)
        return err->status;
    if (write_error.sys_errno == EPIPE) return err->status; /* the reader has had enough */
    if (err->status == FIRN_OK) *err = write_error;
    return err->status;
}

firn_status
session_catch_signals(session *s, firn_error *err)
{
    return signals_start(s->cancel, s->out, &s->catcher, err);
}

int
session_exit_code(const session *s, firn_status status)
{
    if (status == FIRN_OK && s->unchanged && settings_has(&s->values, OPTION_EXIT_UNCHANGED))
        return (int) settings_number(&s->values, OPTION_EXIT_UNCHANGED);
    return firn_status_exit_code(status);
}

__attribute__((noinline)) static int
end(session *s, firn_error *err)
{
    int exit_code = session_exit_code(s, write_result(s, err));

    if (!s->out) { /* failed before there was a report */
        fprintf(stderr, "firn: %s [FIRN-%04u]\n", err->cause, (unsigned) err->code);
        return exit_code;
    }
    if (err->status != FIRN_OK) report_error(s->out, err, exit_code);
    if (s->last_line) report_line(s->out, s->last_line);
    report_exit(s->out, err, exit_code, s->correlation_id);
    return exit_code;
}

/* `firn` alone: the short help, on stderr. */
__attribute__((noinline)) static int
end_with_help(session *s)
{
    firn_error err = {0};

    if (option_help_add(NULL, false, &s->result, &err) != FIRN_OK) return end(s, &err);
    fprintf(stderr, "%.*s", (int) s->result.size, (const char *) s->result.data);
    return firn_status_exit_code(FIRN_USAGE);
}

int
session_run(int argc, char *argv[])
{
    FIRN_AUTO(session_freep) session *s = firn_calloc(1, sizeof *s);
    firn_error                        err = {0};
    bool                              ran = false;
    firn_status                       status;

    harden();
    if (!s) {
        fprintf(stderr, "firn: memory is exhausted\n");
        return firn_status_exit_code(FIRN_NO_MEMORY);
    }
    s->argc = argc;
    s->argv = argv;
    firn_arena_init(&s->arena, FIRN_ARENA_SIZE_MAX_DEFAULT);
    firn_buffer_init(&s->result, SESSION_OUT_BYTES_MAX);
    s->started_us = firn_clock_now_us();
    settings_init(&s->values, &s->arena);
    status = begin(s, argc, argv, &err);
    if (status == FIRN_OK && argc < 2) return end_with_help(s);
    if (status == FIRN_OK) status = run_without_command(s, &ran, &err);
    if (status == FIRN_OK && !ran) status = s->line.command->run(s, &err);
    assert(status == err.status);
    return end(s, &err);
}
