/*
 * Runs another program to its end, within a time, without a shell.
 *
 * Input:   given whole, as an unnamed file on stdin
 * Output:  stdout and stderr together, the first output_bytes_max of them; the rest is dropped
 * Env:     only what a program needs to find its way (PATH, HOME, USER, LANG, LC_ALL, TZ, TMPDIR) and what is given:
 *          secrets of our own environment do not reach it. No descriptor of ours but 0, 1 and 2 does
 * End:     its own process group; when the time is up or work is cancelled the group gets SIGTERM, two seconds later
 *          SIGKILL. What it left in the background is not waited for
 * Threads: all
 */
#ifndef FIRN_TASK_CHILD_PROCESS_H
#define FIRN_TASK_CHILD_PROCESS_H

#include "base/buffer.h"
#include "task/cancel.h"

typedef struct child_process {
    const char *const *argv; /* looked for in PATH; ends with NULL */
    const char *const *environment; /* "NAME=value"; ends with NULL; NULL: nothing more */
    firn_slice         input;
    uint64_t           timeout_ms;
    size_t             output_bytes_max;
} child_process;

/* SYSTEM where it cannot be started, CHILD_FAILED for its exit code, signal or lateness, with the last line that it
 * printed; CANCELLED. `output` may be NULL. */
FIRN_MUST_USE firn_status child_process_run(const child_process *child, task_cancel *cancel, firn_buffer *output,
                                            firn_error *err);

#endif
