/*
 * logs/run-<id>.json: what a run did, for machines; also, and especially, of a run that failed.
 */
#ifndef FIRN_CLI_RUN_RECORD_H
#define FIRN_CLI_RUN_RECORD_H

#include "cli/session.h"
#include "codec/json_writer.h"
#include "load/load_job.h"

/* `error` is how the run ended (status FIRN_OK: well). */
FIRN_MUST_USE firn_status run_record_write(session *s, const load_result *result, const firn_error *error,
                                           firn_error *err);
/* The same of another job: `write_job` writes the members that are its own. */
FIRN_MUST_USE firn_status run_record_write_job(session *s, void (*write_job)(jwriter *w, const void *state),
                                               const void *state, const firn_error *error, firn_error *err);

#endif
