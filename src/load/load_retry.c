#include "load/load_retry.h"

#define RETRY_BACKOFF_MS_MAX 60000

/* A full disk can be emptied, a storage comes back; what the source does is retried split by split. */
static bool
is_of_storage(const firn_error *err)
{
    bool of_lake = (unsigned) err->code / 100 == 30 || (unsigned) err->code / 100 == 31;

    return err->code == FIRN_E_STORAGE_FULL || (of_lake && err->status == FIRN_UNAVAILABLE);
}

task_retry
load_retry_begin(const load_context *ctx)
{
    return (task_retry){.attempt_max = ctx->settings->retry_max,
                        .backoff_ms = ctx->settings->retry_backoff_ms,
                        .backoff_max_ms = RETRY_BACKOFF_MS_MAX};
}

bool
load_retry_again(task_retry *retry, const load_context *ctx, const char *table, firn_error *err)
{
    uint64_t   delay_ms = 0;
    load_event event = {.kind = LOAD_EVENT_TABLE_RETRY, .table = table, .error = err};

    if (!is_of_storage(err)) return false;
    if (!task_retry_again(retry, FIRN_UNAVAILABLE, ctx->cancel, &delay_ms)) {
        err->retried = retry->attempt > 0;
        return false;
    }
    event.attempt = retry->attempt;
    event.delay_ms = delay_ms;
    if (ctx->events) ctx->events->emit(ctx->events->state, &event);
    firn_error_reset(err);
    return true;
}
