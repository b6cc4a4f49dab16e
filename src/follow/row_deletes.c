#include "follow/row_deletes.h"

#include "base/map.h"
#include "scan/scan_reader.h"

typedef struct deletion {
    const delete_writer_settings *settings;
    const table_index            *index;
    const uint64_t               *gone;
    size_t                        gone_count;
} deletion;

/* Of every data file that loses rows, its entry and what deletes of it already. */
static firn_status
map_tasks(scan_plan *plan, firn_arena *arena, firn_map *by_path, firn_error *err)
{
    const scan_task *tasks = NULL;
    size_t           count = 0;

    FIRN_TRY(scan_plan_rest(plan, arena, &tasks, &count, err));
    for (size_t i = 0; i < count; i++)
        FIRN_TRY(firn_map_put(by_path, firn_slice_text(tasks[i].data->file.path), (void *) (uintptr_t) &tasks[i], err));
    return FIRN_OK;
}

static firn_status
make_targets(const deletion *d, const firn_map *by_path, delete_target *targets, roaring64 **sets, size_t *ret_count,
             firn_error *err)
{
    uint64_t rows[1024];
    size_t   count = 0;

    for (size_t i = 0; i < d->gone_count;) {
        uint32_t         file = key_place_file(d->gone[i]);
        const char      *path = table_index_path(d->index, d->gone[i]);
        const scan_task *task = path ? firn_map_get(by_path, firn_slice_text(path)) : NULL;
        roaring64       *set = sets[count] = roaring64_new();

        if (!set) return firn_fail_memory(err, "deleted rows");
        if (!task)
            return firn_fail(err, FIRN_E_BUG, "the key index of '%s' names a data file that the table does not have: %s",
                             d->settings->table_name, path ? path : "?");
        while (i < d->gone_count && key_place_file(d->gone[i]) == file) {
            size_t n = 0;
            for (; n < FIRN_COUNT(rows) && i < d->gone_count && key_place_file(d->gone[i]) == file; i++)
                rows[n++] = key_place_row(d->gone[i]);
            FIRN_TRY(roaring64_add_many(set, rows, n, err));
        }
        targets[count++] = (delete_target){
            .file = &task->data->file, .rows = set, .delete_count = task->delete_count, .deletes = task->deletes};
    }
    *ret_count = count;
    return FIRN_OK;
}

static size_t
count_gone_files(const deletion *d)
{
    size_t count = 0;

    for (size_t i = 0; i < d->gone_count; i++)
        count += i == 0 || key_place_file(d->gone[i]) != key_place_file(d->gone[i - 1]);
    return count;
}

static void
free_sets(roaring64 **sets, size_t count)
{
    for (size_t i = 0; i < count; i++) roaring64_free(sets[i]);
}

/* The rows places[from..to) of one file. */
static firn_status
look_in_file(const scan_settings *scan, const scan_task *task, const uint64_t places[], size_t count, bool ret_deleted[], firn_error *err)
{
    roaring64 *deleted = NULL;

    if (task) FIRN_TRY(scan_task_deleted(scan, task, &deleted, err));
    for (size_t i = 0; i < count; i++) ret_deleted[i] = !task || (deleted && roaring64_contains(deleted, key_place_row(places[i])));
    roaring64_free(deleted);
    return FIRN_OK;
}

firn_status
row_deletes_look(storage *files, const table_metadata *table, const table_index *index, const uint64_t places[], size_t count,
                 bool ret_deleted[], firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(scan_plan_freep) scan_plan *plan = NULL;
    FIRN_AUTO(firn_map_freep) firn_map   *by_path = firn_map_new();
    scan_settings scan = {.files = files, .table = table, .snap = table_metadata_current_snapshot(table), .columns = table_metadata_schema(table)};

    if (!by_path) return firn_fail_memory(err, "deleted rows");
    FIRN_TRY(scan_plan_open(&scan, &plan, err));
    FIRN_TRY(map_tasks(plan, &arena, by_path, err));
    for (size_t from = 0, to; from < count; from = to) {
        const char *path = table_index_path(index, places[from]);

        for (to = from + 1; to < count && key_place_file(places[to]) == key_place_file(places[from]);) to++;
        FIRN_TRY(look_in_file(&scan, path ? firn_map_get(by_path, firn_slice_text(path)) : NULL, places + from, to - from, ret_deleted + from, err));
    }
    return FIRN_OK;
}

firn_status
row_deletes_write(const delete_writer_settings *settings, const table_index *index, const uint64_t gone[], size_t gone_count,
                  delete_files *ret_files, firn_error *err)
{
    const deletion d = {settings, index, gone, gone_count};
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(scan_plan_freep) scan_plan *plan = NULL;
    FIRN_AUTO(firn_map_freep) firn_map   *by_path = firn_map_new();
    size_t         file_count = count_gone_files(&d), target_count = 0;
    delete_target *targets = firn_arena_array(&arena, file_count + 1, sizeof *targets);
    roaring64    **sets = firn_arena_array(&arena, file_count + 1, sizeof(roaring64 *));
    scan_settings  scan = {.files = settings->files,
                           .table = settings->table,
                           .snap = table_metadata_current_snapshot(settings->table),
                           .columns = table_metadata_schema(settings->table)};

    if (!by_path || !targets || !sets) return firn_fail_memory(err, "deleted rows");
    FIRN_TRY(scan_plan_open(&scan, &plan, err));
    FIRN_TRY(map_tasks(plan, &arena, by_path, err));
    firn_status status = make_targets(&d, by_path, targets, sets, &target_count, err);
    if (!status) status = delete_writer_write(settings, targets, target_count, ret_files, err);
    free_sets(sets, file_count);
    return status;
}
