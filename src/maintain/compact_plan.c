#include "maintain/compact_plan.h"

#include "base/text.h"
#include "iceberg/position_delete.h"
#include "iceberg/single_value.h"

#include <stdlib.h>

#define TARGET_SIZE_DEFAULT (INT64_C(512) << 20)
#define TARGET_SIZE_LEAST 4096
#define PARALLEL_FILES 4
#define PARALLEL_SIZE_LEAST (INT64_C(64) << 20)

int64_t
compact_target_size(const table_metadata *table)
{
    int64_t target = table_metadata_property_i64(table, "write.target-file-size-bytes", TARGET_SIZE_DEFAULT);

    return target < TARGET_SIZE_LEAST ? TARGET_SIZE_LEAST : target;
}

int64_t
compact_file_size(const table_metadata *table)
{
    int64_t target = compact_target_size(table), total = snapshot_totals_of(table->current_snapshot).size_bytes;
    int64_t part = total / PARALLEL_FILES > PARALLEL_SIZE_LEAST ? total / PARALLEL_FILES : PARALLEL_SIZE_LEAST;

    return total >= 0 && part < target ? part : target;
}

int64_t
compact_small_size(const table_metadata *table)
{
    return compact_file_size(table) / 4 * 3;
}

typedef struct planner {
    const table_metadata *table;
    int64_t               target, small_max, large_min;
    unsigned              delete_ratio_percent; /* 0: by the kind of deletes */
    const schema_field   *order_field; /* NULL: by age */
    bool                  descending;
    firn_arena           *arena;
} planner;

/* The first term of the sort order, where it is a plain column. */
static void
find_order(planner *p)
{
    const sort_order *order = table_metadata_default_sort_order(p->table);

    if (!order || !order->field_count || order->fields[0].transform.kind != TRANSFORM_IDENTITY) return;
    p->order_field = schema_field_by_id(p->table->schema, order->fields[0].source_id);
    if (p->order_field && type_is_nested(p->order_field->type->kind)) p->order_field = NULL;
    p->descending = order->fields[0].descending;
}

/* How many rows the deletes take, about: those in files for many data files count in proportion. */
static void
weigh(planner *p, compact_file *file)
{
    const data_file *data = &file->data->file;
    int64_t          deleted = 0;
    bool             by_value = false;
    unsigned         ratio = p->delete_ratio_percent ? p->delete_ratio_percent : COMPACT_DELETION_VECTOR_RATIO_PERCENT;

    for (unsigned i = 0; i < file->delete_count; i++) {
        const data_file *d = &file->deletes[i]->file;

        by_value = by_value || d->content == DATA_FILE_EQUALITY_DELETES;
        if (!p->delete_ratio_percent && d->content_offset < 0) ratio = COMPACT_DELETE_FILE_RATIO_PERCENT;
        if (d->content == DATA_FILE_POSITION_DELETES && delete_file_target(d).data) deleted += d->record_count;
        else if (d->content == DATA_FILE_POSITION_DELETES)
            deleted += d->record_count < data->record_count / 10 ? d->record_count : data->record_count / 10;
    }
    if (deleted > data->record_count) deleted = data->record_count;
    file->live_row_count = data->record_count - deleted;
    file->live_size_bytes = data->record_count > 0 ? (int64_t) ((double) data->size_bytes * (double) file->live_row_count /
                                                                (double) data->record_count)
                                                   : 0;
    file->is_forced = by_value || data->size_bytes > p->large_min || data->spec_id != p->table->default_spec->spec_id ||
                      (deleted > 0 && deleted >= (int64_t) ratio * data->record_count / 100);
}

static bool
is_candidate(const planner *p, const compact_file *file)
{
    // Other formats cannot be read, and are left as they are.
    if (!text_equal_nocase(file->data->file.format, "parquet")) return false;
    return file->is_forced || file->data->file.size_bytes < p->small_max;
}

/* ---- the order ---- */

static bool
lower_bound(const planner *p, const data_file *file, single_value *ret_value)
{
    firn_error ignored = {0};

    for (unsigned i = 0; i < file->column_count; i++) {
        if (file->columns[i].field_id != p->order_field->id || !file->columns[i].lower.data) continue;
        return single_value_decode(p->order_field->type, file->columns[i].lower, ret_value, &ignored) == FIRN_OK;
    }
    return false;
}

static int
compare_files(const void *a, const void *b, void *state)
{
    const compact_file *x = *(compact_file *const *) a, *y = *(compact_file *const *) b;
    const planner      *p = state;
    single_value        v, w;
    int                 order = data_file_compare_partitions(&x->data->file, &y->data->file);

    if (order) return order;
    if (p->order_field) {
        bool has_v = lower_bound(p, &x->data->file, &v), has_w = lower_bound(p, &y->data->file, &w);

        if (has_v != has_w) return has_v ? -1 : 1;
        order = has_v ? single_value_compare(p->order_field->type, &v, &w) : 0;
        if (order) return p->descending ? -order : order;
    }
    if (x->data->sequence_number != y->data->sequence_number)
        return x->data->sequence_number < y->data->sequence_number ? -1 : 1;
    return strcmp(x->data->file.path, y->data->file.path);
}

/* ---- the groups ---- */

static bool
is_worth_it(const planner *p, const compact_group *group, int64_t live_size_bytes)
{
    for (unsigned i = 0; i < group->file_count; i++) {
        if (group->files[i]->is_forced) return true;
    }
    return group->file_count >= COMPACT_FILES_MIN || (group->file_count >= 2 && live_size_bytes >= p->small_max);
}

/* Consecutive files of one partition, as long as they make one file. */
static void
cut_groups(const planner *p, compact_file **files, size_t count, compact_plan *plan)
{
    for (size_t from = 0, to; from < count; from = to) {
        compact_group group = {.files = &files[from]};
        int64_t       live = 0;

        for (to = from; to < count; to++) {
            if (to > from && (data_file_compare_partitions(&files[from]->data->file, &files[to]->data->file) != 0 ||
                              live + files[to]->live_size_bytes > p->target))
                break;
            live += files[to]->live_size_bytes;
            group.size_bytes += files[to]->data->file.size_bytes;
            group.file_count++;
        }
        if (!is_worth_it(p, &group, live)) continue;
        plan->groups[plan->group_count++] = group;
        plan->file_count += group.file_count;
        plan->size_bytes += group.size_bytes;
        plan->result_count += live > 0 ? (live + p->target - 1) / p->target : 0;
    }
}

firn_status
compact_plan_make(const table_metadata *table, compact_file files[], size_t file_count, unsigned delete_ratio_percent,
                  firn_arena *arena, compact_plan *ret_plan, firn_error *err)
{
    planner        p = {.table = table,
                        .target = compact_file_size(table),
                        .delete_ratio_percent = delete_ratio_percent,
                        .arena = arena};
    compact_file **candidates = firn_arena_array(arena, file_count + 1, sizeof(compact_file *));
    compact_plan   plan = {.groups = firn_arena_array(arena, file_count + 1, sizeof(compact_group))};
    size_t         count = 0;

    if (!candidates || !plan.groups) return firn_fail_memory(err, "a plan of compaction");
    p.small_max = compact_small_size(table);
    p.large_min = p.target > INT64_MAX / 2 ? INT64_MAX : p.target / 10 * 18;
    find_order(&p);
    for (size_t i = 0; i < file_count; i++) {
        weigh(&p, &files[i]);
        if (is_candidate(&p, &files[i])) candidates[count++] = &files[i];
    }
    if (count) qsort_r(candidates, count, sizeof *candidates, compare_files, &p);
    cut_groups(&p, candidates, count, &plan);
    *ret_plan = plan;
    return FIRN_OK;
}
