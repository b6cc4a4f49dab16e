#include "maintain/delete_step.h"

#include "base/crash_point.h"
#include "catalog/commit.h"
#include "iceberg/deletion_vector.h"
#include "iceberg/file_names.h"
#include "iceberg/position_delete.h"
#include "maintain/delete_use.h"
#include "scan/scan_reader.h"
#include "write/delete_writer.h"

#define REPLANS_MAX 3

/* ---- deletes of nothing ---- */

typedef struct drop_job {
    maintain_task *t;
    firn_arena     arena; /* of the last decision */
    table_property summary[MAINTAIN_SUMMARY_MAX];
    size_t         count;
} drop_job;

static void
drop_job_done(drop_job *job)
{
    firn_arena_done(&job->arena);
}

/* A position delete file of several data files is only known to lie in their partition: what it names decides. One that
 * is too large to look into stays. */
static firn_status
names_live_file(const maintain_task *t, const delete_use *use, const data_file *file, bool *ret_names, firn_error *err)
{
    FIRN_AUTO(position_delete_set_freep) position_delete_set *set = NULL;
    firn_status status;

    *ret_names = true;
    if (file->content != DATA_FILE_POSITION_DELETES || delete_file_target(file).data) return FIRN_OK;
    set = position_delete_set_new(t->settings->memory_bytes / 3);
    if (!set) return firn_fail_memory(err, "position deletes");
    status = position_delete_set_read(set, t->lake->files, file, NULL, err);
    if (status && err->code == FIRN_E_PARQUET_LIMIT) {
        firn_error_reset(err);
        return FIRN_OK;
    }
    FIRN_TRY(status);
    *ret_names = false;
    for (size_t i = 0; i < position_delete_set_count(set) && !*ret_names; i++)
        *ret_names = firn_map_get(use->data_paths, position_delete_set_path(set, i)) != NULL;
    return FIRN_OK;
}

/* The change that takes out what no data file of `base` needs; job->count 0: there is none. */
static firn_status
find_useless(drop_job *job, const table_metadata *base, table_change *change, firn_error *err)
{
    FIRN_AUTO(delete_use_done) delete_use use = {0};
    const char **paths;
    data_file   *vectors;

    firn_arena_reset(&job->arena);
    FIRN_TRY(delete_use_init(&use, job->t, base, err));
    paths = firn_arena_array(&job->arena, use.live.delete_count + 1, sizeof *paths);
    vectors = firn_arena_array(&job->arena, use.live.delete_count + 1, sizeof *vectors);
    if (!paths || !vectors) return firn_fail_memory(err, "a list of delete files");
    *change = (table_change){.operation = "replace", .removed_paths = paths, .removed_vectors = vectors};
    for (size_t i = 0; i < use.live.delete_count; i++) {
        const data_file *file = &use.live.deletes[i].file;

        bool             needed = use.users[i] > 0;

        if (needed) FIRN_TRY(names_live_file(job->t, &use, file, &needed, err));
        if (needed) continue;
        if (data_file_is_vector(file)) {
            FIRN_TRY(data_file_copy(file, &job->arena, &vectors[change->removed_vector_count], err));
            change->removed_vector_count++;
        } else {
            paths[change->removed_path_count] = firn_arena_strdup(&job->arena, file->path);
            if (!paths[change->removed_path_count++]) return firn_fail_memory(err, "a list of delete files");
        }
    }
    job->count = change->removed_path_count + change->removed_vector_count;
    change->summary = job->summary;
    change->summary_count = maintain_task_summary(job->t, "deletes", job->summary);
    return FIRN_OK;
}

/* Each base is looked at anew: what another writer has put back may need a delete again. */
static firn_status
decide_drop(void *state, const table_metadata *base, table_change *ret_change, firn_error *err)
{
    drop_job *job = state;

    if (!base)
        return firn_fail(err, FIRN_E_CATALOG_TABLE_NOT_FOUND, "the table '%s' was dropped meanwhile",
                         job->t->ident->name);
    FIRN_TRY(find_useless(job, base, ret_change, err));
    if (!job->count) ret_change->operation = NULL; // another writer was faster
    return FIRN_OK;
}

static firn_status
drop_useless(maintain_task *t, firn_error *err)
{
    FIRN_AUTO(drop_job_done) drop_job job = {.t = t};
    table_change    change;
    table_metadata *now = NULL;

    FIRN_TRY(find_useless(&job, t->table, &change, err));
    if (!job.count) return FIRN_OK;
    if (t->settings->dry_run) {
        t->result->after.delete_file_count -= (int64_t) job.count;
        return FIRN_OK;
    }
    FIRN_TRY(catalog_commit_decided(t->lake, t->ident, decide_drop, &job, t->cancel, &now, err));
    maintain_task_take(t, now);
    return FIRN_OK;
}

/* ---- position delete files: of many of a data file one; in version 3, a vector ---- */

typedef struct merge_job {
    maintain_task   *t;
    table_metadata  *table; /* planned on; referenced */
    delete_use       use;
    bool             converts; /* a table of version 3, which has position delete files since it was upgraded */
    const scan_task **tasks; /* whose position deletes are merged */
    size_t           task_count;
    bool             is_shared; /* some of the files are of several data files */
    const char     **removed;
    unsigned         removed_count;
    delete_target   *targets; /* of those tasks that lose rows by them */
    size_t           target_count;
    delete_files     made;
    firn_uuid        commit_id;
} merge_job;

static void
merge_job_done(merge_job *job)
{
    for (size_t i = 0; i < job->target_count; i++)
        roaring64_free((roaring64 *) (uintptr_t) job->targets[i].rows);
    delete_files_done(&job->made);
    delete_use_done(&job->use);
    table_metadata_unref(job->table);
}

static bool
is_position_file(const data_file *file)
{
    return file->content == DATA_FILE_POSITION_DELETES && !data_file_is_vector(file);
}

static unsigned
position_file_count(const scan_task *task)
{
    unsigned count = 0;

    for (unsigned i = 0; i < task->delete_count; i++) count += is_position_file(&task->deletes[i]->file);
    return count;
}

/* Takes the data files with several position delete files (in version 3: with any), and the files that only they need. */
static firn_status
plan_merge(merge_job *job, firn_error *err)
{
    delete_use  *u = &job->use;
    firn_arena  *arena = &u->arena;
    size_t      *merged = firn_arena_array(arena, u->live.delete_count + 1, sizeof *merged);

    job->tasks = firn_arena_array(arena, u->task_count + 1, sizeof(const scan_task *));
    job->removed = firn_arena_array(arena, u->live.delete_count + 1, sizeof *job->removed);
    if (!merged || !job->tasks || !job->removed) return firn_fail_memory(err, "a list of delete files");
    for (size_t i = 0; i < u->task_count; i++) {
        if (position_file_count(&u->tasks[i]) < (job->converts ? 1u : 2u)) continue;
        job->tasks[job->task_count++] = &u->tasks[i];
        for (unsigned k = 0; k < u->tasks[i].delete_count; k++) {
            size_t index;

            if (!is_position_file(&u->tasks[i].deletes[k]->file)) continue;
            FIRN_TRY(delete_use_index(u, u->tasks[i].deletes[k], &index, err));
            merged[index]++;
            job->is_shared = job->is_shared || !delete_file_target(&u->tasks[i].deletes[k]->file).data;
        }
    }
    for (size_t i = 0; i < u->live.delete_count; i++) {
        if (merged[i] && merged[i] == u->users[i]) job->removed[job->removed_count++] = u->live.deletes[i].file.path;
    }
    return FIRN_OK;
}

/* Files of several data files become files of several: else there could be more of them than before. */
static table_metadata
with_granularity(const merge_job *job, table_property room[])
{
    table_metadata copy = *job->table;

    if (!job->is_shared) return copy;
    if (copy.property_count) memcpy(room, copy.properties, copy.property_count * sizeof *room);
    for (unsigned i = 0; i < copy.property_count; i++) {
        if (strcmp(room[i].key, "write.delete.granularity") == 0) room[i].value = "partition";
    }
    if (!table_metadata_property(job->table, "write.delete.granularity"))
        room[copy.property_count++] = (table_property){"write.delete.granularity", "partition"};
    copy.properties = room;
    return copy;
}

/* A file of several data files need not name each of them. */
static firn_status
read_targets(merge_job *job, firn_error *err)
{
    job->targets = firn_arena_array(&job->use.arena, job->task_count + 1, sizeof *job->targets);
    if (!job->targets) return firn_fail_memory(err, "a list of delete files");
    for (size_t i = 0; i < job->task_count; i++) {
        FIRN_AUTO(roaring64_freep) roaring64 *rows = NULL;

        FIRN_TRY(maintain_task_check(job->t, err));
        FIRN_TRY(scan_task_deleted(&job->use.scan, job->tasks[i], &rows, err));
        if (!rows || !roaring64_count(rows)) continue;
        job->targets[job->target_count++] = (delete_target){.file = &job->tasks[i]->data->file, .rows = FIRN_STEAL(rows)};
    }
    return FIRN_OK;
}

static firn_status
write_merged(merge_job *job, firn_error *err)
{
    maintain_task         *t = job->t;
    firn_arena            *arena = &job->use.arena;
    table_property        *room = firn_arena_array(arena, (size_t) job->table->property_count + 1, sizeof *room);
    table_metadata         table;
    char                   commit_id[UUID_TEXT_SIZE];
    delete_writer_settings settings = {.files = t->lake->files,
                                       .table = &table,
                                       .data_location = file_name_data_folder(arena, job->table->location),
                                       .prefix = commit_id,
                                       .pending = t->settings->pending,
                                       .table_name = t->ident->name,
                                       .memory_bytes_max = t->settings->memory_bytes / 3};

    if (!room || !settings.data_location) return firn_fail_memory(err, "a list of delete files");
    uuid_format(job->commit_id, commit_id);
    table = with_granularity(job, room);
    return delete_writer_write(&settings, job->targets, job->target_count, &job->made, err);
}

/* FIRN_CONFLICT (CATALOG_FILE_GONE): to be planned again. */
static firn_status
commit_merged(merge_job *job, firn_error *err)
{
    maintain_task  *t = job->t;
    table_metadata *now = NULL;
    table_property  summary[MAINTAIN_SUMMARY_MAX];
    char            commit_id[UUID_TEXT_SIZE];
    table_change    change = {.commit_id = job->commit_id,
                              .operation = "replace",
                              .added = job->made.added.files,
                              .added_count = job->made.added.count,
                              .removed_paths = job->removed,
                              .removed_path_count = job->removed_count,
                              .required_paths = job->made.required_paths,
                              .required_path_count = job->made.required_path_count};

    uuid_format(job->commit_id, commit_id);
    change.summary = summary;
    change.summary_count = maintain_task_summary(t, "deletes", summary);
    firn_crash_point("deletes.after-files");
    if (t->settings->pending) FIRN_TRY(pending_files_offer(t->settings->pending, commit_id, err));
    FIRN_TRY(catalog_commit_change(t->lake, t->ident, job->table, &change, t->cancel, &now, err));
    firn_crash_point("deletes.after-commit");
    maintain_task_take(t, now);
    return t->settings->pending ? pending_files_end(t->settings->pending, commit_id, err) : FIRN_OK;
}

/* One file for each data file at most: nothing is won where no more go. */
static bool
is_worth_it(const merge_job *job)
{
    if (job->converts) return job->removed_count > 0;
    return job->removed_count >= 2 && (job->is_shared || job->removed_count > job->task_count);
}

static firn_status
merge_once(maintain_task *t, firn_error *err)
{
    FIRN_AUTO(merge_job_done) merge_job job = {.t = t, .table = table_metadata_ref(t->table), .commit_id = uuid_v7(),
                                               .converts = t->table->format_version >= 3};

    FIRN_TRY(delete_use_init(&job.use, t, job.table, err));
    FIRN_TRY(plan_merge(&job, err));
    if (!is_worth_it(&job)) return FIRN_OK;
    if (t->settings->dry_run && !job.converts) { // without reading them
        t->result->after.delete_file_count -= (int64_t) job.removed_count - (int64_t) (job.is_shared ? 1 : job.task_count);
        return FIRN_OK;
    }
    FIRN_TRY(read_targets(&job, err));
    if (!job.target_count) return FIRN_OK; // deletes of nothing
    if (t->settings->dry_run) {
        t->result->after.delete_file_count -= (int64_t) job.removed_count - (int64_t) job.target_count;
        return FIRN_OK;
    }
    FIRN_TRY(write_merged(&job, err));
    return commit_merged(&job, err);
}

static firn_status
merge_positions(maintain_task *t, firn_error *err)
{
    for (unsigned attempt = 0;; attempt++) {
        firn_status status = merge_once(t, err);

        if (status != FIRN_CONFLICT || err->code != FIRN_E_CATALOG_FILE_GONE) return status;
        firn_error_reset(err);
        if (attempt == REPLANS_MAX) {
            maintain_result_note(t->result, "other writers were faster at some delete files: run again");
            return FIRN_OK;
        }
        FIRN_TRY(maintain_task_reload(t, err));
    }
}

firn_status
delete_step_run(maintain_task *t, firn_error *err)
{
    if (!t->table->current_snapshot || t->table->format_version < 2) return FIRN_OK;
    if (merge_positions(t, err))
        return firn_while(err, "merging the deletes of '%s'", t->ident->name);
    if (drop_useless(t, err)) return firn_while(err, "dropping deletes of '%s'", t->ident->name);
    return FIRN_OK;
}
