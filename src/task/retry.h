/*
 * Which failures are tried again, how often, and after what delay: backoff with full jitter.
 */
#ifndef FIRN_TASK_RETRY_H
#define FIRN_TASK_RETRY_H

#include "base/error.h"
#include "task/cancel.h"

typedef struct task_retry {
    unsigned attempt, attempt_max; /* attempt_max retries after the first try */
    uint64_t backoff_ms, backoff_max_ms;
} task_retry;

/* Whether this status may be retried (FIRN_UNAVAILABLE; FIRN_CONFLICT, where the caller reloads first) and
 * attempts are left; then sleeps and returns true. False also when cancelled. ret_delay_ms (may be NULL) is
 * set before sleeping. `cancel` may be NULL. */
FIRN_MUST_USE bool task_retry_again(task_retry *retry, firn_status status, task_cancel *cancel,
                                    uint64_t *ret_delay_ms);

#endif
