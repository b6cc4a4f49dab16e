#include "catalog/commit.h"

#define RETRIES_DEFAULT 10
#define RETRIES_MAX 10000
#define BACKOFF_DEFAULT_MS 25
#define BACKOFF_MAX_DEFAULT_MS 5000
/* How often the table is asked for before an unknown outcome is reported as such: several minutes in all. */
#define UNKNOWN_READS_MAX 60

typedef struct commit_job {
    catalog           *c;
    const table_ident *ident;
    commit_decide      decide;
    void              *state;
    task_cancel       *cancel;
    table_metadata    *base; /* referenced; NULL: no table yet */
    firn_uuid          commit_id;
    bool               may_adopt; /* a table that appeared meanwhile is a base like any other */
    bool               offered;   /* an attempt was made whose outcome may have been lost */
    task_retry         retry;
    task_cancel       *own_cancel; /* where the caller gave none */
} commit_job;

static void
commit_job_done(commit_job *job)
{
    table_metadata_unref(job->base);
    task_cancel_free(job->own_cancel);
}

static bool
uuid_is_zero(firn_uuid id)
{
    for (unsigned i = 0; i < sizeof id.bytes; i++) {
        if (id.bytes[i]) return false;
    }
    return true;
}

bool
catalog_has_commit(const table_metadata *m, const char *commit_id)
{
    const char *found = table_metadata_property(m, TABLE_COMMIT_ID_KEY);

    if (found && strcmp(found, commit_id) == 0) return true;
    for (unsigned i = m->snapshot_count; i > 0; i--) {
        found = snapshot_summary(&m->snapshots[i - 1], TABLE_COMMIT_ID_KEY);
        if (found && strcmp(found, commit_id) == 0) return true;
    }
    return false;
}

static bool
has_commit(const table_metadata *m, firn_uuid commit_id)
{
    char id[UUID_TEXT_SIZE];

    uuid_format(commit_id, id);
    return catalog_has_commit(m, id);
}

static void
set_base(commit_job *job, table_metadata *take_base)
{
    table_metadata_unref(job->base);
    job->base = take_base;
}

/* The table as it is now becomes the base; a table that is not there is none. */
static firn_status
reload(commit_job *job, firn_error *err)
{
    table_metadata *now = NULL;
    firn_status     status = job->c->ops->load(job->c, job->ident, &now, err);

    if (status == FIRN_NOT_FOUND) {
        firn_error_reset(err);
        status = FIRN_OK;
    }
    if (status == FIRN_OK) set_base(job, now);
    return status;
}

static firn_status
fail_cancelled(firn_error *err)
{
    firn_error_reset(err);
    return firn_fail(err, FIRN_E_CANCELLED, "a commit was cancelled");
}

/* After an unknown outcome: asks until the table answers. The error stays where it never does. */
static firn_status
reload_surely(commit_job *job, firn_error *err)
{
    task_retry patience = {.attempt_max = UNKNOWN_READS_MAX, .backoff_ms = 100, .backoff_max_ms = 10000};

    for (;;) {
        firn_error  local = {0};
        firn_status status = reload(job, &local);

        if (status == FIRN_OK) {
            firn_error_reset(err);
            return FIRN_OK;
        }
        if (!task_retry_again(&patience, FIRN_UNAVAILABLE, job->cancel, NULL)) {
            (void) firn_while(err, "reading '%s' again: %s", job->ident->name, local.cause);
            firn_state(err, "it is not known whether the commit to '%s' was applied; no file was removed",
                       job->ident->name);
            return err->status;
        }
    }
}

static void
set_retry(commit_job *job)
{
    const table_metadata *m = job->base;
    int64_t               retries = RETRIES_DEFAULT, wait_ms = BACKOFF_DEFAULT_MS, wait_max_ms = BACKOFF_MAX_DEFAULT_MS;

    if (m) {
        retries = table_metadata_property_i64(m, "commit.retry.num-retries", retries);
        wait_ms = table_metadata_property_i64(m, "commit.retry.min-wait-ms", wait_ms);
        wait_max_ms = table_metadata_property_i64(m, "commit.retry.max-wait-ms", wait_max_ms);
    }
    job->retry.attempt_max = retries < 0 ? 0 : retries > RETRIES_MAX ? RETRIES_MAX : (unsigned) retries;
    job->retry.backoff_ms = wait_ms < 1 ? 1 : (uint64_t) wait_ms;
    job->retry.backoff_max_ms = wait_max_ms < wait_ms ? job->retry.backoff_ms : (uint64_t) wait_max_ms;
}

static firn_status
attempt(commit_job *job, table_metadata **ret_metadata, firn_error *err)
{
    table_change change = {0};

    FIRN_TRY(job->decide(job->state, job->base, &change, err));
    change.commit_id = job->commit_id;
    return job->c->ops->commit(job->c, job->ident, job->base, &change, ret_metadata, err);
}

/* Whether another attempt may help, from what the last one said. */
static bool
is_hopeless(const commit_job *job, const firn_error *err, const table_metadata *failed_base)
{
    const char *before = failed_base ? failed_base->metadata_location : NULL;
    const char *now = job->base ? job->base->metadata_location : NULL;

    if (err->code == FIRN_E_CATALOG_FILE_GONE) // only another base can have the file
        return (before == NULL) == (now == NULL) && (!before || strcmp(before, now) == 0);
    return !failed_base && job->base && !job->may_adopt; // a creation that lost the race
}

/*
 * After a failed attempt: the table is read again. *ret_applied: an attempt of ours did reach it. Otherwise
 * FIRN_OK means: try again on job->base; else `err` holds what to report.
 */
static firn_status
recover(commit_job *job, bool *ret_applied, firn_error *err)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *failed_base = job->base ? table_metadata_ref(job->base) : NULL;
    firn_error failed = *err;

    *ret_applied = false;
    if (failed.status == FIRN_UNKNOWN) {
        job->offered = true;
        FIRN_TRY(reload_surely(job, err));
    } else if (failed.status == FIRN_CONFLICT || failed.status == FIRN_UNAVAILABLE) {
        firn_error_reset(err);
        if (reload(job, err) != FIRN_OK && err->status != FIRN_UNAVAILABLE) return err->status;
    } else {
        return failed.status;
    }
    if (job->base && has_commit(job->base, job->commit_id)) {
        *ret_applied = true;
        firn_error_reset(err);
        return FIRN_OK;
    }
    *err = failed;
    if (failed_base && !job->base) {
        firn_error_reset(err);
        return firn_fail(err, FIRN_E_CATALOG_TABLE_NOT_FOUND, "the table '%s' was dropped while it was written",
                         job->ident->name);
    }
    if (is_hopeless(job, err, failed_base)) {
        if (!failed_base && job->base && err->code != FIRN_E_CATALOG_EXISTS) {
            firn_error_reset(err);
            (void) firn_fail(err, FIRN_E_CATALOG_EXISTS, "another writer made the table '%s' first", job->ident->name);
        }
        return err->status;
    }
    if (task_cancel_requested(job->cancel)) return fail_cancelled(err);
    if (!task_retry_again(&job->retry, failed.status == FIRN_UNKNOWN ? FIRN_UNAVAILABLE : failed.status, job->cancel,
                          NULL)) {
        if (task_cancel_requested(job->cancel)) return fail_cancelled(err);
        err->retried = true;
        return err->status;
    }
    firn_error_reset(err);
    return FIRN_OK;
}

static firn_status
run(commit_job *job, table_metadata **ret_metadata, firn_error *err)
{
    if (!job->cancel) job->cancel = job->own_cancel = task_cancel_new();
    if (!job->cancel) return firn_fail_memory(err, "a commit");
    set_retry(job);
    for (;;) {
        FIRN_AUTO(table_metadata_unrefp) table_metadata *made = NULL;
        bool applied = false;

        if (attempt(job, &made, err) != FIRN_OK) {
            if (recover(job, &applied, err) != FIRN_OK) {
                if (err->status != FIRN_UNKNOWN)
                    firn_state(err, "nothing was committed to '%s'; what was written for it is not referred to",
                               job->ident->name);
                return err->status;
            }
            if (!applied) continue;
            made = table_metadata_ref(job->base);
        }
        if (ret_metadata) *ret_metadata = FIRN_STEAL(made);
        return FIRN_OK;
    }
}

static firn_status
decide_given(void *state, const table_metadata *base, table_change *ret_change, firn_error *err)
{
    (void) base;
    (void) err;
    *ret_change = *(const table_change *) state;
    return FIRN_OK;
}

firn_status
catalog_commit_change(catalog *c, const table_ident *ident, const table_metadata *base, const table_change *change,
                      task_cancel *cancel, table_metadata **ret_metadata, firn_error *err)
{
    FIRN_AUTO(commit_job_done) commit_job job = {
        .c = c,
        .ident = ident,
        .decide = decide_given,
        .state = (void *) (uintptr_t) change, // decide_given only reads it
        .cancel = cancel,
        // Immutable but for its count.
        .base = base ? table_metadata_ref((table_metadata *) (uintptr_t) base) : NULL,
        .commit_id = uuid_is_zero(change->commit_id) ? uuid_v7() : change->commit_id,
    };

    return run(&job, ret_metadata, err);
}

/* The decision's own id counts, where it gives one; it is asked for before each attempt. */
typedef struct decision {
    commit_decide decide;
    void         *state;
    commit_job   *job;
} decision;

static firn_status
decide_asked(void *state, const table_metadata *base, table_change *ret_change, firn_error *err)
{
    decision *d = state;

    FIRN_TRY(d->decide(d->state, base, ret_change, err));
    if (!uuid_is_zero(ret_change->commit_id)) d->job->commit_id = ret_change->commit_id;
    return FIRN_OK;
}

firn_status
catalog_commit_decided(catalog *c, const table_ident *ident, commit_decide decide, void *state, task_cancel *cancel,
                       table_metadata **ret_metadata, firn_error *err)
{
    decision d = {.decide = decide, .state = state};
    FIRN_AUTO(commit_job_done) commit_job job = {
        .c = c,
        .ident = ident,
        .decide = decide_asked,
        .state = &d,
        .cancel = cancel,
        .commit_id = uuid_v7(),
        .may_adopt = true,
    };

    d.job = &job;
    FIRN_TRY(reload(&job, err));
    return run(&job, ret_metadata, err);
}
