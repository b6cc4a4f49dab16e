/*
 * A load as a part of a command: with the process that holds its snapshot after a crash (snapshot_keeper.h). The
 * source's lock is the caller's.
 */
#ifndef FIRN_CLI_LOAD_STEP_H
#define FIRN_CLI_LOAD_STEP_H

#include "cli/session.h"
#include "load/load_job.h"

/* As load_run; `settings` get the keeper for its time. */
FIRN_MUST_USE firn_status load_step_run(session *s, load_settings *settings, source *src, catalog *lake, load_result *result,
                                        firn_error *err);

#endif
