/*
 * One run of the program: command line, environment, configuration, outputs, and how it ends.
 */
#ifndef FIRN_CLI_SESSION_H
#define FIRN_CLI_SESSION_H

#include "base/uuid.h"
#include "cli/command.h"
#include "cli/report.h"
#include "cli/signals.h"
#include "task/task.h"

/* Variables that are no options: on the command line others would see them. */
#define SESSION_HTTP_TOKEN "FIRN_HTTP_TOKEN"
#define SESSION_CONNECT_LOGIN "FIRN_CONNECT_LOGIN" /* user:password */
#define SESSION_OUT_BYTES_MAX ((size_t) 256 << 20)

struct session {
    firn_arena   arena;
    settings     values;
    command_line line;
    dotenv       environment;
    const char  *project_root; /* absolute */
    const char  *config_dir;   /* absolute or below the project root */
    const char  *config_shown; /* as messages name it: relative to the project root where it lies there */
    config_file  files[CONFIG_KIND_COUNT];
    bool         files_read;
    const char  *correlation_id;
    char         run_id[UUID_TEXT_SIZE];
    int64_t      started_us;
    report      *out; /* stderr and the log file */
    signals     *catcher;
    task_cancel *cancel;    /* requested by SIGINT and SIGTERM */
    firn_buffer  result;    /* goes to stdout at the end, also where the command failed */
    const char  *last_line; /* printed at the very end, after an error; NULL: none */
    int          argc;
    char *const *argv;
    bool         unchanged; /* the command found nothing to do: --exit-unchanged */
};

/* Runs the program; returns its exit code. */
int session_run(int argc, char *argv[]);

/* Reads the configuration files that are there, once. */
FIRN_MUST_USE firn_status session_read_config(session *s, firn_error *err);
/* The source of --source: reads the configuration, finds its entry, lays its values below those of the command
 * line and adds the defaults. With `reveal`, secrets are expanded. */
FIRN_MUST_USE firn_status session_open_source(session *s, bool reveal, const yaml_node **ret_entry, firn_error *err);
/* Expands a secret of the entry that was opened without; one that is not set is fine. */
FIRN_MUST_USE firn_status session_reveal(session *s, const yaml_node *entry, option_id secret, firn_error *err);
/* From now on SIGINT and SIGTERM request the cancel. After the secrets' commands have run: they inherit the mask. */
FIRN_MUST_USE firn_status session_catch_signals(session *s, firn_error *err);
/* The exit code that goes with a status, --exit-unchanged considered. */
int                       session_exit_code(const session *s, firn_status status);
/* A path below the project root, in the arena. */
FIRN_MUST_USE firn_status session_path(session *s, const char *name, const char **ret_path, firn_error *err);
/* checkpoints/<source>, the source's name made fit for a folder: what this machine keeps of it. */
FIRN_MUST_USE firn_status session_state_folder(session *s, const char **ret_path, firn_error *err);

#endif
