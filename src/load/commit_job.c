#include "load/commit_job.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/map.h"
#include "catalog/commit.h"
#include "iceberg/file_names.h"
#include "load/load_commit.h"
#include "load/load_record.h"
#include "storage/location.h"

#include <stdio.h>
#include <string.h>

#define NUMBERS_SHOWN 8

/* What is known of one split. */
typedef struct split_slot {
    bool        delivered;
    const char *first_path; /* of its files; NULL: none */
} split_slot;

typedef struct commit_table {
    const char    *name;
    split_line     line;  /* of its first result; source NULL: none came */
    unsigned       count; /* of splits */
    unsigned       delivered_count, twice_file_count;
    split_slot    *slots;
    data_file_list files;
    split_outcome  total;
    row_checksum   checksum;
    int64_t        started_us;
    firn_error    *failure; /* of a split that failed for good and has no result; or NULL */
} commit_table;

struct commit_job {
    load_context   ctx;
    firn_arena     arena;
    char           plan[UUID_TEXT_SIZE];
    bool           has_end;
    firn_map      *by_name; /* of commit_table */
    commit_table **tables;  /* the same, as they came */
    unsigned       table_count, table_capacity;
    task_lock     *guard;
};

static void
table_free(commit_table *table)
{
    if (!table) return;
    split_line_done(&table->line);
    data_file_list_done(&table->files);
    firn_free(table->slots);
    firn_free(table->failure);
    firn_free(table);
}

void
commit_job_free(commit_job *job)
{
    if (!job) return;
    for (unsigned i = 0; i < job->table_count; i++)
        table_free(job->tables[i]);
    firn_free(job->tables);
    firn_map_free(job->by_name);
    task_lock_free(job->guard);
    firn_arena_done(&job->arena);
    firn_free(job);
}

firn_status
commit_job_new(const load_settings *settings, catalog *lake, const load_events *events, task_cancel *cancel,
               commit_job **ret_job, firn_error *err)
{
    FIRN_AUTO(commit_job_freep) commit_job *job = firn_calloc(1, sizeof *job);

    if (!job) return firn_fail_memory(err, "the results");
    job->ctx = (load_context){.settings = settings, .lake = lake, .events = events, .cancel = cancel};
    job->by_name = firn_map_new();
    job->guard = task_lock_new();
    if (!job->by_name || !job->guard) return firn_fail_memory(err, "the results");
    *ret_job = FIRN_STEAL(job);
    return FIRN_OK;
}

/* ---- lines in ---- */

static firn_status
check_plan(commit_job *job, const char *plan, const char *source, firn_error *err)
{
    const char *here = job->ctx.settings->source_name;

    if (strcmp(source, here) != 0) {
        (void) firn_fail(err, FIRN_E_RESULTS_MIXED, "the results are of source '%s', not of '%s'", source, here);
        firn_state(err, "nothing was committed");
        return err->status;
    }
    if (!job->plan[0]) (void) snprintf(job->plan, sizeof job->plan, "%s", plan);
    if (strcmp(job->plan, plan) == 0) return FIRN_OK;
    (void) firn_fail(err, FIRN_E_RESULTS_MIXED, "there are results of plan %s and of plan %s", job->plan, plan);
    firn_hint(err, "each plan shows another point in time: give the results of one plan only");
    firn_state(err, "nothing was committed");
    return err->status;
}

static firn_status
grow(commit_job *job, firn_error *err)
{
    unsigned       capacity = job->table_capacity ? job->table_capacity * 2 : 64;
    commit_table **tables;

    if (job->table_count < job->table_capacity) return FIRN_OK;
    tables = firn_realloc(job->tables, capacity * sizeof(commit_table *));
    if (!tables) return firn_fail_memory(err, "the results");
    job->tables = tables;
    job->table_capacity = capacity;
    return FIRN_OK;
}

/* The table of this name, made where it is not there yet. */
static firn_status
table_of(commit_job *job, const char *name, unsigned count, commit_table **ret_table, firn_error *err)
{
    commit_table *table = firn_map_get(job->by_name, firn_slice_text(name));

    if (!table) {
        FIRN_TRY(grow(job, err));
        table = firn_calloc(1, sizeof *table);
        if (!table) return firn_fail_memory(err, "the results");
        job->tables[job->table_count++] = table;
        table->name = firn_arena_strdup(&job->arena, name);
        table->count = count;
        table->slots = firn_calloc(count, sizeof *table->slots);
        if (!table->slots || !table->name) return firn_fail_memory(err, "the results");
        FIRN_TRY(firn_map_put(job->by_name, firn_slice_text(table->name), table, err));
    }
    if (table->count != count)
        return firn_fail(err, FIRN_E_JSON_CORRUPT, "'%s' has %u splits in one line and %u in another", name,
                         table->count, count);
    *ret_table = table;
    return FIRN_OK;
}

/* The table of a split's line; the first one's is kept. */
static firn_status
table_of_line(commit_job *job, const jdoc *doc, const split_line *line, commit_table **ret_table, firn_error *err)
{
    commit_table *table = NULL;

    FIRN_TRY(check_plan(job, line->plan, line->source, err));
    FIRN_TRY(table_of(job, line->table, line->count, &table, err));
    *ret_table = table;
    if (!table->line.source) return split_line_read_task(doc, &job->arena, &table->line, err);
    if (memcmp(&table->line.commit_id, &line->commit_id, sizeof line->commit_id) == 0 &&
        strcmp(table->line.data_location, line->data_location) == 0 &&
        strcmp(table->line.point.position, line->point.position) == 0 &&
        strcmp(table->line.settings, line->settings) == 0 && split_base_equal(&table->line.base, &line->base))
        return FIRN_OK;
    return firn_fail(err, FIRN_E_JSON_CORRUPT, "two lines of '%s' in one plan do not agree with each other", line->table);
}

static firn_status
add_result(commit_job *job, const jdoc *doc, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena     texts = {0};
    FIRN_AUTO(split_result_done) split_result r = {0};
    commit_table                             *table = NULL;
    split_slot                               *slot;
    const char                               *path;

    FIRN_TRY(split_result_read(doc, &texts, &r, err));
    path = r.files.count ? r.files.files[0].path : NULL;
    FIRN_TRY(table_of_line(job, doc, &r.line, &table, err));
    slot = &table->slots[r.line.index];
    if (slot->delivered) {
        /* The same line twice, as when a file was given twice, leaves nothing behind. */
        if (path && (!slot->first_path || strcmp(path, slot->first_path) != 0))
            table->twice_file_count += r.files.count;
        return FIRN_OK;
    }
    if (path) {
        slot->first_path = firn_arena_strdup(&job->arena, path);
        if (!slot->first_path) return firn_fail_memory(err, "the results");
    }
    FIRN_TRY(data_file_list_append(&table->files, &r.files, err));
    slot->delivered = true;
    table->delivered_count++;
    table->total.row_count += r.outcome.row_count;
    table->total.server_count += r.outcome.server_count;
    table->total.byte_count += r.outcome.byte_count;
    table->total.coerced_count += r.outcome.coerced_count;
    row_checksum_merge(&table->checksum, &r.checksum);
    if (!table->started_us || r.started_us < table->started_us) table->started_us = r.started_us;
    return FIRN_OK;
}

/* Counts only while the split has no result: another try may have done better. */
static firn_status
add_failure(commit_job *job, const jdoc *doc, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena texts = {0};
    FIRN_AUTO(split_line_done) split_line line = {0};
    firn_error                            failure = {0};
    commit_table                         *table = NULL;

    FIRN_TRY(split_failure_read(doc, &texts, &line, &failure, err));
    FIRN_TRY(table_of_line(job, doc, &line, &table, err));
    if (table->failure) return FIRN_OK;
    table->failure = firn_alloc(sizeof *table->failure);
    if (!table->failure) return firn_fail_memory(err, "the results");
    *table->failure = failure;
    return FIRN_OK;
}

static firn_status
add_end(commit_job *job, const jdoc *doc, firn_error *err)
{
    plan_end      end = {0};
    commit_table *table = NULL;

    FIRN_TRY(plan_end_read(doc, &job->arena, &end, err));
    FIRN_TRY(check_plan(job, end.plan, end.source, err));
    for (unsigned i = 0; i < end.table_count; i++)
        FIRN_TRY(table_of(job, end.tables[i].table, end.tables[i].split_count, &table, err));
    job->has_end = true;
    return FIRN_OK;
}

static firn_status
add_line(commit_job *job, const jdoc *doc, line_kind kind, uint64_t number, firn_error *err)
{
    switch (kind) {
    case LINE_RESULT:
        return add_result(job, doc, err);
    case LINE_FAILED:
        return add_failure(job, doc, err);
    case LINE_PLAN_END:
        return add_end(job, doc, err);
    case LINE_SPLIT:
        break;
    }
    (void) firn_fail(err, FIRN_E_RESULTS_MIXED, "line %llu is a split of the plan, not a result",
                     (unsigned long long) number);
    firn_hint(err, "give the plan's lines to `firn load-split`, and what that prints to `firn commit`");
    return err->status;
}

firn_status
commit_job_add(commit_job *job, firn_slice text, uint64_t number, firn_error *err)
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;
    line_kind                   kind = LINE_SPLIT;

    FIRN_TRY(split_line_parse(text, number, &doc, &kind, err));
    if (add_line(job, doc, kind, number, err))
        return firn_while(err, "reading line %llu of the results", (unsigned long long) number);
    return FIRN_OK;
}

/* ---- a table ---- */

static firn_status
fail_missing(const commit_table *table, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer names = {0};
    unsigned                                missing = table->count - table->delivered_count, shown = 0;

    if (table->failure) {
        *err = *table->failure;
        return firn_while(err, "loading '%s' elsewhere; %u of its %u splits have no result", table->name, missing,
                          table->count);
    }
    firn_buffer_init(&names, FIRN_ERROR_TEXT_MAX);
    for (unsigned i = 0; i < table->count && shown < NUMBERS_SHOWN; i++) {
        if (!table->slots[i].delivered) FIRN_TRY(firn_buffer_printf(&names, err, "%s%u", shown++ ? ", " : "", i));
    }
    (void) firn_fail(err, FIRN_E_RESULTS_INCOMPLETE, "%u of the %u splits of '%s' have no result: split %.*s%s",
                     missing, table->count, table->name, (int) names.size, (const char *) names.data,
                     missing > shown ? ", …" : "");
    firn_hint(err,
              "load these lines of the plan with `firn load-split` while `firn plan` holds its snapshot, and commit "
              "all results together");
    return err->status;
}

static firn_status
check_file(const commit_job *job, const commit_table *table, const partition_spec *spec, const data_file *file,
           firn_error *err)
{
    storage       *files = job->ctx.lake->files;
    storage_object object = {0};
    char           id[UUID_TEXT_SIZE];
    firn_status    status;

    uuid_format(table->line.commit_id, id);
    if (!location_is_below(file->path, table->line.data_location) ||
        strncmp(location_name(file->path), id, UUID_TEXT_SIZE - 1) != 0 || file->spec_id != spec->spec_id ||
        file->partition_count != spec->field_count)
        return firn_fail(err, FIRN_E_JSON_CORRUPT, "'%s' is no data file of this plan's '%s'", file->path, table->name);
    status = files->ops->stat(files, file->path, &object, err);
    if (status == FIRN_NOT_FOUND) {
        firn_error_reset(err);
        (void) firn_fail(err, FIRN_E_RESULT_FILE, "the data file '%s' is not there", file->path);
        firn_hint(err, "workers and commit must see the same warehouse; a folder of the worker's own machine is none");
        return err->status;
    }
    FIRN_TRY(status);
    if (object.size_bytes == (uint64_t) file->size_bytes) return FIRN_OK;
    return firn_fail(err, FIRN_E_RESULT_FILE, "the data file '%s' has %llu bytes, its result says %lld", file->path,
                     (unsigned long long) object.size_bytes, (long long) file->size_bytes);
}

static firn_status
check_files(const commit_job *job, const commit_table *table, load_layout *layout, firn_error *err)
{
    const load_table_config *config = layout->config;

    if (layout->base)
        layout->spec = *table_metadata_default_spec(layout->base);
    else
        FIRN_TRY(partition_spec_of_settings(config->partition_by, config->partition_by_count, layout->schema,
                                            &layout->arena, &layout->spec, err));
    for (unsigned i = 0; i < table->files.count; i++) {
        if (task_cancel_requested(job->ctx.cancel))
            return firn_fail(err, FIRN_E_CANCELLED, "stopped while checking files");
        FIRN_TRY(check_file(job, table, &layout->spec, &table->files.files[i], err));
    }
    return FIRN_OK;
}

static firn_status
check_configuration(const commit_job *job, const commit_table *table, load_layout *layout, firn_error *err)
{
    const load_settings *s = job->ctx.settings;
    char                 fingerprint[17];
    const char          *location = file_name_data_folder(&layout->arena, layout->location);

    if (!location) return firn_fail_memory(err, "a location");
    split_settings_fingerprint(s, layout->config, fingerprint);
    if (strcmp(fingerprint, table->line.settings) == 0 && location_equal(location, table->line.data_location))
        return FIRN_OK;
    (void) firn_fail(err, FIRN_E_PLAN_MISMATCH,
                     "the configuration or the warehouse of '%s' is not what the plan says (%s)", table->name,
                     table->line.data_location);
    firn_hint(err, "commit with the configuration and the environment that made the plan");
    return err->status;
}

static void
tell_twice(const commit_job *job, const commit_table *table)
{
    char message[FIRN_ERROR_TEXT_MAX];

    if (!table->twice_file_count) return;
    (void) snprintf(
        message, sizeof message,
        "%u data files of splits that were loaded twice are not in the table; they stay below %s until orphans are "
        "removed",
        table->twice_file_count, table->line.data_location);
    load_tell(&job->ctx, LOAD_EVENT_TABLE_WARNING, table->name, message, NULL);
}

static firn_status
check_base(const commit_table *table, const load_layout *layout, firn_error *err)
{
    split_base here = split_base_of(layout->base);

    if (split_base_equal(&here, &table->line.base)) return FIRN_OK;
    (void) firn_fail(err, FIRN_E_PLAN_OUTDATED, "'%s' in the lake %s since the plan was made", table->name,
                     table->line.base.exists ? "has changed" : "was made by somebody else");
    firn_hint(err, "plan and load it again; with --no-resume what is there is replaced");
    return err->status;
}

static firn_status
commit_table_run(commit_job *job, commit_table *table, load_table_result *result, firn_error *err)
{
    FIRN_AUTO(load_layout_done) load_layout layout = load_layout_begin(job->ctx.settings, table->name);
    load_commit                             commit = {.ctx = &job->ctx,
                                                      .layout = &layout,
                                                      .comment = table->line.comment,
                                                      .commit_id = table->line.commit_id,
                                                      .with_rows = true,
                                                      .files = &table->files,
                                                      .total = table->total,
                                                      .checksum = table->checksum};
    char                                    id[UUID_TEXT_SIZE];

    if (table->delivered_count < table->count) return fail_missing(table, err);
    job->ctx.point = table->line.point;
    uuid_format(table->line.commit_id, id);
    FIRN_TRY(load_layout_look(&layout, &job->ctx, err));
    if (layout.base && catalog_has_commit(layout.base, id)) return load_commit_unchanged(&layout, result, err);
    FIRN_TRY(check_configuration(job, table, &layout, err));
    FIRN_TRY(check_base(table, &layout, err));
    layout.schema = schema_ref(table->line.schema);
    layout.places = table->line.places;
    layout.relation_id = table->line.relation_id;
    layout.schema_changes = layout.base && layout.schema->schema_id != table_metadata_schema(layout.base)->schema_id;
    FIRN_TRY(check_files(job, table, &layout, err));
    if (job->ctx.settings->skip_empty_tables && !table->total.row_count && !layout.base) {
        result->state = LOAD_SKIPPED;
        result->reason = "has no rows (skip_empty_tables)";
        load_tell(&job->ctx, LOAD_EVENT_TABLE_SKIPPED, table->name, result->reason, NULL);
        return FIRN_OK;
    }
    FIRN_TRY(load_commit_run(&commit, result, err));
    tell_twice(job, table);
    return FIRN_OK;
}

/* ---- all tables ---- */

static void
keep_failure(const commit_job *job, load_table_result *result, firn_error *failure)
{
    if (!failure->state[0]) firn_state(failure, "nothing of this plan was committed for '%s'", result->name);
    result->state = failure->status == FIRN_CANCELLED ? LOAD_PENDING : LOAD_FAILED;
    result->reason = firn_arena_printf(&result->arena, "FIRN-%u: %s", (unsigned) failure->code, failure->cause);
    result->error = firn_alloc(sizeof *result->error);
    if (result->error) *result->error = *failure;
    if (result->state == LOAD_FAILED) load_tell(&job->ctx, LOAD_EVENT_TABLE_FAILED, result->name, NULL, failure);
}

static void
run_table(commit_job *job, load_record *record, unsigned index, load_result *out)
{
    load_table_result *result = &out->tables[index];
    commit_table      *table = job->tables[index];
    firn_error         failure = {0};

    result->started_us = table->started_us ? table->started_us : firn_clock_now_us();
    if (commit_table_run(job, table, result, &failure)) keep_failure(job, result, &failure);
    if (!result->unchanged) result->ended_us = firn_clock_now_us();
    if (!result->unchanged || !load_record_is_complete(record, index)) load_record_mark(record, index);
    out->done_count += result->state == LOAD_COMPLETED;
    out->unchanged_count += result->unchanged;
    out->failed_count += result->state == LOAD_FAILED;
    out->skipped_count += result->state == LOAD_SKIPPED;
    if (result->unchanged || result->state != LOAD_COMPLETED) return;
    out->row_count += result->row_count;
    out->source_bytes += result->source_bytes;
    out->file_bytes += result->file_bytes;
}

static firn_status
prepare(const commit_job *job, load_result *out, firn_error *err)
{
    out->tables = firn_arena_array(&out->arena, job->table_count + 1, sizeof *out->tables);
    if (!out->tables) return firn_fail_memory(err, "the tables of a commit");
    for (unsigned i = 0; i < job->table_count; i++) {
        out->tables[i].name = firn_arena_strdup(&out->arena, job->tables[i]->name);
        if (!out->tables[i].name) return firn_fail_memory(err, "the tables of a commit");
        if (job->tables[i]->line.source) out->point = job->tables[i]->line.point;
    }
    out->table_count = job->table_count;
    return FIRN_OK;
}

static firn_status
verdict(const commit_job *job, const load_result *out, firn_error *err)
{
    if (task_cancel_requested(job->ctx.cancel)) {
        (void) firn_fail(err, FIRN_E_CANCELLED, "stopped by a signal");
        firn_state(err, "%u of %u tables are committed; the same command goes on with the others", out->done_count,
                   out->table_count);
        return err->status;
    }
    if (out->failed_count) {
        (void) firn_fail(err, FIRN_E_LOAD_TABLES_FAILED, "%u of %u tables were not committed", out->failed_count,
                         out->table_count);
        firn_state(err, "%u tables are complete in the lake, %u are as they were before", out->done_count,
                   out->failed_count);
        return err->status;
    }
    if (job->has_end) return FIRN_OK;
    (void) firn_fail(err, FIRN_E_RESULTS_INCOMPLETE,
                     "the results have no line that ends the plan: tables may be missing");
    firn_hint(err, "give all lines of `firn plan` to `firn load-split`, the last one too, and all that it prints to "
                   "`firn commit`");
    firn_state(err, "the %u tables of these results are complete in the lake", out->done_count);
    return err->status;
}

static firn_status
run_tables(commit_job *job, load_result *out, firn_error *err)
{
    FIRN_AUTO(load_record_freep) load_record *record = NULL;
    firn_error                                failed = {0};

    FIRN_TRY(prepare(job, out, err));
    FIRN_TRY(load_record_new(&job->ctx, out->tables, out->table_count, job->guard, &record, err));
    for (unsigned i = 0; i < job->table_count && !task_cancel_requested(job->ctx.cancel); i++)
        run_table(job, record, i, out);
    if (load_record_flush(record, &failed))
        load_tell(&job->ctx, LOAD_EVENT_WARNING, NULL, "the status table could not be updated", &failed);
    return verdict(job, out, err);
}

firn_status
commit_job_run(commit_job *job, load_result *ret_result, firn_error *err)
{
    uint64_t    started_us = firn_clock_monotonic_us();
    firn_status status;

    *ret_result = (load_result){0};
    status = run_tables(job, ret_result, err);
    ret_result->elapsed_ms = (firn_clock_monotonic_us() - started_us) / 1000;
    return status;
}
