/*
 * An error as the user sees it: on several lines for people, or as the last JSON line of a run.
 * The text always ends with what state the world is in, whether firn tried again, and the exit code.
 */
#ifndef FIRN_CLI_ERROR_TEXT_H
#define FIRN_CLI_ERROR_TEXT_H

#include "base/buffer.h"

FIRN_MUST_USE firn_status error_text_add(const firn_error *error, int exit_code, bool color, firn_buffer *out,
                                         firn_error *err);
/* {"type":"exit","code":75,"error":"FIRN-2001","message":…,"retryable":true}, one line. `error` and
 * `correlation_id` may be NULL. */
FIRN_MUST_USE firn_status error_text_add_exit(const firn_error *error, int exit_code, const char *correlation_id,
                                              firn_buffer *out, firn_error *err);
/* Whether the same command may succeed later without a change: an orchestrator retries only then. */
bool                      error_text_retryable(firn_status status);

#endif
