/*
 * Signals: one thread waits for them. SIGINT, SIGTERM and SIGHUP request the cancel, a second one leaves the
 * process at once (exit 130); SIGUSR1 prints the progress now. SIGPIPE is ignored.
 */
#ifndef FIRN_CLI_SIGNALS_H
#define FIRN_CLI_SIGNALS_H

#include "cli/report.h"
#include "task/task.h"

typedef struct signals signals;

/* Blocks the signals for this thread and those it starts: call it before other threads start. Both are borrowed. */
FIRN_MUST_USE firn_status signals_start(task_cancel *cancel, report *out, signals **ret_signals, firn_error *err);
/* Ends the thread. */
void                      signals_free(signals *s);
FIRN_DEFINE_FREEP(signals, signals_free)

#endif
