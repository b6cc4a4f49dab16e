/*
 * What a maintain run has gained: a table for people, a JSON document ("maintain" in docs/output.schema.json), and the
 * last line.
 */
#ifndef FIRN_CLI_MAINTAIN_PRINT_H
#define FIRN_CLI_MAINTAIN_PRINT_H

#include "cli/session.h"
#include "codec/json_writer.h"
#include "maintain/maintain_job.h"

/* To the session's result (stdout) and its last line. */
FIRN_MUST_USE firn_status maintain_print(session *s, const maintain_summary *summary, firn_error *err);
/* The members of a run's record that are maintain's own; `state` is a maintain_summary. */
void                      maintain_print_record(jwriter *w, const void *state);

#endif
