#include "follow/source_wait.h"

#define ATTEMPTS_MAX 50u
#define BACKOFF_MS 250
#define BACKOFF_MS_MAX 15000

#define OF_TABLE "its columns cannot be looked up now: the source is asked again, and nothing is read until it answers"
#define OF_STREAM "the stream of changes cannot be opened again now: the source is asked again"

source_wait
source_wait_of(const follow_context *ctx, const char *table)
{
    return (source_wait){
        .ctx = ctx, .table = table, .retry = {.attempt_max = ATTEMPTS_MAX, .backoff_ms = BACKOFF_MS, .backoff_max_ms = BACKOFF_MS_MAX}};
}

bool
source_wait_again(source_wait *wait, firn_error *err)
{
    if (err->status != FIRN_UNAVAILABLE) return false;
    follow_progress_lost(wait->ctx->settings->progress);
    if (!wait->was_told) follow_tell(wait->ctx, FOLLOW_EVENT_WARNING, wait->table, wait->table ? OF_TABLE : OF_STREAM, err);
    wait->was_told = true;
    if (task_retry_again(&wait->retry, err->status, wait->ctx->cancel, NULL)) {
        firn_error_reset(err);
        return true;
    }
    if (!task_cancel_requested(wait->ctx->cancel)) return false;
    firn_error_reset(err);
    (void) firn_fail(err, FIRN_E_CANCELLED, "stopped while waiting for the source");
    return false;
}
