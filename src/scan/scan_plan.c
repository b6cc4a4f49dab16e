#include "scan/scan_plan.h"

#include <string.h>

#include "base/alloc.h"
#include "iceberg/manifest_list.h"
#include "iceberg/manifest_reader.h"
#include "scan/partition_filter.h"
#include "scan/scan_deletes.h"

struct scan_plan {
    const scan_settings *settings;
    firn_arena           arena;   /* the manifest list */
    firn_arena           scratch; /* an entry */
    const manifest_file *manifests;
    size_t               manifest_count, at;
    manifest_reader     *reader; /* of the manifest before `at`; NULL: none is open */
    scan_deletes        *deletes;
    scan_plan_stats      stats;
};

static bool
is_empty(const manifest_file *manifest)
{
    return manifest->added_file_count == 0 && manifest->existing_file_count == 0;
}

static firn_status
check_cancel(const scan_plan *plan, firn_error *err)
{
    if (!task_cancel_requested(plan->settings->cancel)) return FIRN_OK;
    return firn_fail(err, FIRN_E_CANCELLED, "the scan was stopped");
}

static firn_status
open_manifest(scan_plan *plan, const manifest_file *manifest, firn_error *err)
{
    const partition_spec *spec = table_metadata_spec_by_id(plan->settings->table, manifest->spec_id);

    if (!spec)
        return firn_fail(err, FIRN_E_ICEBERG_METADATA, "the manifest '%s' has the partition spec %d, which the table has not",
                         manifest->path, (int) manifest->spec_id);
    return manifest_reader_open(plan->settings->files, manifest, spec, &plan->reader, err);
}

static void
close_manifest(scan_plan *plan)
{
    manifest_reader_free(plan->reader);
    plan->reader = NULL;
}

/* The next live entry, in the scratch arena. */
static firn_status
next_entry(scan_plan *plan, manifest_entry *ret_entry, bool *ret_more, firn_error *err)
{
    do {
        firn_arena_reset(&plan->scratch);
        FIRN_TRY(manifest_reader_next(plan->reader, &plan->scratch, ret_entry, ret_more, err));
    } while (*ret_more && ret_entry->status == ENTRY_DELETED);
    return FIRN_OK;
}

static firn_status
read_deletes(scan_plan *plan, const manifest_file *manifest, firn_error *err)
{
    bool more = true;

    FIRN_TRY(open_manifest(plan, manifest, err));
    for (;;) {
        manifest_entry entry;
        FIRN_TRY(next_entry(plan, &entry, &more, err));
        if (!more) break;
        FIRN_TRY(scan_deletes_add(plan->deletes, &entry, err));
    }
    close_manifest(plan);
    return FIRN_OK;
}

/* Data manifests stay in the list, those of deletes are read at once. */
static firn_status
read_list(scan_plan *plan, firn_error *err)
{
    const snapshot *snap = plan->settings->snap;
    manifest_file  *data;

    if (!snap->manifest_list)
        return firn_fail(err, FIRN_E_ICEBERG_UNSUPPORTED,
                         "snapshot %lld of '%s' lists its manifests inline (an old version 1 form)",
                         (long long) snap->snapshot_id, plan->settings->table->location);
    const manifest_file *all = NULL;
    size_t               count = 0;
    FIRN_TRY(manifest_list_read(plan->settings->files, snap->manifest_list, &plan->arena, &all, &count, err));
    data = firn_arena_array(&plan->arena, count + 1, sizeof *data);
    if (!data) return firn_fail_memory(err, "a scan's manifests");
    for (size_t i = 0; i < count; i++) {
        FIRN_TRY(check_cancel(plan, err));
        if (is_empty(&all[i])) continue;
        if (all[i].content == MANIFEST_DELETES)
            FIRN_TRY(read_deletes(plan, &all[i], err));
        else
            data[plan->manifest_count++] = all[i];
    }
    plan->manifests = data;
    return FIRN_OK;
}

firn_status
scan_plan_open(const scan_settings *settings, scan_plan **ret_plan, firn_error *err)
{
    FIRN_AUTO(scan_plan_freep) scan_plan *plan = firn_calloc(1, sizeof *plan);

    if (!plan) return firn_fail_memory(err, "a scan");
    plan->settings = settings;
    firn_arena_init(&plan->arena, FIRN_ARENA_SIZE_MAX_DEFAULT);
    firn_arena_init(&plan->scratch, FIRN_ARENA_SIZE_MAX_DEFAULT);
    FIRN_TRY(scan_deletes_new(settings->files, settings->table, settings->memory_bytes_max, &plan->deletes, err));
    if (settings->snap && read_list(plan, err))
        return firn_while(err, "planning a scan of '%s'", settings->table->location);
    *ret_plan = FIRN_STEAL(plan);
    return FIRN_OK;
}

void
scan_plan_free(scan_plan *plan)
{
    if (!plan) return;
    manifest_reader_free(plan->reader);
    scan_deletes_free(plan->deletes);
    firn_arena_done(&plan->scratch);
    firn_arena_done(&plan->arena);
    firn_free(plan);
}

scan_plan_stats
scan_plan_get_stats(const scan_plan *plan)
{
    return plan->stats;
}

/* ---- data files ---- */

static void
find_facts(void *state, const schema_field *column, column_facts *ret_facts)
{
    const data_file *file = state;

    for (unsigned i = 0; i < file->column_count; i++) {
        const data_file_column *known = &file->columns[i];
        if (known->field_id != column->id) continue;
        ret_facts->value_count = known->value_count;
        ret_facts->null_count = known->null_count;
        ret_facts->nan_count = known->nan_count;
        ret_facts->has_lower = stored_value_decode(column->type, known->lower, &ret_facts->lower);
        ret_facts->has_upper = stored_value_decode(column->type, known->upper, &ret_facts->upper);
        return;
    }
}

static bool
file_may_match(const scan_plan *plan, data_file *file)
{
    const scan_predicate *where = plan->settings->where;
    const partition_spec *spec = table_metadata_spec_by_id(plan->settings->table, file->spec_id);

    if (file->record_count == 0) return false;
    if (!where) return true;
    if (spec && spec->field_count == file->partition_count && !partition_may_match(where, spec, file->partition))
        return false;
    return scan_predicate_may_match(where, find_facts, file);
}

/* Opens the next manifest that may hold wanted files; plan->reader stays NULL at the end. */
static firn_status
next_manifest(scan_plan *plan, firn_error *err)
{
    const scan_settings *settings = plan->settings;

    while (plan->at < plan->manifest_count) {
        const manifest_file  *manifest = &plan->manifests[plan->at++];
        const partition_spec *spec = table_metadata_spec_by_id(settings->table, manifest->spec_id);

        FIRN_TRY(check_cancel(plan, err));
        plan->stats.manifest_count++;
        if (settings->where && spec && manifest->partition_count == spec->field_count &&
            !partition_summaries_may_match(settings->where, spec, manifest->partitions)) {
            plan->stats.manifest_skipped_count++;
            continue;
        }
        return open_manifest(plan, manifest, err);
    }
    return FIRN_OK;
}

static firn_status
make_task(scan_plan *plan, const manifest_entry *entry, firn_arena *arena, scan_task *ret_task, firn_error *err)
{
    manifest_entry *data = firn_arena_alloc(arena, sizeof *data);
    manifest_entry  plain = *entry;

    if (!data) return firn_fail_memory(err, "a scan's data file");
    if (!plan->settings->with_column_facts) {
        plain.file.column_count = 0;
        plain.file.columns = NULL;
    }
    *data = plain;
    FIRN_TRY(data_file_copy(&plain.file, arena, &data->file, err));
    FIRN_TRY(scan_deletes_find(plan->deletes, data, arena, ret_task, err));
    ret_task->shared = plan->deletes;
    return FIRN_OK;
}

static firn_status
find_task(scan_plan *plan, firn_arena *arena, scan_task *ret_task, bool *ret_more, firn_error *err)
{
    *ret_more = false;
    for (;;) {
        manifest_entry entry;
        bool           more = false;

        if (!plan->reader) FIRN_TRY(next_manifest(plan, err));
        if (!plan->reader) return FIRN_OK;
        FIRN_TRY(next_entry(plan, &entry, &more, err));
        if (!more) {
            close_manifest(plan);
            continue;
        }
        plan->stats.file_count++;
        if (!file_may_match(plan, &entry.file)) {
            plan->stats.file_skipped_count++;
            continue;
        }
        *ret_more = true;
        return make_task(plan, &entry, arena, ret_task, err);
    }
}

firn_status
scan_plan_next(scan_plan *plan, firn_arena *arena, scan_task *ret_task, bool *ret_more, firn_error *err)
{
    if (find_task(plan, arena, ret_task, ret_more, err))
        return firn_while(err, "planning a scan of '%s'", plan->settings->table->location);
    return FIRN_OK;
}

firn_status
scan_plan_rest(scan_plan *plan, firn_arena *arena, const scan_task **ret_tasks, size_t *ret_count, firn_error *err)
{
    scan_task *tasks = NULL;
    size_t     count = 0, capacity = 0;

    for (;;) {
        scan_task task;
        bool      more = false;

        FIRN_TRY(scan_plan_next(plan, arena, &task, &more, err));
        if (!more) break;
        if (count == capacity) { /* what was outgrown stays in the arena: as much again at most */
            size_t     grown_capacity = capacity ? capacity * 2 : 64;
            scan_task *grown = firn_arena_array(arena, grown_capacity, sizeof *grown);
            if (!grown) return firn_fail_memory(err, "a scan's tasks");
            if (count > 0) memcpy(grown, tasks, count * sizeof *tasks);
            tasks = grown;
            capacity = grown_capacity;
        }
        tasks[count++] = task;
    }
    *ret_tasks = tasks;
    *ret_count = count;
    return FIRN_OK;
}

bool
scan_plan_row_count(const scan_plan *plan, uint64_t *ret_row_count)
{
    uint64_t total = 0;

    if (plan->settings->where || scan_deletes_count(plan->deletes) > 0) return false;
    for (size_t i = 0; i < plan->manifest_count; i++) {
        const manifest_file *manifest = &plan->manifests[i];
        if (manifest->added_row_count < 0 || manifest->existing_row_count < 0) return false;
        total += (uint64_t) manifest->added_row_count + (uint64_t) manifest->existing_row_count;
    }
    *ret_row_count = total;
    return true;
}
