#include "load/load_job.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "load/load_checkpoint.h"
#include "load/load_plan.h"
#include "load/load_record.h"
#include "load/run_folder.h"
#include "state/status_table.h"

#include <stdio.h>
#include <string.h>

#define RECORD_INTERVAL_MS 3000

typedef struct job {
    load_context   ctx;
    load_plan      plan;
    load_result   *result;
    load_progress  progress;
    task_lock     *guard; /* of next_table, workers_left, result->tables, record */
    load_record   *record;
    unsigned       next_table, workers_left;
    firn_arena     arena;
} job;

const char *
load_state_name(load_state state)
{
    static const char *const names[] = {"pending", "in_progress", "completed", "failed", "skipped"};

    return names[state];
}

void
load_result_done(load_result *result)
{
    for (unsigned i = 0; i < result->table_count; i++) {
        firn_free(result->tables[i].error);
        firn_arena_done(&result->tables[i].arena);
    }
    firn_arena_done(&result->arena);
    *result = (load_result){0};
}

static void
job_done(job *j)
{
    load_record_free(j->record);
    load_crew_free(j->ctx.crew);
    load_checkpoint_free(j->ctx.checkpoint);
    task_lock_free(j->guard);
    firn_free(j->progress.tables);
    firn_arena_done(&j->arena);
}

/* ---- one worker ---- */

static void
set_state(job *j, unsigned index, load_state state)
{
    load_table_result   *result = &j->result->tables[index];
    load_table_progress *progress = &j->progress.tables[index];

    if (state == LOAD_IN_PROGRESS) result->started_us = firn_clock_now_us();
    else if (!result->unchanged)
        result->ended_us = firn_clock_now_us();
    atomic_store(&progress->started_us, result->started_us);
    atomic_store(&progress->ended_us, result->ended_us);
    task_lock_hold(j->guard);
    result->state = state;
    /* A table that is as it was has its row already, unless a run died before it was written. That a table is
     * in progress is worth a row only when it takes long: mark_running. */
    if (state != LOAD_IN_PROGRESS && !(result->unchanged && load_record_is_complete(j->record, index)))
        load_record_mark(j->record, index);
    task_lock_release(j->guard);
    atomic_store(&progress->state, (unsigned) state);
}

/* What the status table says of a failure: the cause and its hint. */
static const char *
failure_text(load_table_result *result, const firn_error *cause)
{
    const char *text = cause->hint[0] ? firn_arena_printf(&result->arena, "FIRN-%u: %s; hint: %s", (unsigned) cause->code, cause->cause, cause->hint)
                                      : firn_arena_printf(&result->arena, "FIRN-%u: %s", (unsigned) cause->code, cause->cause);

    return text ? text : "no memory for the reason";
}

static void
keep_failure(job *j, unsigned index, const firn_error *cause)
{
    load_table_result *result = &j->result->tables[index];

    result->error = firn_alloc(sizeof *result->error);
    if (result->error) *result->error = *cause;
    result->reason = failure_text(result, cause);
    if (cause->status == FIRN_CANCELLED) {
        set_state(j, index, LOAD_PENDING);
        return;
    }
    set_state(j, index, LOAD_FAILED);
    load_tell(&j->ctx, LOAD_EVENT_TABLE_FAILED, result->name, NULL, cause);
}

static void
run_table(job *j, unsigned index)
{
    const source_table *table = j->plan.tables[index];
    load_table_result  *result = &j->result->tables[index];
    load_state          end;
    firn_error          err = {0};

    set_state(j, index, LOAD_IN_PROGRESS);
    load_tell(&j->ctx, LOAD_EVENT_TABLE_STARTED, table->name, NULL, NULL);
    if (load_table(&j->ctx, table, &j->progress.tables[index], result, &err)) {
        keep_failure(j, index, &err);
        return;
    }
    end = result->state;
    atomic_store(&j->progress.tables[index].row_count, result->row_count);
    atomic_store(&j->progress.tables[index].file_bytes, result->file_bytes);
    set_state(j, index, end);
}

static void
worker_left(job *j)
{
    task_lock_hold(j->guard);
    j->workers_left--;
    task_lock_wake_all(j->guard);
    task_lock_release(j->guard);
}

static firn_status
table_worker(void *state, firn_error *err)
{
    job *j = state;

    (void) err; /* a table's failure is the table's, not the worker's */
    for (;;) {
        unsigned index;

        task_lock_hold(j->guard);
        index = j->next_table < j->plan.table_count && !task_cancel_requested(j->ctx.cancel) ? j->next_table++ : UINT32_MAX;
        task_lock_release(j->guard);
        if (index == UINT32_MAX) break;
        run_table(j, index);
    }
    load_crew_help(j->ctx.crew, j->ctx.settings->parallel_tables);
    worker_left(j);
    return FIRN_OK;
}

/* ---- the job ---- */

static firn_status
job_prepare(job *j, firn_error *err)
{
    const load_settings *s = j->ctx.settings;
    load_result         *result = j->result;
    unsigned             count;

    count = j->ctx.table_count = j->plan.table_count;
    j->ctx.table_worker_count = s->parallel_workers < count ? s->parallel_workers : count;
    if (!j->ctx.table_worker_count) j->ctx.table_worker_count = 1;
    result->tables = firn_arena_array(&result->arena, count, sizeof *result->tables);
    j->progress.tables = firn_calloc(count, sizeof *j->progress.tables);
    j->guard = task_lock_new();
    j->ctx.crew = load_crew_new(j->ctx.table_worker_count);
    if (!result->tables || !j->progress.tables || !j->guard || !j->ctx.crew) return firn_fail_memory(err, "the tables of a load");
    for (unsigned i = 0; i < count; i++) {
        const source_table *table = j->plan.tables[i];
        const char         *name = firn_arena_strdup(&result->arena, table->name);

        if (!name) return firn_fail_memory(err, "the tables of a load");
        result->tables[i].name = name;
        j->progress.tables[i].name = name;
        j->progress.tables[i].row_estimate = table->row_estimate;
        j->progress.tables[i].byte_estimate = table->size_bytes;
    }
    result->table_count = count;
    j->progress.table_count = count;
    j->progress.started_us = firn_clock_now_us();
    return load_record_new(&j->ctx, result->tables, count, j->guard, &j->record, err);
}

/* Tables whose rows are being read. The guard is held. */
static void
mark_running(job *j)
{
    for (unsigned i = 0; i < j->result->table_count; i++) {
        if (j->result->tables[i].state == LOAD_IN_PROGRESS && atomic_load(&j->progress.tables[i].split_count))
            load_record_mark(j->record, i);
    }
}

/* Writes the status table now and then until the workers are through. */
static void
record_while_running(job *j)
{
    task_lock_hold(j->guard);
    while (j->workers_left) {
        firn_error err = {0};

        if (task_lock_wait(j->guard, RECORD_INTERVAL_MS)) continue;
        mark_running(j);
        task_lock_release(j->guard);
        if (load_record_flush(j->record, &err)) load_tell(&j->ctx, LOAD_EVENT_WARNING, NULL, "the status table was not updated; tried again later", &err);
        task_lock_hold(j->guard);
    }
    task_lock_release(j->guard);
}

static firn_status
run_workers(job *j, firn_error *err)
{
    FIRN_AUTO(task_group_freep) task_group *group = task_group_new(NULL);
    firn_status status = FIRN_OK;

    if (!group) return firn_fail_memory(err, "the threads of a load");
    for (unsigned i = 0; i < j->ctx.table_worker_count && !status; i++) {
        char name[16];

        (void) snprintf(name, sizeof name, "firn:table-%u", i % 1000);
        task_lock_hold(j->guard);
        j->workers_left++;
        task_lock_release(j->guard);
        status = task_group_spawn(group, name, table_worker, j, err);
        if (!status) continue;
        worker_left(j);
        /* Those that will never be do not keep anybody waiting. */
        for (unsigned missing = i; missing < j->ctx.table_worker_count; missing++) load_crew_help(j->ctx.crew, 0);
    }
    record_while_running(j);
    firn_error ignored = {0};
    (void) !task_group_join(group, &ignored);
    return status;
}

static void
count_results(job *j)
{
    load_result *result = j->result;

    for (unsigned i = 0; i < result->table_count; i++) {
        const load_table_result *table = &result->tables[i];

        result->done_count += table->state == LOAD_COMPLETED;
        result->unchanged_count += table->unchanged;
        result->failed_count += table->state == LOAD_FAILED;
        result->skipped_count += table->state == LOAD_SKIPPED;
        if (table->unchanged || table->state != LOAD_COMPLETED) continue;
        result->row_count += table->row_count;
        result->source_bytes += table->source_bytes;
        result->file_bytes += table->file_bytes;
    }
}

static firn_status
job_verdict(job *j, firn_error *err)
{
    const load_result *result = j->result;

    if (task_cancel_requested(j->ctx.cancel)) {
        (void) firn_fail(err, FIRN_E_CANCELLED, "stopped by a signal");
        firn_state(err, "%u of %u tables are committed; the same command goes on with the others", result->done_count,
                   result->table_count);
        return err->status;
    }
    if (!result->failed_count) return FIRN_OK;
    (void) firn_fail(err, FIRN_E_LOAD_TABLES_FAILED, "%u of %u tables failed", result->failed_count, result->table_count);
    firn_state(err, "%u tables are complete in the lake, %u are as they were before", result->done_count, result->failed_count);
    return err->status;
}

/* ---- starting over ---- */

/* Names can have any character in them, so they are kept one by one. */
typedef struct fresh_name {
    const char        *name;
    struct fresh_name *next;
} fresh_name;

typedef struct fresh_start {
    const load_settings *settings;
    catalog             *lake;
    fresh_name          *first, **end;
    firn_arena           arena;
} fresh_start;

static void
fresh_start_done(fresh_start *f)
{
    firn_arena_done(&f->arena);
}

static table_ident
ident_of(const load_settings *s, const char *name)
{
    return (table_ident){.namespace_levels = s->namespace_levels, .level_count = s->namespace_level_count, .name = name};
}

/* Only what firn made from this schema, and the status table. */
static firn_status
fresh_start_visit(void *state, const char *table_name, firn_error *err)
{
    fresh_start *f = state;
    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = NULL;
    table_ident ident = ident_of(f->settings, table_name);
    const char *owner;
    size_t      schema_size = strlen(f->settings->schema_name);

    if (strcmp(table_name, STATUS_TABLE_NAME) != 0) {
        if (!load_filter_matches(f->settings, table_name)) return FIRN_OK;
        FIRN_TRY(f->lake->ops->load(f->lake, &ident, &table, err));
        owner = table_metadata_property(table, PROPERTY_SOURCE_TABLE);
        if (!owner || strncmp(owner, f->settings->schema_name, schema_size) != 0 || owner[schema_size] != '.') return FIRN_OK;
    } else if (f->settings->table_filter_count) {
        return FIRN_OK;
    }
    fresh_name *item = firn_arena_alloc(&f->arena, sizeof *item);
    if (!item || !(item->name = firn_arena_strdup(&f->arena, table_name))) return firn_fail_memory(err, "a list of tables");
    *f->end = item;
    f->end = &item->next;
    return FIRN_OK;
}

static firn_status
find_fresh(fresh_start *f, firn_error *err)
{
    table_ident ident = ident_of(f->settings, NULL);

    f->end = &f->first;
    return f->lake->ops->list(f->lake, &ident, fresh_start_visit, f, err);
}

firn_status
load_fresh_start_list(const load_settings *settings, catalog *lake, firn_buffer *out, firn_error *err)
{
    FIRN_AUTO(fresh_start_done) fresh_start f = {.settings = settings, .lake = lake};

    FIRN_TRY(find_fresh(&f, err));
    for (const fresh_name *item = f.first; item; item = item->next)
        FIRN_TRY(firn_buffer_printf(out, err, "%s\n", item->name));
    return FIRN_OK;
}

static firn_status
drop_tables(const load_settings *settings, catalog *lake, firn_error *err)
{
    FIRN_AUTO(fresh_start_done) fresh_start f = {.settings = settings, .lake = lake};

    FIRN_TRY(find_fresh(&f, err));
    for (const fresh_name *item = f.first; item; item = item->next) {
        table_ident ident = ident_of(settings, item->name);
        if (lake->ops->drop(lake, &ident, err)) return firn_while(err, "dropping '%s' for --fresh-start", item->name);
    }
    return FIRN_OK;
}

/* ---- entry points ---- */

static firn_status
run_frozen(job *j, firn_error *err)
{
    firn_error  record_error = {0};
    firn_status status;

    /* Not before there is a snapshot: a source that cannot be read must not cost the tables that are there. */
    if (j->ctx.settings->fresh_start) FIRN_TRY(drop_tables(j->ctx.settings, j->ctx.lake, err));
    FIRN_TRY(job_prepare(j, err));
    load_event planned = {.kind = LOAD_EVENT_PLANNED, .progress = &j->progress};
    if (j->ctx.events) j->ctx.events->emit(j->ctx.events->state, &planned);
    status = run_workers(j, err);
    if (load_record_flush(j->record, &record_error))
        load_tell(&j->ctx, LOAD_EVENT_WARNING, NULL, "the status table could not be updated", &record_error);
    firn_crash_point("load.after-status");
    load_tell(&j->ctx, LOAD_EVENT_ENDED, NULL, NULL, NULL);
    count_results(j);
    return status ? status : job_verdict(j, err);
}

static void
tell_of_source(void *state, bool is_warning, const char *message)
{
    const job *j = state;

    load_tell(&j->ctx, is_warning ? LOAD_EVENT_WARNING : LOAD_EVENT_NOTE, NULL, message, NULL);
}

/* A slot keeps the changes since it was made: tables that are older than it have a gap in between. Those that a run
 * loaded which died after it had made the slot are not. */
static void
warn_of_gap(const job *j)
{
    char     text[FIRN_ERROR_TEXT_MAX];
    unsigned older_count = 0;

    for (unsigned i = 0; i < j->result->table_count; i++) {
        const load_table_result *table = &j->result->tables[i];

        older_count += table->unchanged && strcmp(table->position, j->ctx.point.position) != 0;
    }
    if (!j->ctx.point.slot_created || !older_count) return;
    (void) snprintf(text, sizeof text,
                    "%u tables were loaded before the replication slot was made at %s: changes in between are in neither; "
                    "--no-resume loads them again",
                    older_count, j->ctx.point.position);
    load_tell(&j->ctx, LOAD_EVENT_WARNING, NULL, text, NULL);
}

/* What the source keeps for an earlier load goes first: where somebody still reads it, nothing is dropped. */
static firn_status
drop_kept(const job *j, firn_error *err)
{
    const load_settings *settings = j->ctx.settings;
    source              *src = j->ctx.src;

    if (!settings->fresh_start || !src->ops->drop_kept || settings->table_filter_count) return FIRN_OK;
    if (src->ops->drop_kept(src, err)) return firn_while(err, "dropping what --fresh-start drops");
    return FIRN_OK;
}

/* The point of a run that died, where that is still to be had, else a new one. */
static firn_status
begin_point(job *j, firn_error *err)
{
    source *src = j->ctx.src;
    bool    taken = false;

    FIRN_TRY(load_checkpoint_open(&j->ctx, &j->ctx.checkpoint, &taken, err));
    if (!taken && src->ops->freeze(src, &j->ctx.point, err))
        return firn_while(err, "taking the snapshot of source '%s'", j->ctx.settings->source_name);
    j->result->point = j->ctx.point;
    firn_crash_point("snapshot.after-export");
    return FIRN_OK;
}

/* Aside: a list that stays is looked after by the next run. */
static FIRN_NOINLINE void
close_run_folder(const job *j, run_folder *folder)
{
    firn_error failed = {0};

    if (run_folder_close(folder, &failed))
        load_tell(&j->ctx, LOAD_EVENT_WARNING, NULL, "the list of this run's files could not be removed", &failed);
}

static firn_status
run_at_point(job *j, firn_error *err)
{
    FIRN_AUTO(run_folder_done) run_folder folder = {0};

    FIRN_TRY(run_folder_open(&j->ctx, &folder, err));
    firn_status status = run_frozen(j, err);
    close_run_folder(j, &folder);
    return status;
}

static firn_status
run_job(job *j, firn_error *err)
{
    source             *src = j->ctx.src;
    const source_teller teller = {tell_of_source, j};
    firn_status         status;

    FIRN_TRY(load_plan_make(&j->ctx, &j->arena, &j->plan, err));
    FIRN_TRY(drop_kept(j, err));
    if (src->ops->prepare) FIRN_TRY(src->ops->prepare(src, j->plan.tables, j->plan.table_count, &teller, err));
    FIRN_TRY(begin_point(j, err));
    status = run_at_point(j, err);
    firn_crash_point("handoff.before-follow");
    load_checkpoint_end(j->ctx.checkpoint);
    src->ops->thaw(src);
    warn_of_gap(j);
    return status;
}

firn_status
load_run(const load_settings *settings, source *src, catalog *lake, const load_events *events, task_cancel *cancel,
         load_result *ret_result, firn_error *err)
{
    FIRN_AUTO(job_done) job j = {
        .ctx = {.settings = settings, .src = src, .lake = lake, .events = events, .cancel = cancel}, .result = ret_result};
    uint64_t    started_us = firn_clock_monotonic_us();
    firn_status status;

    *ret_result = (load_result){0};
    status = run_job(&j, err);
    ret_result->elapsed_ms = (firn_clock_monotonic_us() - started_us) / 1000;
    return status;
}

static firn_status
preview_table(const load_context *ctx, const source_table *table,
              firn_status (*visit)(void *state, const load_preview *preview, firn_error *err), void *state,
              firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    load_preview        preview = {.config = load_config_of(ctx->settings, table->name)};
    source_description *description = NULL;
    source_split       *splits;
    firn_status         status;

    FIRN_TRY(ctx->src->ops->describe(ctx->src, table, &preview.config->rules, &arena, &description, err));
    status = ctx->src->ops->plan(ctx->src, description, load_split_count_max(ctx->settings, table, false),
                                 ctx->settings->large_table_rows, &arena, &splits, &preview.split_count, err);
    preview.description = description;
    if (!status) status = visit(state, &preview, err);
    schema_unref(description->schema);
    return status;
}

firn_status
load_dry_run(const load_settings *settings, source *src, source_point *ret_point,
             firn_status (*visit)(void *state, const load_preview *preview, firn_error *err), void *state,
             firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    load_context ctx = {.settings = settings, .src = src};
    load_plan    plan;
    firn_status  status;

    FIRN_TRY(src->ops->freeze(src, &ctx.point, err));
    *ret_point = ctx.point;
    status = load_plan_make(&ctx, &arena, &plan, err);
    for (unsigned i = 0; !status && i < plan.table_count; i++)
        status = preview_table(&ctx, plan.tables[i], visit, state, err);
    src->ops->thaw(src);
    return status;
}
