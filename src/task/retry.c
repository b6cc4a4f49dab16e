#include "task/retry.h"

#include "base/clock.h"

static bool
may_retry(firn_status status)
{
    return status == FIRN_UNAVAILABLE || status == FIRN_CONFLICT;
}

/* Anything up to backoff * 2^attempt: many that failed together do not come back together. */
static uint64_t
next_delay_ms(const task_retry *retry)
{
    uint64_t most_ms = retry->backoff_ms;

    for (unsigned i = 0; i < retry->attempt && most_ms < retry->backoff_max_ms; i++) {
        most_ms = most_ms > UINT64_MAX / 2 ? UINT64_MAX : most_ms * 2;
    }
    if (most_ms > retry->backoff_max_ms) {
        most_ms = retry->backoff_max_ms;
    }
    return most_ms == UINT64_MAX ? most_ms : firn_random_u64() % (most_ms + 1);
}

bool
task_retry_again(task_retry *retry, firn_status status, task_cancel *cancel, uint64_t *ret_delay_ms)
{
    uint64_t delay_ms;

    if (!may_retry(status) || retry->attempt >= retry->attempt_max || task_cancel_requested(cancel)) return false;
    delay_ms = next_delay_ms(retry);
    retry->attempt++;
    if (ret_delay_ms) {
        *ret_delay_ms = delay_ms;
    }
    return !task_cancel_wait(cancel, delay_ms);
}
