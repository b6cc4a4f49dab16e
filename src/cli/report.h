/*
 * What the user sees while firn works: log lines, progress, errors and the last line.
 *
 * stderr gets everything; a log file gets the log lines and the errors. Progress has three forms, chosen by what
 * stderr is: a live block on a terminal, redrawn at most twice a second, with log lines scrolling above it; else a
 * plain line per interval and per finished table; with the JSON format the same as JSON lines.
 * SIGUSR1 (report_print_now) prints the state at once. Secrets pass the redactor of base/secret.h.
 * Threads: every function but new and free may be called from any thread.
 */
#ifndef FIRN_CLI_REPORT_H
#define FIRN_CLI_REPORT_H

#include "base/log.h"
#include "load/load_job.h"

typedef enum report_progress { REPORT_PROGRESS_NONE, REPORT_PROGRESS_LINES, REPORT_PROGRESS_LIVE } report_progress;

typedef struct report_settings {
    log_format      format;
    log_level       level;
    bool            color;
    report_progress progress;
    uint64_t        interval_ms; /* of the plain lines */
    const char     *source;      /* in each progress line; NULL: none */
} report_settings;

typedef struct report report;

/* Becomes the log's output. One at a time. */
FIRN_MUST_USE firn_status report_new(const report_settings *settings, report **ret_report, firn_error *err);
/* Adds a file that log lines and errors are appended to; made with mode 0600, its folder too. */
FIRN_MUST_USE firn_status report_open_log(report *r, const char *path, firn_error *err);
void                      report_free(report *r);
FIRN_DEFINE_FREEP(report, report_free)

/* What load_run is given. */
load_events report_load_events(report *r);
/* Prints the state of the running job now. */
void        report_print_now(report *r);
/* A line to stderr and the log file, above the live block. No newline in it. */
void        report_line(report *r, const char *text);
/* The error in full, then the last line: `retried` says what firn did about it. */
void        report_error(report *r, const firn_error *error, int exit_code);
/* The last JSON line of a run; nothing in text format. */
void        report_exit(report *r, const firn_error *error, int exit_code, const char *correlation_id);

#endif
