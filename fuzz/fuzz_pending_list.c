/* write/pending_list.h: whatever the list says, only a commit's own files below its own folder come out. */
#include "write/pending_list.h"

#include <stdlib.h>
#include <string.h>

#include "storage/location.h"

#define MEMORY_MAX ((size_t) 64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_path(const pending_commit *commit, const char *path)
{
    if (!commit->table || !commit->data_location) abort();
    if (!location_is_below(path, commit->data_location) || strstr(path, "/..")) abort();
    if (strncmp(location_name(path), commit->commit_id, strlen(commit->commit_id)) != 0) abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena;
    pending_list list;
    firn_error   err = {0};

    firn_arena_init(&arena, MEMORY_MAX);
    if (pending_list_read(firn_slice_of(data, size), "run", &arena, &list, &err)) return 0;
    for (const pending_entry *entry = list.entries; entry; entry = entry->next) {
        size_t count = 0;

        if (list.damaged && !entry->commit.offered) abort();
        for (const pending_path *item = entry->paths; item; item = item->next, count++)
            check_path(&entry->commit, item->path);
        if (count != entry->commit.file_count) abort();
    }
    return 0;
}
