/*
 * logs/run-<id>.json: what a run did, for machines; also, and especially, of a run that failed.
 */
#ifndef FIRN_CLI_RUN_RECORD_H
#define FIRN_CLI_RUN_RECORD_H

#include "cli/session.h"
#include "load/load_job.h"

/* `error` is how the run ended (status FIRN_OK: well). */
FIRN_MUST_USE firn_status run_record_write(session *s, const load_result *result, const firn_error *error,
                                           firn_error *err);

#endif
