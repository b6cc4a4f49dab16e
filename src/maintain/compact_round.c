#include "maintain/compact_round.h"

#include "base/alloc.h"
#include "maintain/compact_commit.h"
#include "maintain/compact_write.h"
#include "maintain/row_lineage.h"

#include <stdio.h>

void
compact_round_done(compact_round *r)
{
    for (size_t i = 0; r->outputs && i < r->end - r->begin; i++) data_file_list_done(&r->outputs[i].files);
    scan_plan_free(r->tasks_plan);
    schema_unref(r->columns);
    table_metadata_unref(r->table);
    firn_arena_done(&r->arena);
    *r = (compact_round){0};
}

/* ---- plan ---- */

/* As many as the memory is enough for. */
static unsigned
worker_count_of(const maintain_settings *s)
{
    size_t enough = s->memory_bytes / COMPACT_WORKER_MEMORY_MIN;

    if (enough < 1) enough = 1;
    return s->worker_count > enough ? (unsigned) enough : s->worker_count ? s->worker_count : 1;
}

static firn_status
set_scan(compact_round *r, firn_error *err)
{
    const maintain_settings *s = r->t->settings;

    r->has_lineage = r->table->format_version >= 3;
    if (r->has_lineage)
        FIRN_TRY(row_lineage_schema(r->table->schema, &r->columns, err));
    else
        r->columns = schema_ref(r->table->schema);
    r->scan = (scan_settings){
        .files = r->t->lake->files,
        .table = r->table,
        .snap = r->table->current_snapshot,
        .columns = r->columns,
        .memory_bytes_max = s->memory_bytes / worker_count_of(s) / 3,
        .cancel = r->t->cancel,
        .with_column_facts = true,
    };
    return FIRN_OK;
}

static firn_status
take_files(compact_round *r, firn_error *err)
{
    r->files = firn_arena_array(&r->arena, r->task_count + 1, sizeof *r->files);
    if (!r->files) return firn_fail_memory(err, "a plan of compaction");
    for (size_t i = 0; i < r->task_count; i++) {
        const scan_task *task = &r->tasks[i];

        r->files[i] = (compact_file){.data = task->data, .delete_count = task->delete_count, .deletes = task->deletes};
    }
    return FIRN_OK;
}

firn_status
compact_round_plan(compact_round *r, maintain_task *t, firn_error *err)
{
    *r = (compact_round){.t = t, .table = table_metadata_ref(t->table), .commit_id = uuid_v7()};
    if (!r->table->current_snapshot) return FIRN_OK;
    FIRN_TRY(set_scan(r, err));
    FIRN_TRY(scan_plan_open(&r->scan, &r->tasks_plan, err));
    FIRN_TRY(scan_plan_rest(r->tasks_plan, &r->arena, &r->tasks, &r->task_count, err));
    FIRN_TRY(take_files(r, err));
    return compact_plan_make(r->table, r->files, r->task_count, t->settings->delete_ratio_percent, &r->arena, &r->plan, err);
}

/* ---- write ---- */

typedef struct compact_crew {
    compact_round *r;
    task_lock     *guard; /* of next */
    size_t         next;
    size_t         memory_bytes; /* of a worker */
} compact_crew;

typedef struct compact_worker {
    compact_crew *crew;
    unsigned      lane;
    char          name[16];
} compact_worker;

static firn_status
work(void *state, firn_error *err)
{
    compact_worker *w = state;
    compact_crew   *crew = w->crew;
    compact_round  *r = crew->r;

    for (;;) {
        size_t index;

        task_lock_hold(crew->guard);
        index = crew->next++;
        task_lock_release(crew->guard);
        if (index >= r->end - r->begin) return FIRN_OK;
        compact_output *output = &r->outputs[index];
        // The lane makes names unique: no two groups share one.
        FIRN_TRY(compact_write_group(r, output->group, (unsigned) index, crew->memory_bytes, &output->files, err));
    }
}

static firn_status
write_groups(compact_round *r, firn_error *err)
{
    const maintain_settings *s = r->t->settings;
    unsigned                 count = worker_count_of(s);
    FIRN_AUTO(task_lock_freep) task_lock *guard = task_lock_new();
    FIRN_AUTO(task_group_freep) task_group *group = task_group_new(NULL);
    compact_crew    crew = {.r = r, .guard = guard, .memory_bytes = s->memory_bytes / count};
    compact_worker *workers = firn_arena_array(&r->arena, count, sizeof *workers);

    if (!guard || !group || !workers) return firn_fail_memory(err, "workers");
    if (count > r->end - r->begin) count = (unsigned) (r->end - r->begin);
    for (unsigned i = 0; i < count; i++) {
        workers[i] = (compact_worker){.crew = &crew, .lane = i};
        (void) snprintf(workers[i].name, sizeof workers[i].name, "compact-%u", i % 1000);
        if (task_group_spawn(group, workers[i].name, work, &workers[i], err)) {
            firn_error ignored = {0};

            (void) !task_group_join(group, &ignored);
            return err->status;
        }
    }
    return task_group_join(group, err);
}

/* What was written before a failure was never offered. */
static void
discard(const compact_round *r)
{
    char       commit_id[UUID_TEXT_SIZE];
    firn_error ignored = {0};

    for (size_t i = 0; i < r->end - r->begin; i++) data_file_list_discard(&r->outputs[i].files, r->t->lake->files);
    uuid_format(r->commit_id, commit_id);
    if (r->t->settings->pending) (void) !pending_files_end(r->t->settings->pending, commit_id, &ignored);
}

static void
count_results(compact_round *r)
{
    maintain_result *result = r->t->result;

    for (size_t i = 0; i < r->end - r->begin; i++) {
        const compact_output *o = &r->outputs[i];

        if (o->is_dropped) {
            result->dropped_group_count++;
            continue;
        }
        result->rewritten_file_count += o->group->file_count;
        result->rewritten_bytes += o->group->size_bytes;
        result->written_file_count += o->files.count;
        for (unsigned k = 0; k < o->files.count; k++) result->written_bytes += o->files.files[k].size_bytes;
    }
}

firn_status
compact_round_run(compact_round *r, uint64_t input_bytes_max, firn_error *err)
{
    uint64_t bytes = 0;

    for (r->end = r->begin; r->end < r->plan.group_count; r->end++) {
        bytes += (uint64_t) r->plan.groups[r->end].size_bytes;
        if (r->end > r->begin && bytes > input_bytes_max) break;
    }
    r->outputs = firn_arena_array(&r->arena, r->end - r->begin + 1, sizeof *r->outputs);
    if (!r->outputs) return firn_fail_memory(err, "a plan of compaction");
    for (size_t i = r->begin; i < r->end; i++) r->outputs[i - r->begin].group = &r->plan.groups[i];
    if (write_groups(r, err)) {
        discard(r);
        return err->status;
    }
    FIRN_TRY(compact_commit(r, err));
    count_results(r);
    return FIRN_OK;
}
