#include "load/plan_job.h"

#include "iceberg/file_names.h"
#include "load/load_plan.h"

#include <stdio.h>

/* A sorted table's splits are sorted runs of their own: few of them, or the order is worth nothing. */
#define SORTED_SPLIT_BYTES_MIN ((uint64_t) 1 << 30)

typedef struct plan_work {
    const plan_job  *job;
    load_context     ctx;
    plan_job_result *result;
    firn_arena       arena;
    plan_end         end;
} plan_work;

static void
plan_work_done(plan_work *w)
{
    firn_arena_done(&w->arena);
}

static void
tell_of_source(void *state, bool is_warning, const char *message)
{
    const plan_work *w = state;

    load_tell(&w->ctx, is_warning ? LOAD_EVENT_WARNING : LOAD_EVENT_NOTE, NULL, message, NULL);
}

static unsigned
split_count_max(const plan_work *w, const source_table *table, bool sorted)
{
    uint64_t size = w->job->split_size_bytes ? w->job->split_size_bytes : PLAN_SPLIT_BYTES_DEFAULT;
    uint64_t count;

    if (sorted && size < SORTED_SPLIT_BYTES_MIN) size = SORTED_SPLIT_BYTES_MIN;
    count = table->size_bytes / size + 1;
    return count < SPLIT_LINE_COUNT_MAX ? (unsigned) count : SPLIT_LINE_COUNT_MAX;
}

static firn_status
put_line(plan_work *w, const split_line *line, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};

    firn_buffer_init(&text, SPLIT_LINE_BYTES_MAX);
    FIRN_TRY(split_line_add(line, &text, err));
    return w->job->put(w->job->put_state, firn_buffer_slice(&text), err);
}

/* A table that has nothing to read, as a partitioned one without partitions, has a split without a piece, so that
 * it is made in the lake. */
static firn_status
put_splits(plan_work *w, const load_layout *layout, const source_table *table, const source_split splits[],
           unsigned count, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    char                                  fingerprint[17];
    split_line                            line = {.plan = w->result->plan,
                                                  .source = w->ctx.settings->source_name,
                                                  .schema_name = w->ctx.settings->schema_name,
                                                  .table = table->name,
                                                  .comment = table->comment,
                                                  .point = w->ctx.point,
                                                  .commit_id = uuid_v7(),
                                                  .settings = fingerprint,
                                                  .base = split_base_of(layout->base),
                                                  .data_location = file_name_data_folder(&arena, layout->location),
                                                  .schema = layout->schema,
                                                  .places = layout->places,
                                                  .relation_id = layout->relation_id,
                                                  .count = count ? count : 1};

    if (!line.data_location) return firn_fail_memory(err, "a location");
    split_settings_fingerprint(w->ctx.settings, layout->config, fingerprint);
    line.replace = line.base.exists && line.base.snapshot_id >= 0;
    for (; line.index < line.count; line.index++) {
        line.piece = count ? splits[line.index].text : NULL;
        line.row_estimate = count ? splits[line.index].row_estimate : 0;
        line.size_bytes_estimate = count ? splits[line.index].size_bytes_estimate : 0;
        FIRN_TRY(put_line(w, &line, err));
    }
    w->end.tables[w->end.table_count++] = (plan_end_table){table->name, line.count};
    w->end.split_count += line.count;
    return FIRN_OK;
}

/* *ret_put: lines were written, so that a failure is the job's, not the table's. */
static firn_status
plan_table(plan_work *w, const source_table *table, bool *ret_put, firn_error *err)
{
    FIRN_AUTO(load_layout_done) load_layout layout = load_layout_begin(w->ctx.settings, table->name);
    source                                 *src = w->ctx.src;
    source_split                           *splits = NULL;
    unsigned                                count = 0;

    FIRN_TRY(load_layout_look(&layout, &w->ctx, err));
    if (load_layout_is_loaded(&layout) && w->ctx.settings->resume) {
        w->result->loaded_count++;
        load_tell(&w->ctx, LOAD_EVENT_TABLE_SKIPPED, table->name,
                  "was loaded before: left out; --no-resume loads it again", NULL);
        return FIRN_OK;
    }
    FIRN_TRY(load_layout_describe(&layout, &w->ctx, table, err));
    load_warn_about_key(&w->ctx, layout.description);
    FIRN_TRY(src->ops->plan(src, layout.description, split_count_max(w, table, layout.order.field_count > 0),
                            w->ctx.settings->large_table_rows, &layout.arena, &splits, &count, err));
    *ret_put = true;
    return put_splits(w, &layout, table, splits, count, err);
}

static firn_status
plan_tables(plan_work *w, const load_plan *plan, firn_error *err)
{
    for (unsigned i = 0; i < plan->table_count; i++) {
        const source_table *table = plan->tables[i];
        bool                put = false;

        if (task_cancel_requested(w->ctx.cancel)) return firn_fail(err, FIRN_E_CANCELLED, "stopped while planning");
        if (plan_table(w, table, &put, err) == FIRN_OK) continue;
        if (put || err->status == FIRN_CANCELLED || err->status == FIRN_UNAVAILABLE)
            return firn_while(err, "planning '%s'", table->name);
        load_tell(&w->ctx, LOAD_EVENT_TABLE_FAILED, table->name, NULL, err);
        firn_error_reset(err);
        w->result->failed_count++;
    }
    return FIRN_OK;
}

static firn_status
put_end(plan_work *w, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};

    w->end.plan = w->result->plan;
    w->end.source = w->ctx.settings->source_name;
    w->result->table_count = w->end.table_count;
    w->result->split_count = w->end.split_count;
    firn_buffer_init(&text, SPLIT_LINE_BYTES_MAX);
    FIRN_TRY(plan_end_add(&w->end, &text, err));
    return w->job->put(w->job->put_state, firn_buffer_slice(&text), err);
}

firn_status
plan_job_run(const plan_job *job, plan_job_result *ret_result, firn_error *err)
{
    FIRN_AUTO(plan_work_done)
    plan_work           w = {.job = job,
                             .ctx = {.settings = job->settings,
                                     .src = job->src,
                                     .lake = job->lake,
                                     .events = job->events,
                                     .cancel = job->cancel},
                             .result = ret_result};
    const source_ops   *ops = job->src->ops;
    const source_teller teller = {tell_of_source, &w};
    load_plan           plan = {0};

    *ret_result = (plan_job_result){0};
    uuid_format(uuid_v7(), ret_result->plan);
    FIRN_TRY(load_plan_make(&w.ctx, &w.arena, &plan, err));
    w.end.tables = firn_arena_array(&w.arena, plan.table_count, sizeof *w.end.tables);
    if (!w.end.tables) return firn_fail_memory(err, "a plan");
    if (ops->prepare) FIRN_TRY(ops->prepare(job->src, plan.tables, plan.table_count, &teller, err));
    if (ops->freeze(job->src, &w.ctx.point, err))
        return firn_while(err, "taking the snapshot of source '%s'", job->settings->source_name);
    if (!ops->attach || !w.ctx.point.snapshot[0])
        return firn_fail(err, FIRN_E_SOURCE_UNSUPPORTED,
                         "the snapshot of a %s source cannot be shared with other processes", ops->kind);
    ret_result->point = w.ctx.point;
    FIRN_TRY(plan_tables(&w, &plan, err));
    return put_end(&w, err);
}
