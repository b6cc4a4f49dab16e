#include "iceberg/live_files.h"

#include "base/alloc.h"
#include "iceberg/manifest_list.h"
#include "iceberg/manifest_reader.h"

#include <string.h>

/* Entries while their number is not known; copied into the arena at the end. */
typedef struct entry_list {
    manifest_entry *entries;
    size_t          count, capacity;
} entry_list;

static void
entry_list_done(entry_list *list)
{
    firn_free(list->entries);
}

static firn_status
entry_list_add(entry_list *list, const manifest_entry *entry, firn_error *err)
{
    if (list->count == list->capacity) {
        size_t          capacity = list->capacity ? list->capacity * 2 : 64;
        manifest_entry *entries = firn_realloc(list->entries, capacity * sizeof *entries);
        if (!entries) return firn_fail_memory(err, "a list of files");
        list->entries = entries;
        list->capacity = capacity;
    }
    list->entries[list->count++] = *entry;
    return FIRN_OK;
}

static firn_status
entry_list_keep(const entry_list *list, firn_arena *arena, manifest_entry **ret_entries, firn_error *err)
{
    manifest_entry *entries = firn_arena_array(arena, list->count + 1, sizeof *entries);

    if (!entries) return firn_fail_memory(err, "a list of files");
    if (list->count) memcpy(entries, list->entries, list->count * sizeof *entries);
    *ret_entries = entries;
    return FIRN_OK;
}

static firn_status
add_manifest(const table_metadata *table, const manifest_file *manifest, struct storage *files, firn_arena *arena,
             entry_list *data, entry_list *deletes, firn_error *err)
{
    FIRN_AUTO(manifest_reader_freep) manifest_reader *reader = NULL;
    const partition_spec *spec = table_metadata_spec_by_id(table, manifest->spec_id);

    FIRN_TRY(manifest_reader_open(files, manifest, spec, &reader, err));
    for (;;) {
        manifest_entry entry;
        bool           more = false;

        FIRN_TRY(manifest_reader_next(reader, arena, &entry, &more, err));
        if (!more) return FIRN_OK;
        if (entry.status == ENTRY_DELETED) continue;
        FIRN_TRY(entry_list_add(entry.file.content == DATA_FILE_DATA ? data : deletes, &entry, err));
    }
}

firn_status
live_files_read(const table_metadata *table, const snapshot *snap, struct storage *files, firn_arena *arena,
                live_files *ret_files, firn_error *err)
{
    FIRN_AUTO(entry_list_done) entry_list data = {0};
    FIRN_AUTO(entry_list_done) entry_list deletes = {0};
    const manifest_file *manifests = NULL;
    size_t               manifest_count = 0;
    live_files           found = {0};

    if (snap) {
        if (!snap->manifest_list)
            return firn_fail(err, FIRN_E_ICEBERG_UNSUPPORTED,
                             "snapshot %lld of '%s' lists its manifests inline (an old version 1 form)",
                             (long long) snap->snapshot_id, table->location);
        FIRN_TRY(manifest_list_read(files, snap->manifest_list, arena, &manifests, &manifest_count, err));
    }
    for (size_t i = 0; i < manifest_count; i++) {
        if (add_manifest(table, &manifests[i], files, arena, &data, &deletes, err))
            return firn_while(err, "reading the files of '%s'", table->location);
    }
    FIRN_TRY(entry_list_keep(&data, arena, &found.data, err));
    FIRN_TRY(entry_list_keep(&deletes, arena, &found.deletes, err));
    found.data_count = data.count;
    found.delete_count = deletes.count;
    *ret_files = found;
    return FIRN_OK;
}
