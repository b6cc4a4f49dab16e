#include "maintain/expire_step.h"

#include "base/clock.h"
#include "base/crash_point.h"
#include "catalog/commit.h"
#include "iceberg/manifest_list.h"
#include "maintain/metadata_files.h"
#include "maintain/reachable_files.h"
#include "maintain/removal_list.h"
#include "maintain/snapshot_expiry.h"

/* firn's own tables get a snapshot with each update, and nobody travels in time there. */
#define OWN_MAX_AGE_MS (INT64_C(3600) * 1000)
#define OWN_KEEP_MIN 10

typedef struct expire_job {
    maintain_task  *t;
    firn_arena      arena; /* of the last decision */
    snapshot_expiry expiry;
    table_metadata *base; /* that it was made on; referenced */
} expire_job;

static void
expire_job_done(expire_job *job)
{
    firn_arena_done(&job->arena);
    table_metadata_unref(job->base);
}

static firn_status
decide_on(expire_job *job, const table_metadata *base, firn_error *err)
{
    const maintain_settings *s = job->t->settings;
    int64_t                  max_age_ms = s->snapshot_age_ms, keep_min = s->retain_last;

    if (job->t->is_own) {
        if (max_age_ms < 0)
            max_age_ms = table_metadata_property_i64(base, "history.expire.max-snapshot-age-ms", OWN_MAX_AGE_MS);
        if (keep_min <= 0)
            keep_min = table_metadata_property_i64(base, "history.expire.min-snapshots-to-keep", OWN_KEEP_MIN);
    }
    firn_arena_reset(&job->arena);
    return snapshot_expiry_decide(base, max_age_ms, keep_min, firn_clock_now_us() / 1000, &job->arena, &job->expiry, err);
}

/* commit_decide: refs and snapshots may have come since, so each base is looked at again. */
static firn_status
decide(void *state, const table_metadata *base, table_change *ret_change, firn_error *err)
{
    expire_job *job = state;

    if (!base)
        return firn_fail(err, FIRN_E_CATALOG_TABLE_NOT_FOUND, "the table '%s' was dropped meanwhile",
                         job->t->ident->name);
    FIRN_TRY(decide_on(job, base, err));
    table_metadata_unref(job->base);
    job->base = table_metadata_ref((table_metadata *) (uintptr_t) base);
    *ret_change = (table_change){
        .removed_snapshots = job->expiry.snapshots,
        .removed_snapshot_count = job->expiry.snapshot_count,
        .removed_refs = job->expiry.refs,
        .removed_ref_count = job->expiry.ref_count,
    };
    return FIRN_OK;
}

/* ---- what only the expired ones hold ---- */

static bool
is_expired(const snapshot_expiry *expiry, int64_t id)
{
    for (unsigned i = 0; i < expiry->snapshot_count; i++) {
        if (expiry->snapshots[i] == id) return true;
    }
    return false;
}

typedef struct file_filter {
    const reachable_files *kept;
    removal_list          *list;
} file_filter;

static firn_status
take_unless_kept(void *state, const data_file *file, firn_error *err)
{
    file_filter *filter = state;

    if (file_set_has(&filter->kept->set, file->path)) return FIRN_OK;
    return removal_list_add(filter->list, file->path, file->size_bytes, err);
}

/* The manifests that only expired snapshots have, and the manifest lists; FIRN_OK where a list is gone already. */
static firn_status
collect_manifests(expire_job *job, const snapshot *s, const reachable_files *kept, firn_map *seen, firn_arena *arena,
                  const manifest_file ***ret_only, size_t *ret_count, firn_error *err)
{
    const manifest_file *manifests = NULL, **only;
    size_t               count = 0, only_count = 0;
    firn_status          status;

    *ret_count = 0;
    if (!s->manifest_list) return FIRN_OK;
    status = manifest_list_read(job->t->lake->files, s->manifest_list, arena, &manifests, &count, err);
    if (status == FIRN_NOT_FOUND) {
        firn_error_reset(err);
        return FIRN_OK;
    }
    FIRN_TRY(status);
    only = firn_arena_array(arena, count + 1, sizeof(const manifest_file *));
    if (!only) return firn_fail_memory(err, "a list of manifests");
    for (size_t i = 0; i < count; i++) {
        firn_slice path = firn_slice_text(manifests[i].path);

        if (firn_map_get(kept->manifests, path) || firn_map_get(seen, path)) continue;
        FIRN_TRY(firn_map_put(seen, path, job, err));
        only[only_count++] = &manifests[i];
    }
    *ret_only = only;
    *ret_count = only_count;
    return FIRN_OK;
}

static firn_status
collect_files(expire_job *job, const manifest_file *manifest, const reachable_files *kept, removal_list *list,
              firn_error *err)
{
    file_filter filter = {kept, list};
    firn_status status = reachable_files_of_manifest(job->t->lake->files, job->base, manifest, take_unless_kept, &filter, err);

    // A run that was killed while it removed has left half of it: what it was to remove then are orphans.
    if (status != FIRN_NOT_FOUND) return status;
    firn_error_reset(err);
    return FIRN_OK;
}

/* All snapshots that stay are in `kept`, with their files where there are manifests to judge. */
static firn_status
collect(expire_job *job, removal_list *list, firn_error *err)
{
    FIRN_AUTO(reachable_files_done) reachable_files kept = {0}, whole = {0};
    FIRN_AUTO(firn_map_freep) firn_map *seen = firn_map_new();
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const table_metadata *base = job->base;
    bool                  whole_read = false;

    if (!seen) return firn_fail_memory(err, "a list of manifests");
    FIRN_TRY(reachable_files_init(&kept, base, job->t->lake->files, err));
    FIRN_TRY(reachable_files_init(&whole, base, job->t->lake->files, err));
    for (unsigned i = 0; i < base->snapshot_count; i++) {
        const snapshot *s = &base->snapshots[i];

        if (!is_expired(&job->expiry, s->snapshot_id)) FIRN_TRY(reachable_files_add_manifests(&kept, s, err));
    }
    for (unsigned i = 0; i < base->snapshot_count; i++) {
        const snapshot       *s = &base->snapshots[i];
        const manifest_file **only = NULL;
        size_t                count = 0;

        if (!is_expired(&job->expiry, s->snapshot_id)) continue;
        FIRN_TRY(maintain_task_check(job->t, err));
        firn_arena_reset(&arena);
        FIRN_TRY(collect_manifests(job, s, &kept, seen, &arena, &only, &count, err));
        for (unsigned k = 0; count && !whole_read && k < base->snapshot_count; k++) {
            if (!is_expired(&job->expiry, base->snapshots[k].snapshot_id))
                FIRN_TRY(reachable_files_add_snapshot(&whole, &base->snapshots[k], err));
        }
        whole_read = whole_read || count > 0;
        for (size_t k = 0; k < count; k++) {
            FIRN_TRY(collect_files(job, only[k], &whole, list, err));
            FIRN_TRY(removal_list_add(list, only[k]->path, only[k]->size_bytes, err));
        }
        if (s->manifest_list && !file_set_has(&kept.set, s->manifest_list))
            FIRN_TRY(removal_list_add(list, s->manifest_list, -1, err));
    }
    return FIRN_OK;
}

/* ---- the step ---- */

static firn_status
commit_and_remove(expire_job *job, firn_error *err)
{
    maintain_task *t = job->t;
    FIRN_AUTO(removal_list_done) removal_list list = {0};
    table_metadata *now = NULL;

    FIRN_TRY(removal_list_init(&list, t->table->location, err));
    if (!t->settings->dry_run) {
        FIRN_TRY(catalog_commit_decided(t->lake, t->ident, decide, job, t->cancel, &now, err));
        firn_crash_point("expire.after-commit");
        maintain_task_take(t, now);
    }
    t->result->expired_snapshot_count = job->expiry.snapshot_count;
    t->result->removed_ref_count = job->expiry.ref_count;
    if (collect(job, &list, err) == FIRN_OK && removal_list_apply(&list, t, err) == FIRN_OK) return FIRN_OK;
    if (!t->settings->dry_run)
        firn_state(err, "the snapshots of '%s' are expired; some files that only they held are orphans now", t->ident->name);
    return err->status;
}

firn_status
expire_step_run(maintain_task *t, firn_error *err)
{
    FIRN_AUTO(expire_job_done) expire_job job = {.t = t};

    if (!maintain_property_is(t->table, "gc.enabled", true)) {
        maintain_result_note(t->result, "gc.enabled is false: nothing expires");
        return FIRN_OK;
    }
    FIRN_TRY(decide_on(&job, t->table, err));
    job.base = table_metadata_ref(t->table);
    if (job.expiry.snapshot_count || job.expiry.ref_count) {
        if (commit_and_remove(&job, err)) return firn_while(err, "expiring snapshots of '%s'", t->ident->name);
    }
    return metadata_files_trim(t, err);
}
