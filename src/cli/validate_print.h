/*
 * The result of `firn validate`: a table and what differs for people, JSON for machines, the last line.
 */
#ifndef FIRN_CLI_VALIDATE_PRINT_H
#define FIRN_CLI_VALIDATE_PRINT_H

#include "cli/session.h"
#include "codec/json_writer.h"
#include "validate/validate_job.h"

FIRN_MUST_USE firn_status validate_print(session *s, const validate_result *result, firn_error *err);
/* For run_record_write_job; `state` is the result. */
void                      validate_print_record(jwriter *w, const void *state);

#endif
