#include "load/load_table.h"

#include "base/clock.h"
#include "base/text.h"
#include "base/uuid.h"
#include "catalog/commit.h"
#include "load/load_flow.h"
#include "load/load_schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TARGET_FILE_SIZE_DEFAULT ((uint64_t) 512 << 20)
#define SPLIT_SIZE_BYTES ((uint64_t) 32 << 20)
#define SORTED_SPLIT_SIZE_BYTES ((uint64_t) 1 << 30)
#define SPLIT_COUNT_MAX 4096u
/* Of the heap; its Parquet files have a fifth or so of that. */
#define GROUP_SIZE_BYTES ((uint64_t) 2 << 30)
#define LANE_SIZE_BYTES ((uint64_t) 64 << 20)
#define LANE_COUNT_MAX 8u
#define BATCH_BYTES ((size_t) 1 << 20)
#define ROW_GROUP_BYTES_MIN ((size_t) 4 << 20)
#define ROW_GROUP_BYTES_MAX ((size_t) 32 << 20)
/* A connection's own needs: receive buffer, the batch at work, two waiting. */
#define READER_BYTES ((uint64_t) 5 << 20)

#define PROPERTY_SOURCE_TABLE "firn.source-table"
#define PROPERTY_SOURCE_IDENTITY "firn.source-identity"
#define PROPERTY_LOAD_POSITION "firn.load-position"
#define SUMMARY_ROWS_CHECKSUM "firn.rows-checksum"
#define RETRY_BACKOFF_MS_MAX 60000

/* Everything that is made for one table; released together. */
typedef struct table_work {
    const load_context      *ctx;
    const load_table_config *config;
    table_ident              ident;
    firn_arena               arena;
    source_description      *description;
    table_metadata          *base;   /* NULL: a new table */
    table_schema            *schema; /* as it will be in the lake */
    bool                     schema_changes;
    const char              *location;
    partition_spec           spec;
    sort_order               order;
    source_split            *splits;
    unsigned                 split_count;
    firn_uuid                commit_id;
    char                     commit_text[UUID_TEXT_SIZE];
    data_file_list           files;
    split_outcome            total;
    row_checksum             checksum;
    bool                     offered; /* a catalog may have the files */
} table_work;

static void
table_work_done(table_work *w)
{
    if (!w->offered) data_file_list_discard(&w->files, w->ctx->lake->files);
    if (w->description) schema_unref(w->description->schema);
    table_metadata_unref(w->base);
    schema_unref(w->schema);
    data_file_list_done(&w->files);
    firn_arena_done(&w->arena);
}

void
load_tell(const load_context *ctx, load_event_kind kind, const char *table, const char *message,
          const firn_error *cause)
{
    load_event event = {.kind = kind, .table = table, .message = message, .error = cause};

    if (ctx->events) ctx->events->emit(ctx->events->state, &event);
}

const char *
load_data_location(firn_arena *arena, const char *table_location)
{
    return firn_arena_printf(arena, "%s/data", table_location);
}

const load_table_config *
load_config_of(const load_settings *settings, const char *table_name)
{
    for (unsigned i = 0; i < settings->table_config_count; i++) {
        if (strcmp(settings->tables[i].name, table_name) == 0) return &settings->tables[i];
    }
    return &settings->defaults;
}

unsigned
load_split_count_max(const load_settings *settings, const source_table *table, bool sorted)
{
    uint64_t count;

    if (sorted) {
        /* Each split is a sorted run of its own: few of them, or the order is worth nothing. */
        count = table->size_bytes / SORTED_SPLIT_SIZE_BYTES + 1;
        return count < settings->parallel_tables ? (unsigned) count : settings->parallel_tables;
    }
    count = table->size_bytes / SPLIT_SIZE_BYTES + 1;
    if (count < settings->parallel_tables) count = settings->parallel_tables;
    return count < SPLIT_COUNT_MAX ? (unsigned) count : SPLIT_COUNT_MAX;
}

/* "postgres:7423…:1" without its timeline: a promoted standby is still the same database. */
static bool
same_system(const char *a, const char *b)
{
    const char *end_a = strrchr(a, ':'), *end_b = strrchr(b, ':');

    return end_a && end_b && end_a - a == end_b - b && strncmp(a, b, (size_t) (end_a - a)) == 0;
}

firn_status
load_check_owner(const load_context *ctx, const char *table_name, const table_metadata *metadata, firn_error *err)
{
    const load_settings *s = ctx->settings;
    const char          *owner = table_metadata_property(metadata, PROPERTY_SOURCE_TABLE);
    const char          *identity = table_metadata_property(metadata, PROPERTY_SOURCE_IDENTITY);
    size_t               schema_size = strlen(s->schema_name);

    if (!owner || !identity) {
        (void) firn_fail(err, FIRN_E_CATALOG_FOREIGN_TABLE, "the lake's table '%s' was not made by firn", table_name);
        firn_hint(err, "give source '%s' an iceberg_namespace of its own, or move the table at %s away", s->source_name,
                  metadata->location);
    } else if (strncmp(owner, s->schema_name, schema_size) != 0 || owner[schema_size] != '.' ||
               strcmp(owner + schema_size + 1, table_name) != 0) {
        (void) firn_fail(err, FIRN_E_CATALOG_FOREIGN_TABLE, "the lake's table '%s' holds the rows of '%s', not of '%s.%s'",
                         table_name, owner, s->schema_name, table_name);
        firn_hint(err, "two schemas must not share a namespace: give source '%s' another iceberg_namespace", s->source_name);
    } else if (!same_system(identity, ctx->point.identity)) {
        (void) firn_fail(err, FIRN_E_CATALOG_FOREIGN_TABLE,
                         "the lake's table '%s' was loaded from another database system (%s), this one is %s", table_name,
                         identity, ctx->point.identity);
        firn_hint(err, "if the database was restored or moved on purpose, load anew with --fresh-start");
    } else {
        return FIRN_OK;
    }
    firn_state(err, "the table in the lake was not touched");
    return err->status;
}

/* ---- what the lake has ---- */

static firn_status
load_base(table_work *w, const char *table_name, firn_error *err)
{
    catalog    *lake = w->ctx->lake;
    firn_status status = lake->ops->load(lake, &w->ident, &w->base, err);

    if (status == FIRN_NOT_FOUND) {
        firn_error_reset(err);
        return lake->ops->location(lake, &w->ident, &w->arena, &w->location, err);
    }
    if (status) return firn_while(err, "looking for '%s' in the lake", table_name);
    w->location = w->base->location;
    return load_check_owner(w->ctx, table_name, w->base, err);
}

static bool
is_loaded(const table_work *w)
{
    return w->base && table_metadata_property(w->base, PROPERTY_LOAD_POSITION);
}

static firn_status
keep_names(load_table_result *result, const table_schema *schema, firn_error *err)
{
    const char **names = firn_arena_array(&result->arena, schema->key_count + 1, sizeof *names);

    if (!names) return firn_fail_memory(err, "a key");
    for (unsigned i = 0; i < schema->key_count; i++) {
        names[i] = firn_arena_strdup(&result->arena, schema_field_by_id(schema, schema->key_ids[i])->name);
        if (!names[i]) return firn_fail_memory(err, "a key");
    }
    result->key_names = names;
    result->key_count = schema->key_count;
    return FIRN_OK;
}

static firn_status
keep_unchanged(const table_work *w, load_table_result *result, firn_error *err)
{
    int64_t         rows = table_metadata_record_count(w->base);
    const char     *position = table_metadata_property(w->base, PROPERTY_LOAD_POSITION);
    const snapshot *current = table_metadata_current_snapshot(w->base);
    const char     *checksum = current ? snapshot_summary(current, SUMMARY_ROWS_CHECKSUM) : NULL;

    result->state = LOAD_COMPLETED;
    result->unchanged = true;
    result->ended_us = result->started_us = w->base->last_updated_ms * 1000;
    result->row_count = rows > 0 ? (uint64_t) rows : 0;
    (void) snprintf(result->position, sizeof result->position, "%s", position);
    (void) snprintf(result->checksum, sizeof result->checksum, "%s", checksum ? checksum : "");
    return keep_names(result, table_metadata_schema(w->base), err);
}

/* ---- planning ---- */

/* sort_by → the order in which the source shall give the rows. */
static firn_status
plan_order(table_work *w, firn_error *err)
{
    source      *src = w->ctx->src;
    order_term  *terms = firn_arena_array(&w->arena, w->order.field_count + 1, sizeof *terms);

    if (!w->order.field_count) return FIRN_OK;
    if (!terms) return firn_fail_memory(err, "a sort order");
    for (unsigned i = 0; i < w->order.field_count; i++) {
        const sort_field *field = &w->order.fields[i];

        if (field->transform.kind != TRANSFORM_IDENTITY) {
            (void) firn_fail(err, FIRN_E_ICEBERG_SCHEMA, "cannot sort by a transform of a column");
            firn_hint(err, "name plain columns in sort_by, as in sort_by: [CREATED, \"ID desc\"]");
            return err->status;
        }
        terms[i] = (order_term){.column = schema_field_by_id(w->schema, field->source_id)->name,
                                .descending = field->descending,
                                .nulls_last = field->nulls_last};
    }
    if (!src->ops->set_order)
        return firn_fail(err, FIRN_E_TYPE_UNSUPPORTED, "a %s source cannot give its rows in order", src->ops->kind);
    return src->ops->set_order(src, w->description, terms, w->order.field_count, err);
}

static firn_status
plan_layout(table_work *w, firn_error *err)
{
    if (w->base) {
        bool same = false;

        FIRN_TRY(load_schema_adopt(w->base, w->description->schema, &w->schema, &same, err));
        w->schema_changes = !same;
        w->spec = *table_metadata_default_spec(w->base);
        w->order = *table_metadata_default_sort_order(w->base);
    } else {
        w->schema = schema_ref(w->description->schema);
        FIRN_TRY(partition_spec_of_settings(w->config->partition_by, w->config->partition_by_count, w->schema, &w->arena,
                                            &w->spec, err));
        FIRN_TRY(sort_order_of_settings(w->config->sort_by, w->config->sort_by_count, w->schema, &w->arena, &w->order, err));
    }
    return plan_order(w, err);
}

static void
warn_about_key(const table_work *w)
{
    const load_context *ctx = w->ctx;
    char                message[FIRN_ERROR_TEXT_MAX];

    if (w->description->key_origin == KEY_NONE)
        (void) snprintf(message, sizeof message,
                        "has no primary key: loaded without one; name one under sources.%s.primary_keys.%s",
                        ctx->settings->source_name, w->ident.name);
    else if (w->description->key_origin == KEY_UNIQUE_NOT_NULL)
        (void) snprintf(message, sizeof message,
                        "has no primary key: its unique index on columns that cannot be null is taken; to choose "
                        "another, set sources.%s.primary_keys.%s",
                        ctx->settings->source_name, w->ident.name);
    else
        return;
    load_tell(ctx, LOAD_EVENT_TABLE_WARNING, w->ident.name, message, NULL);
}

static firn_status
plan_table(table_work *w, const source_table *table, load_table_progress *progress, firn_error *err)
{
    const load_settings *s = w->ctx->settings;
    source              *src = w->ctx->src;

    FIRN_TRY(src->ops->describe(src, table, &w->config->rules, &w->arena, &w->description, err));
    warn_about_key(w);
    FIRN_TRY(plan_layout(w, err));
    FIRN_TRY(src->ops->plan(src, w->description, load_split_count_max(s, table, w->order.field_count > 0),
                            s->large_table_rows, &w->arena, &w->splits, &w->split_count, err));
    atomic_store(&progress->split_count, w->split_count);
    return FIRN_OK;
}

/* ---- rows ---- */

static unsigned
at_most(unsigned value, unsigned most)
{
    return value < most ? value : most;
}

/* Row groups get what the readers leave of this table's share of the memory. Half of it: a row group that is
 * being closed needs room beside the pages that it holds. */
static size_t
row_group_bytes(const load_context *ctx, unsigned reader_count, unsigned lane_count)
{
    uint64_t share = ctx->settings->memory_bytes / (ctx->table_worker_count ? ctx->table_worker_count : 1);
    uint64_t readers = reader_count * READER_BYTES;
    uint64_t lane = share > readers ? (share - readers) / 2 / lane_count : 0;

    if (lane < ROW_GROUP_BYTES_MIN) return ROW_GROUP_BYTES_MIN;
    return lane < ROW_GROUP_BYTES_MAX ? (size_t) lane : ROW_GROUP_BYTES_MAX;
}

/* Groups of about GROUP_SIZE_BYTES, as many for each lane. */
static unsigned
group_split_count(uint64_t size_bytes, unsigned split_count, unsigned lane_count, bool sorted)
{
    uint64_t rounds = size_bytes / lane_count / GROUP_SIZE_BYTES + 1;
    uint64_t groups = rounds * lane_count;

    if (sorted || groups >= split_count) return 1;
    return (unsigned) ((split_count + groups - 1) / groups);
}

static firn_status
read_rows(table_work *w, const source_table *table, load_table_progress *progress, firn_error *err)
{
    const load_context  *ctx = w->ctx;
    const load_settings *s = ctx->settings;
    bool                 sorted = w->order.field_count > 0;
    unsigned             readers = at_most(s->parallel_tables, w->split_count);
    unsigned             by_size = (unsigned) (table->size_bytes / LANE_SIZE_BYTES > LANE_COUNT_MAX
                                                   ? LANE_COUNT_MAX
                                                   : table->size_bytes / LANE_SIZE_BYTES + 1);
    unsigned             lanes = sorted ? readers : at_most(at_most(by_size, readers), task_cpu_count());
    const char          *data_location = load_data_location(&w->arena, w->location);

    /* A partitioned table that has no partition yet. */
    if (!w->split_count) return FIRN_OK;
    load_flow_settings flow = {
        .src = ctx->src,
        .splits = w->splits,
        .split_count = w->split_count,
        .reader_count = readers,
        .lane_count = lanes,
        .group_split_count = group_split_count(table->size_bytes, w->split_count, lanes, sorted),
        .batch_rows = (size_t) s->batch_rows,
        .batch_bytes = BATCH_BYTES,
        .retry_max = s->retry_max,
        .retry_backoff_ms = s->retry_backoff_ms,
        .cancel = ctx->cancel,
        .table = w->ident.name,
        .progress = progress,
        .events = ctx->events,
        .writer = {.files = ctx->lake->files,
                   .data_location = data_location,
                   .prefix = w->commit_text,
                   .pending = ctx->pending,
                   .table = w->ident.name,
                   .schema = w->schema,
                   .spec = &w->spec,
                   .sort_order_id = w->order.order_id,
                   .options = parquet_options_default,
                   .target_file_size_bytes =
                       s->target_file_size_bytes ? s->target_file_size_bytes : TARGET_FILE_SIZE_DEFAULT},
    };

    if (!data_location) return firn_fail_memory(err, "a location");
    flow.writer.options.row_group_size_bytes = row_group_bytes(ctx, readers, lanes);
    flow.writer.memory_bytes_max = flow.writer.options.row_group_size_bytes * 2;
    return load_flow_run(&flow, &w->files, &w->total, &w->checksum, err);
}

/* ---- the commit ---- */

static firn_status
commit_table(table_work *w, const source_table *table, bool with_rows, table_metadata **ret_metadata, firn_error *err)
{
    const load_context *ctx = w->ctx;
    const source_point *point = &ctx->point;
    char                coerced[24], checksum[ROW_CHECKSUM_TEXT_MAX];
    const char         *origin = firn_arena_printf(&w->arena, "%s.%s", ctx->settings->schema_name, w->ident.name);
    table_property      properties[8], summary[5];
    unsigned            property_count = 0, summary_count = 0;
    bool                replace = with_rows && w->base && table_metadata_current_snapshot(w->base);
    table_change        change = {.commit_id = w->commit_id,
                                  .schema = !w->base || w->schema_changes ? w->schema : NULL,
                                  .format_version = w->config->format_version,
                                  .partition_by = w->config->partition_by,
                                  .partition_by_count = w->config->partition_by_count,
                                  .sort_by = w->config->sort_by,
                                  .sort_by_count = w->config->sort_by_count,
                                  .properties = properties,
                                  .summary = summary,
                                  .operation = !with_rows ? NULL : replace ? "overwrite" : "append",
                                  .replace_all = replace,
                                  .added = w->files.files,
                                  .added_count = w->files.count};

    if (!origin) return firn_fail_memory(err, "a table's name");
    (void) snprintf(coerced, sizeof coerced, "%" PRIu64, w->total.coerced_count);
    row_checksum_format(&w->checksum, checksum);
    properties[property_count++] = (table_property){PROPERTY_SOURCE_TABLE, origin};
    properties[property_count++] = (table_property){PROPERTY_SOURCE_IDENTITY, point->identity};
    if (table->comment) properties[property_count++] = (table_property){"comment", table->comment};
    if (with_rows) {
        properties[property_count++] = (table_property){PROPERTY_LOAD_POSITION, point->position};
        properties[property_count++] = (table_property){"firn.position", point->position};
        properties[property_count++] = (table_property){"firn.position-exact", point->exact ? "true" : "false"};
        summary[summary_count++] = (table_property){"firn.position", point->position};
        summary[summary_count++] = (table_property){"firn.coerced-values", coerced};
        summary[summary_count++] = (table_property){SUMMARY_ROWS_CHECKSUM, checksum};
        if (ctx->settings->correlation_id)
            summary[summary_count++] = (table_property){"firn.correlation-id", ctx->settings->correlation_id};
    }
    change.property_count = property_count;
    change.summary_count = summary_count;
    return catalog_commit_change(ctx->lake, &w->ident, w->base, &change, ctx->cancel, ret_metadata, err);
}

/* A full disk can be emptied, a storage comes back; what the source does is retried split by split. */
static bool
is_of_storage(const firn_error *err)
{
    bool of_lake = (unsigned) err->code / 100 == 30 || (unsigned) err->code / 100 == 31;

    return err->code == FIRN_E_STORAGE_FULL || (of_lake && err->status == FIRN_UNAVAILABLE);
}

/* Waits and tells where another try may help; `err` is reset then. */
static bool
try_again(const load_context *ctx, const char *table, task_retry *retry, firn_error *err)
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

static task_retry
retry_of(const load_context *ctx)
{
    return (task_retry){.attempt_max = ctx->settings->retry_max,
                        .backoff_ms = ctx->settings->retry_backoff_ms,
                        .backoff_max_ms = RETRY_BACKOFF_MS_MAX};
}

/* The rows are in files: a commit that finds no room for its metadata is tried again with the same ones. */
static firn_status
commit_surely(table_work *w, const source_table *table, bool with_rows, table_metadata **ret_metadata, firn_error *err)
{
    pending_files *pending = w->files.count ? w->ctx->pending : NULL;
    task_retry     retry = retry_of(w->ctx);
    firn_status    status;

    if (pending) FIRN_TRY(pending_files_offer(pending, w->commit_text, err));
    w->offered = true;
    do {
        status = commit_table(w, table, with_rows, ret_metadata, err);
    } while (status && try_again(w->ctx, w->ident.name, &retry, err));
    if (pending && !status) {
        firn_error ignored = {0}; /* the table has its files; the next run finds that out, too */
        (void) !pending_files_end(pending, w->commit_text, &ignored);
    }
    return status;
}

static void
tell_committed(const table_work *w, const load_table_result *result, const table_metadata *table)
{
    const snapshot *current = table_metadata_current_snapshot(table);
    load_event      event = {.kind = LOAD_EVENT_TABLE_COMMITTED,
                             .table = w->ident.name,
                             .row_count = result->row_count,
                             .file_bytes = result->file_bytes,
                             .file_count = result->file_count,
                             .snapshot_id = current ? current->snapshot_id : 0,
                             .elapsed_ms = (uint64_t) (firn_clock_now_us() - result->started_us) / 1000};

    if (w->ctx->events) w->ctx->events->emit(w->ctx->events->state, &event);
}

/* What is left to do when the rows are in files. */
static firn_status
finish_table(table_work *w, const source_table *table, bool with_rows, load_table_result *result, bool *ret_offered,
             firn_error *err)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *committed = NULL;
    firn_status status = commit_surely(w, table, with_rows, &committed, err);

    *ret_offered = w->offered;
    if (status == FIRN_UNKNOWN) {
        firn_state(err, "it is not known whether the commit was applied; nothing was removed");
        return status;
    }
    if (status) {
        firn_state(err, "the table in the lake is as it was; files that were written for it stay until they are cleaned up");
        return status;
    }
    result->state = LOAD_COMPLETED;
    result->row_count = w->total.row_count;
    result->source_bytes = w->total.byte_count;
    result->coerced_count = w->total.coerced_count;
    result->file_count = w->files.count;
    for (unsigned i = 0; i < w->files.count; i++) result->file_bytes += (uint64_t) w->files.files[i].size_bytes;
    (void) snprintf(result->position, sizeof result->position, "%s", with_rows ? w->ctx->point.position : "");
    if (with_rows) row_checksum_format(&w->checksum, result->checksum);
    tell_committed(w, result, committed);
    return keep_names(result, w->schema, err);
}

static firn_status
skip_empty(const table_work *w, load_table_result *result)
{
    result->state = LOAD_SKIPPED;
    result->reason = "has no rows (skip_empty_tables)";
    load_tell(w->ctx, LOAD_EVENT_TABLE_SKIPPED, w->ident.name, result->reason, NULL);
    return FIRN_OK;
}

static firn_status
load_table_once(const load_context *ctx, const source_table *table, load_table_progress *progress,
                load_table_result *result, bool *ret_offered, firn_error *err)
{
    const load_settings *s = ctx->settings;
    FIRN_AUTO(table_work_done) table_work w = {
        .ctx = ctx,
        .config = load_config_of(s, table->name),
        .ident = {.namespace_levels = s->namespace_levels, .level_count = s->namespace_level_count, .name = table->name},
        .commit_id = uuid_v7(),
    };

    uuid_format(w.commit_id, w.commit_text);
    FIRN_TRY(load_base(&w, table->name, err));
    if (is_loaded(&w) && s->resume && !s->schema_only) return keep_unchanged(&w, result, err);
    FIRN_TRY(plan_table(&w, table, progress, err));
    if (s->schema_only) {
        if (!w.base) return finish_table(&w, table, false, result, ret_offered, err);
        result->state = LOAD_COMPLETED;
        result->unchanged = true;
        return keep_names(result, w.schema, err);
    }
    if (read_rows(&w, table, progress, err)) {
        firn_state(err, w.base ? "the table in the lake is as it was before" : "nothing of this table is in the lake");
        return err->status;
    }
    if (s->skip_empty_tables && w.total.row_count == 0 && !w.base) return skip_empty(&w, result);
    return finish_table(&w, table, true, result, ret_offered, err);
}

firn_status
load_table(const load_context *ctx, const source_table *table, load_table_progress *progress,
           load_table_result *result, firn_error *err)
{
    task_retry retry = retry_of(ctx);

    for (;;) {
        bool        offered = false;
        firn_status status = load_table_once(ctx, table, progress, result, &offered, err);

        /* Once offered, the commit has been retried by itself; its files may be in the table. */
        if (!status || offered || !try_again(ctx, table->name, &retry, err)) return status;
        atomic_store(&progress->row_count, 0);
        atomic_store(&progress->byte_count, 0);
        atomic_store(&progress->file_bytes, 0);
        atomic_store(&progress->split_count, 0);
        atomic_store(&progress->split_done_count, 0);
    }
}
