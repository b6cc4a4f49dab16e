#include "load/load_table.h"

#include "base/clock.h"
#include "base/crash_point.h"
#include "base/text.h"
#include "base/uuid.h"
#include "iceberg/file_names.h"
#include "load/load_checkpoint.h"
#include "load/load_commit.h"
#include "load/load_flow.h"
#include "load/load_layout.h"
#include "load/load_retry.h"

#include <stdio.h>
#include <string.h>

#define SPLIT_SIZE_BYTES ((uint64_t) 32 << 20)
#define SORTED_SPLIT_SIZE_BYTES ((uint64_t) 1 << 30)
#define SPLIT_COUNT_MAX 4096u
/* Of the heap; its Parquet files have a fifth or so of that. */
#define GROUP_SIZE_BYTES ((uint64_t) 2 << 30)
#define LANE_SIZE_BYTES ((uint64_t) 64 << 20)
#define LANE_COUNT_MAX 8u
#define ROW_GROUP_BYTES_MIN ((size_t) 4 << 20)
#define ROW_GROUP_BYTES_MAX ((size_t) 32 << 20)
/* A connection's own needs: receive buffer, the batch at work, two waiting. */
#define READER_BYTES ((uint64_t) 5 << 20)

/* Everything that is made for one table; released together. */
typedef struct table_work {
    const load_context *ctx;
    load_layout         layout;
    source_split       *splits; /* that are still to be read */
    unsigned            split_count;
    char                commit_text[UUID_TEXT_SIZE];
    const char         *prefix; /* of new files: a commit that another run has begun has files already */
    split_ledger       *ledger; /* where finished groups are noted, or NULL */
    data_file_list      files;
    load_commit         commit;
} table_work;

static void
table_work_done(table_work *w)
{
    if (!w->commit.offered) {
        if (w->ledger) split_ledger_drop(w->ledger, w->commit_text);
        data_file_list_discard(&w->files, w->ctx->lake->files);
    }
    data_file_list_done(&w->files);
    load_layout_done(&w->layout);
}

void
load_tell(const load_context *ctx, load_event_kind kind, const char *table, const char *message,
          const firn_error *cause)
{
    load_event event = {.kind = kind, .table = table, .message = message, .error = cause};

    if (ctx->events) ctx->events->emit(ctx->events->state, &event);
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

/* ---- planning ---- */

void
load_warn_about_key(const load_context *ctx, const source_description *description)
{
    const char *name = description->table->name, *source_name = ctx->settings->source_name;
    char        message[FIRN_ERROR_TEXT_MAX];

    if (description->key_origin == KEY_NONE)
        (void) snprintf(message, sizeof message,
                        "has no primary key: loaded without one; name one under sources.%s.primary_keys.%s", source_name, name);
    else if (description->key_origin == KEY_UNIQUE_NOT_NULL)
        (void) snprintf(message, sizeof message,
                        "has no primary key: its unique index on columns that cannot be null is taken; to choose "
                        "another, set sources.%s.primary_keys.%s",
                        source_name, name);
    else
        return;
    load_tell(ctx, LOAD_EVENT_TABLE_WARNING, name, message, NULL);
}

static firn_status
plan_table(table_work *w, const source_table *table, load_table_progress *progress, firn_error *err)
{
    const load_settings *s = w->ctx->settings;
    source              *src = w->ctx->src;

    FIRN_TRY(load_layout_describe(&w->layout, w->ctx, table, err));
    load_warn_about_key(w->ctx, w->layout.description);
    FIRN_TRY(src->ops->plan(src, w->layout.description,
                            load_split_count_max(s, table, w->layout.order.field_count > 0), s->large_table_rows,
                            &w->layout.arena, &w->splits, &w->split_count, err));
    atomic_store(&progress->split_count, w->split_count);
    return FIRN_OK;
}

/* ---- how many of what ---- */

static unsigned
at_most(unsigned value, unsigned most)
{
    return value < most ? value : most;
}

/* Row groups get what the readers leave of this table's share of the memory. Half of it: a row group that is
 * being closed needs room beside the pages that it holds. */
size_t
load_row_group_bytes(const load_context *ctx, unsigned reader_count, unsigned lane_count)
{
    uint64_t share = ctx->settings->memory_bytes / (ctx->table_worker_count ? ctx->table_worker_count : 1);
    uint64_t readers = reader_count * READER_BYTES;
    uint64_t lane = share > readers ? (share - readers) / 2 / lane_count : 0;

    if (lane < ROW_GROUP_BYTES_MIN) return ROW_GROUP_BYTES_MIN;
    return lane < ROW_GROUP_BYTES_MAX ? (size_t) lane : ROW_GROUP_BYTES_MAX;
}

/* Groups of about GROUP_SIZE_BYTES, as many for each lane; smaller ones where checkpoints are wanted more often, but not so
 * small that a connection finds no split: a lane reads one group at a time. */
static unsigned
group_split_count(const load_settings *s, const source_table *table, unsigned split_count, unsigned reader_count,
                  unsigned lane_count, bool sorted)
{
    uint64_t rounds = table->size_bytes / lane_count / GROUP_SIZE_BYTES + 1;
    uint64_t group_rows = s->checkpoint_batches * s->batch_rows * reader_count / lane_count;
    uint64_t least = (reader_count + lane_count - 1) / lane_count;
    uint64_t groups, size;

    if (s->keeper && group_rows && table->row_estimate / lane_count / group_rows + 1 > rounds)
        rounds = table->row_estimate / lane_count / group_rows + 1;
    groups = rounds * lane_count;
    if (sorted) return 1;
    size = (split_count + groups - 1) / groups;
    return (unsigned) (size > least ? size : least);
}

static void
note_group(void *state, const load_group *group)
{
    const table_work *w = state;

    firn_crash_point("split.after-file");
    split_ledger_note(w->ledger, w->commit_text, group);
    firn_crash_point("split.after-ledger");
}

/* The table as the ledger knows it; texts live in the layout's arena or the caller's. */
static firn_status
describe_line(table_work *w, char fingerprint[17], split_line *ret_line, firn_error *err)
{
    load_layout *layout = &w->layout;

    *ret_line = (split_line){.table = layout->ident.name,
                             .comment = w->commit.comment,
                             .commit_id = w->commit.commit_id,
                             .settings = fingerprint,
                             .base = split_base_of(layout->base),
                             .data_location = file_name_data_folder(&layout->arena, layout->location),
                             .schema = layout->schema,
                             .count = w->split_count};
    split_settings_fingerprint(w->ctx->settings, layout->config, fingerprint);
    ret_line->replace = ret_line->base.exists && ret_line->base.snapshot_id >= 0;
    return ret_line->data_location ? FIRN_OK : firn_fail_memory(err, "a location");
}

/* ---- going on where a run died ---- */

static firn_status
take_pieces(table_work *w, const ledger_table *kept, firn_error *err)
{
    source_split *rest = firn_arena_array(&w->layout.arena, kept->piece_count + 1, sizeof *rest);

    if (!rest) return firn_fail_memory(err, "splits");
    w->split_count = 0;
    for (unsigned i = 0; i < kept->piece_count; i++) {
        if (kept->done[i]) continue;
        rest[w->split_count] = kept->pieces[i];
        rest[w->split_count++].description = w->layout.description;
    }
    w->splits = rest;
    return FIRN_OK;
}

static void
tell_kept(const table_work *w, const ledger_table *kept, load_table_progress *progress)
{
    char text[FIRN_ERROR_TEXT_MAX];

    atomic_store(&progress->split_count, kept->piece_count);
    atomic_store(&progress->split_done_count, kept->done_count);
    atomic_store(&progress->row_count, kept->outcome.row_count);
    atomic_store(&progress->byte_count, kept->outcome.byte_count);
    (void) snprintf(text, sizeof text, "'%s' goes on: %u of its %u splits (%llu rows) were read by a run that died",
                    w->layout.ident.name, kept->done_count, kept->piece_count,
                    (unsigned long long) kept->outcome.row_count);
    load_tell(w->ctx, LOAD_EVENT_NOTE, NULL, text, NULL);
}

/* What shapes rows or files is not as it was. */
static firn_status
refuse_kept(const table_work *w, ledger_table *kept, firn_error *err)
{
    kept->dropped = true;
    load_tell(w->ctx, LOAD_EVENT_NOTE, NULL, "a table begins anew: its settings, its columns or the lake's table have changed",
              NULL);
    split_ledger_drop(load_checkpoint_kept(w->ctx->checkpoint), kept->commit);
    data_file_list_discard(&kept->files, w->ctx->lake->files);
    return pending_files_end(w->ctx->pending, kept->commit, err);
}

/* The splits that an earlier run has read, with its commit id: whoever looks for that commit finds one. */
static firn_status
adopt_kept(table_work *w, load_table_progress *progress, firn_error *err)
{
    const load_context *ctx = w->ctx;
    split_ledger       *ledger = load_checkpoint_kept(ctx->checkpoint);
    ledger_table       *kept = ledger ? split_ledger_find(ledger, w->layout.ident.name) : NULL;
    char                fingerprint[17], attempt[UUID_TEXT_SIZE];
    split_line          now;
    bool                same = false;

    if (!kept) return FIRN_OK;
    FIRN_TRY(describe_line(w, fingerprint, &now, err));
    FIRN_TRY(split_line_same_table(&now, &kept->line, &same, err));
    if (!same) return refuse_kept(w, kept, err);
    w->ledger = ledger;
    kept->dropped = true; /* from here on it is this try's: another one begins anew */
    w->commit.commit_id = kept->line.commit_id;
    uuid_format(w->commit.commit_id, w->commit_text);
    uuid_format(uuid_v7(), attempt);
    w->prefix = firn_arena_printf(&w->layout.arena, "%s-%s", w->commit_text, attempt);
    if (!w->prefix) return firn_fail_memory(err, "a file's name");
    FIRN_TRY(data_file_list_append(&w->files, &kept->files, err));
    w->commit.total = kept->outcome;
    w->commit.checksum = kept->checksum;
    FIRN_TRY(take_pieces(w, kept, err));
    tell_kept(w, kept, progress);
    return FIRN_OK;
}

/* From now on finished groups are noted, where there will be some before the end. */
static firn_status
begin_noting(table_work *w, const load_flow_settings *flow, firn_error *err)
{
    const unsigned group_count = (flow->split_count + flow->group_split_count - 1) / flow->group_split_count;
    char           fingerprint[17];
    split_line     line;

    if (w->ledger || !w->ctx->checkpoint || group_count <= flow->lane_count) return FIRN_OK;
    FIRN_TRY(describe_line(w, fingerprint, &line, err));
    w->ledger = load_checkpoint_begin(w->ctx->checkpoint, w->ctx, &line, w->splits);
    return FIRN_OK;
}

/* What was read now, beside what was kept. */
static firn_status
add_rows(table_work *w, const load_flow_settings *flow, firn_error *err)
{
    FIRN_AUTO(data_file_list_done) data_file_list files = {0};
    split_outcome total = {0};
    row_checksum  checksum = {0};

    FIRN_TRY(load_flow_run(flow, &files, &total, &checksum, err));
    if (data_file_list_append(&w->files, &files, err)) {
        data_file_list_discard(&files, w->ctx->lake->files);
        return err->status;
    }
    w->commit.total.row_count += total.row_count;
    w->commit.total.server_count += total.server_count;
    w->commit.total.byte_count += total.byte_count;
    w->commit.total.coerced_count += total.coerced_count;
    row_checksum_merge(&w->commit.checksum, &checksum);
    return FIRN_OK;
}

/* ---- rows ---- */

static firn_status
read_rows(table_work *w, const source_table *table, load_table_progress *progress, firn_error *err)
{
    const load_context  *ctx = w->ctx;
    const load_settings *s = ctx->settings;
    bool                 sorted = w->layout.order.field_count > 0;
    unsigned             readers = at_most(s->parallel_tables, w->split_count);
    unsigned             by_size = (unsigned) (table->size_bytes / LANE_SIZE_BYTES > LANE_COUNT_MAX
                                                   ? LANE_COUNT_MAX
                                                   : table->size_bytes / LANE_SIZE_BYTES + 1);
    unsigned             lanes = sorted ? readers : at_most(at_most(by_size, readers), task_cpu_count());
    const char          *data_location = file_name_data_folder(&w->layout.arena, w->layout.location);

    /* A partitioned table that has no partition yet. */
    if (!w->split_count) return FIRN_OK;
    load_flow_settings flow = {
        .src = ctx->src,
        .splits = w->splits,
        .split_count = w->split_count,
        .reader_count = readers,
        .lane_count = lanes,
        .group_split_count = group_split_count(s, table, w->split_count, readers, lanes, sorted),
        .batch_rows = (size_t) s->batch_rows,
        .batch_bytes = LOAD_BATCH_BYTES,
        .retry_max = s->retry_max,
        .retry_backoff_ms = s->retry_backoff_ms,
        .cancel = ctx->cancel,
        .table = table->name,
        .progress = progress,
        .events = ctx->events,
        .crew = ctx->crew,
        .writer = {.files = ctx->lake->files,
                   .data_location = data_location,
                   .prefix = w->prefix,
                   .commit_id = w->commit_text,
                   .pending = ctx->pending,
                   .table = table->name,
                   .schema = w->layout.schema,
                   .spec = &w->layout.spec,
                   .sort_order_id = w->layout.order.order_id,
                   .options = parquet_options_default,
                   .target_file_size_bytes =
                       s->target_file_size_bytes ? s->target_file_size_bytes : LOAD_FILE_SIZE_DEFAULT},
    };

    if (!data_location) return firn_fail_memory(err, "a location");
    flow.writer.options.row_group_size_bytes = load_row_group_bytes(ctx, readers, lanes);
    flow.writer.memory_bytes_max = flow.writer.options.row_group_size_bytes * 2;
    FIRN_TRY(begin_noting(w, &flow, err));
    firn_crash_point("table.after-create");
    if (w->ledger) {
        flow.group_done = note_group;
        flow.group_state = w;
    }
    return add_rows(w, &flow, err);
}

/* ---- the whole ---- */

static firn_status
skip_empty(const table_work *w, load_table_result *result)
{
    result->state = LOAD_SKIPPED;
    result->reason = "has no rows (skip_empty_tables)";
    load_tell(w->ctx, LOAD_EVENT_TABLE_SKIPPED, w->layout.ident.name, result->reason, NULL);
    return FIRN_OK;
}

/* What is left to do when the rows are in files. */
static firn_status
finish_table(table_work *w, bool with_rows, load_table_result *result, bool *ret_offered, firn_error *err)
{
    w->commit.with_rows = with_rows;
    if (with_rows && w->ctx->table_count > 1) load_checkpoint_keep(w->ctx->checkpoint, w->ctx);
    firn_status status = load_commit_run(&w->commit, result, err);
    *ret_offered = w->commit.offered;
    if (!status && w->ledger) split_ledger_drop(w->ledger, w->commit_text); /* the table says it from now on */
    return status;
}

static firn_status
load_table_once(const load_context *ctx, const source_table *table, load_table_progress *progress,
                load_table_result *result, bool *ret_offered, firn_error *err)
{
    const load_settings *s = ctx->settings;
    FIRN_AUTO(table_work_done) table_work w = {.ctx = ctx, .layout = load_layout_begin(s, table->name)};
    load_layout *layout = &w.layout;

    w.commit = (load_commit){
        .ctx = ctx, .layout = layout, .comment = table->comment, .commit_id = uuid_v7(), .files = &w.files};
    uuid_format(w.commit.commit_id, w.commit_text);
    w.prefix = w.commit_text;
    FIRN_TRY(load_layout_look(layout, ctx, err));
    if (load_layout_is_loaded(layout) && s->resume && !s->schema_only) return load_commit_unchanged(layout, result, err);
    FIRN_TRY(plan_table(&w, table, progress, err));
    if (s->schema_only) {
        if (!layout->base) return finish_table(&w, false, result, ret_offered, err);
        result->state = LOAD_COMPLETED;
        result->unchanged = true;
        return load_commit_keep_names(result, layout->schema, err);
    }
    if (adopt_kept(&w, progress, err) || read_rows(&w, table, progress, err)) {
        firn_state(err, layout->base ? "the table in the lake is as it was before" : "nothing of this table is in the lake");
        return err->status;
    }
    if (s->skip_empty_tables && w.commit.total.row_count == 0 && !layout->base) return skip_empty(&w, result);
    return finish_table(&w, true, result, ret_offered, err);
}

firn_status
load_table(const load_context *ctx, const source_table *table, load_table_progress *progress,
           load_table_result *result, firn_error *err)
{
    task_retry retry = load_retry_begin(ctx);

    for (;;) {
        bool        offered = false;
        firn_status status = load_table_once(ctx, table, progress, result, &offered, err);

        /* Once offered, the commit has been retried by itself; its files may be in the table. */
        if (!status || offered || !load_retry_again(&retry, ctx, table->name, err)) return status;
        atomic_store(&progress->row_count, 0);
        atomic_store(&progress->byte_count, 0);
        atomic_store(&progress->file_bytes, 0);
        atomic_store(&progress->split_count, 0);
        atomic_store(&progress->split_done_count, 0);
    }
}
