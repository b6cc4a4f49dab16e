#include "maintain/delete_use.h"

#include "base/alloc.h"

void
delete_use_done(delete_use *u)
{
    scan_plan_free(u->plan);
    firn_map_free(u->indexes);
    firn_map_free(u->data_paths);
    firn_arena_done(&u->arena);
    *u = (delete_use){0};
}

/* A Puffin file holds many vectors: the place tells them apart. */
static firn_status
make_key(const data_file *file, firn_buffer *out, firn_error *err)
{
    firn_buffer_init(out, 1 << 20);
    return firn_buffer_printf(out, err, "%lld:%s", (long long) file->content_offset, file->path);
}

static firn_status
index_deletes(delete_use *u, firn_error *err)
{
    u->users = firn_arena_array(&u->arena, u->live.delete_count + 1, sizeof *u->users);
    if (!u->users) return firn_fail_memory(err, "a list of delete files");
    for (size_t i = 0; i < u->live.delete_count; i++) {
        FIRN_AUTO(firn_buffer_done) firn_buffer key = {0};

        FIRN_TRY(make_key(&u->live.deletes[i].file, &key, err));
        FIRN_TRY(firn_map_put(u->indexes, firn_buffer_slice(&key), &u->users[i], err));
    }
    return FIRN_OK;
}

firn_status
delete_use_index(const delete_use *u, const manifest_entry *entry, size_t *ret_index, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer key = {0};
    const size_t *found;

    FIRN_TRY(make_key(&entry->file, &key, err));
    found = firn_map_get(u->indexes, firn_buffer_slice(&key));
    if (!found) return firn_fail(err, FIRN_E_BUG, "the delete file '%s' is in no manifest", entry->file.path);
    *ret_index = (size_t) (found - u->users);
    return FIRN_OK;
}

firn_status
delete_use_init(delete_use *u, const maintain_task *t, const table_metadata *table, firn_error *err)
{
    *u = (delete_use){.indexes = firn_map_new(), .data_paths = firn_map_new()};
    if (!u->indexes || !u->data_paths) return firn_fail_memory(err, "a list of delete files");
    u->scan = (scan_settings){.files = t->lake->files,
                              .table = table,
                              .snap = table->current_snapshot,
                              .columns = table->schema,
                              .memory_bytes_max = t->settings->memory_bytes / 3,
                              .cancel = t->cancel};
    FIRN_TRY(live_files_read(table, table->current_snapshot, t->lake->files, &u->arena, &u->live, err));
    FIRN_TRY(index_deletes(u, err));
    if (!u->live.delete_count) return FIRN_OK;
    for (size_t i = 0; i < u->live.data_count; i++)
        FIRN_TRY(firn_map_put(u->data_paths, firn_slice_text(u->live.data[i].file.path), u, err));
    FIRN_TRY(scan_plan_open(&u->scan, &u->plan, err));
    FIRN_TRY(scan_plan_rest(u->plan, &u->arena, &u->tasks, &u->task_count, err));
    for (size_t i = 0; i < u->task_count; i++) {
        for (unsigned k = 0; k < u->tasks[i].delete_count; k++) {
            size_t index;

            FIRN_TRY(delete_use_index(u, u->tasks[i].deletes[k], &index, err));
            u->users[index]++;
        }
    }
    return FIRN_OK;
}
