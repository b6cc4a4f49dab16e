#include "load/split_worker.h"

#include "base/clock.h"
#include "iceberg/file_names.h"
#include "iceberg/schema_json.h"
#include "load/load_flow.h"
#include "storage/location.h"

#include <stdio.h>
#include <string.h>

#define SCHEMA_BYTES_MAX ((size_t) 64 << 20)
/* "<commit>-<attempt>" */
#define PREFIX_SIZE (2 * UUID_TEXT_SIZE)

void
split_worker_done(split_worker *worker)
{
    firn_arena_done(&worker->arena);
    *worker = (split_worker){0};
}

bool
split_failure_is_final(const firn_error *failure)
{
    return failure->status == FIRN_FAILED || failure->status == FIRN_CORRUPT || failure->status == FIRN_UNSUPPORTED ||
           failure->status == FIRN_DENIED;
}

/* ---- is it the plan's? ---- */

static firn_status
fail_mismatch(const split_line *line, const char *what, const char *plan, const char *here, firn_error *err)
{
    (void) firn_fail(err, FIRN_E_PLAN_MISMATCH, "%s of '%s' is not what the plan says: '%.120s' there, '%.120s' here",
                     what, line->table, plan, here);
    firn_hint(err, "give this worker the configuration, the environment and the version of firn that made the plan");
    firn_state(err, "nothing of this split was written");
    return err->status;
}

static firn_status
check_settings(const split_worker *w, const split_line *line, firn_error *err)
{
    const load_settings *s = w->ctx.settings;
    char                 fingerprint[17];

    if (strcmp(line->source, s->source_name) != 0)
        return fail_mismatch(line, "the source", line->source, s->source_name, err);
    if (strcmp(line->schema_name, s->schema_name) != 0)
        return fail_mismatch(line, "the database schema", line->schema_name, s->schema_name, err);
    split_settings_fingerprint(s, load_config_of(s, line->table), fingerprint);
    if (strcmp(fingerprint, line->settings) != 0)
        return fail_mismatch(line, "the configuration", line->settings, fingerprint, err);
    return FIRN_OK;
}

static firn_status
add_schema(const table_schema *schema, firn_buffer *out, firn_error *err)
{
    jwriter w;

    firn_buffer_init(out, SCHEMA_BYTES_MAX);
    jwrite_begin(&w, out, false, err);
    schema_to_json(schema, &w);
    FIRN_TRY(jwrite_end(&w));
    return firn_buffer_add_byte(out, 0, err);
}

static firn_status
check_schema(const split_line *line, const table_schema *schema, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer plan = {0}, here = {0};

    FIRN_TRY(add_schema(line->schema, &plan, err));
    FIRN_TRY(add_schema(schema, &here, err));
    if (firn_slice_equal(firn_buffer_slice(&plan), firn_buffer_slice(&here))) return FIRN_OK;
    /* Where they begin to differ says more than their first hundred characters. */
    size_t at = 0;
    while (at < plan.size && at < here.size && plan.data[at] == here.data[at])
        at++;
    at = at > 40 ? at - 40 : 0;
    return fail_mismatch(line, "the schema", (const char *) plan.data + at, (const char *) here.data + at, err);
}

/* ---- the table ---- */

static firn_status
join(split_worker *w, const split_line *line, firn_error *err)
{
    source *src = w->ctx.src;

    if (strcmp(w->plan, line->plan) == 0) return FIRN_OK;
    if (!src->ops->attach)
        return firn_fail(err, FIRN_E_SOURCE_UNSUPPORTED, "a %s source cannot join another process's snapshot",
                         src->ops->kind);
    w->plan[0] = '\0';
    firn_arena_reset(&w->arena);
    FIRN_TRY(src->ops->attach(src, &line->point, err));
    FIRN_TRY(src->ops->list(src, &w->arena, &w->tables, err));
    w->ctx.point = line->point;
    (void) snprintf(w->plan, sizeof w->plan, "%s", line->plan);
    return FIRN_OK;
}

static firn_status
find_table(const split_worker *w, const split_line *line, const source_table **ret_table, firn_error *err)
{
    for (unsigned i = 0; i < w->tables.count; i++) {
        if (strcmp(w->tables.tables[i].name, line->table) != 0) continue;
        *ret_table = &w->tables.tables[i];
        return FIRN_OK;
    }
    return firn_fail(err, FIRN_E_PLAN_MISMATCH,
                     "the plan's table '%s' is not in schema '%s', or this user does not see it", line->table,
                     w->ctx.settings->schema_name);
}

/* The table as the plan saw it: what another has made of it in the lake meanwhile shall not change the files. */
static firn_status
lay_out(const split_worker *w, const split_line *line, load_layout *layout, firn_error *err)
{
    const source_table *table = NULL;
    split_base          here;

    FIRN_TRY(find_table(w, line, &table, err));
    if (line->base.exists) {
        FIRN_TRY(load_layout_look(layout, &w->ctx, err));
        here = split_base_of(layout->base);
        if (!split_base_equal(&line->base, &here)) {
            (void) firn_fail(err, FIRN_E_PLAN_OUTDATED, "'%s' in the lake is not as it was when the plan was made",
                             line->table);
            firn_hint(err, "somebody else has written to it, or this worker sees another warehouse; plan again");
            return err->status;
        }
    } else {
        FIRN_TRY(load_layout_place(layout, &w->ctx, err));
    }
    const char *here_location = file_name_data_folder(&layout->arena, layout->location);
    if (!here_location) return firn_fail_memory(err, "a location");
    if (!location_equal(here_location, line->data_location))
        return fail_mismatch(line, "the warehouse", line->data_location, here_location, err);
    FIRN_TRY(load_layout_describe(layout, &w->ctx, table, err));
    return check_schema(line, layout->schema, err);
}

/* ---- the rows ---- */

static firn_status
read_piece(const split_worker *w, const split_line *line, const load_layout *layout, split_result *result,
           firn_error *err)
{
    const load_context  *ctx = &w->ctx;
    const load_settings *s = ctx->settings;
    char                 commit[UUID_TEXT_SIZE], attempt[UUID_TEXT_SIZE], prefix[PREFIX_SIZE];
    load_table_progress  progress = {.name = line->table};
    const source_split   split = {.description = layout->description,
                                  .index = line->index,
                                  .row_estimate = line->row_estimate,
                                  .size_bytes_estimate = line->size_bytes_estimate,
                                  .text = line->piece};
    load_flow_settings   flow = {
          .src = ctx->src,
          .splits = &split,
          .split_count = 1,
          .reader_count = 1,
          .lane_count = 1,
          .group_split_count = 1,
          .batch_rows = (size_t) s->batch_rows,
          .batch_bytes = LOAD_BATCH_BYTES,
          .retry_max = s->retry_max,
          .retry_backoff_ms = s->retry_backoff_ms,
          .cancel = ctx->cancel,
          .table = line->table,
          .progress = &progress,
          .events = ctx->events,
          .writer = {.files = ctx->lake->files,
                     .data_location = line->data_location,
                     .prefix = prefix,
                     .table = line->table,
                     .schema = layout->schema,
                     .spec = &layout->spec,
                     .sort_order_id = layout->order.order_id,
                     .options = parquet_options_default,
                     .target_file_size_bytes =
                       s->target_file_size_bytes ? s->target_file_size_bytes : LOAD_FILE_SIZE_DEFAULT},
    };

    uuid_format(line->commit_id, commit);
    uuid_format(uuid_v7(), attempt);
    (void) snprintf(prefix, sizeof prefix, "%s-%s", commit, attempt);
    flow.writer.options.row_group_size_bytes = load_row_group_bytes(ctx, 1, 1);
    flow.writer.memory_bytes_max = flow.writer.options.row_group_size_bytes * 2;
    FIRN_TRY(load_flow_run(&flow, &result->files, &result->outcome, &result->checksum, err));
    /* A result says that its files are there, whatever becomes of this machine. */
    if (storage_sync(ctx->lake->files, err) == FIRN_OK) return FIRN_OK;
    data_file_list_discard(&result->files, ctx->lake->files);
    return err->status;
}

firn_status
split_worker_load(split_worker *worker, split_line *line, split_result *ret_result, firn_error *err)
{
    FIRN_AUTO(load_layout_done) load_layout   layout = load_layout_begin(worker->ctx.settings, line->table);
    FIRN_AUTO(split_result_done) split_result result = {.started_us = firn_clock_now_us()};

    worker->ctx.table_worker_count = 1;
    FIRN_TRY(check_settings(worker, line, err));
    FIRN_TRY(join(worker, line, err));
    FIRN_TRY(lay_out(worker, line, &layout, err));
    if (line->piece) FIRN_TRY(read_piece(worker, line, &layout, &result, err));
    result.ended_us = firn_clock_now_us();
    result.line = *line;
    line->schema = NULL;
    *ret_result = result;
    result = (split_result){0};
    return FIRN_OK;
}
