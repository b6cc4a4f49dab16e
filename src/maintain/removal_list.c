#include "maintain/removal_list.h"

#include "base/alloc.h"
#include "base/crash_point.h"
#include "base/log.h"
#include "storage/location.h"

firn_status
removal_list_init(removal_list *list, const char *table_location, firn_error *err)
{
    *list = (removal_list){.seen = firn_map_new()};
    list->table_location = firn_arena_strdup(&list->arena, table_location);
    return list->seen && list->table_location ? FIRN_OK : firn_fail_memory(err, "a list of files");
}

void
removal_list_done(removal_list *list)
{
    firn_map_free(list->seen);
    firn_free(list->items);
    firn_arena_done(&list->arena);
    *list = (removal_list){0};
}

firn_status
removal_list_add(removal_list *list, const char *location, int64_t size_bytes, firn_error *err)
{
    firn_slice key = firn_slice_text(location);

    if (firn_map_get(list->seen, key)) return FIRN_OK;
    FIRN_TRY(firn_map_put(list->seen, key, list, err));
    if (!location_is_below(location, list->table_location) || strstr(location, "/../")) {
        list->foreign_count++;
        return FIRN_OK;
    }
    if (list->count == list->capacity) {
        size_t        capacity = list->capacity ? list->capacity * 2 : 64;
        removal_item *items = firn_realloc(list->items, capacity * sizeof *items);

        if (!items) return firn_fail_memory(err, "a list of files");
        list->items = items;
        list->capacity = capacity;
    }
    location = firn_arena_strdup(&list->arena, location);
    if (!location) return firn_fail_memory(err, "a list of files");
    list->items[list->count++] = (removal_item){location, size_bytes};
    return FIRN_OK;
}

firn_status
removal_list_apply(const removal_list *list, maintain_task *t, firn_error *err)
{
    storage *files = t->lake->files;

    t->result->foreign_file_count += list->foreign_count;
    for (size_t i = 0; i < list->count; i++) {
        const removal_item *item = &list->items[i];
        int64_t             size_bytes = item->size_bytes;
        storage_object      object;

        FIRN_TRY(maintain_task_check(t, err));
        if (i > 0) firn_crash_point("expire.mid-delete");
        if (size_bytes < 0) {
            firn_error ignored = {0};

            size_bytes = files->ops->stat(files, item->location, &object, &ignored) == FIRN_OK ? (int64_t) object.size_bytes : 0;
        }
        if (!t->settings->dry_run) FIRN_TRY(files->ops->remove(files, item->location, err));
        log_debug("%s '%s'", t->settings->dry_run ? "would remove" : "removed", item->location);
        t->result->removed_file_count++;
        t->result->removed_bytes += size_bytes;
    }
    return FIRN_OK;
}
