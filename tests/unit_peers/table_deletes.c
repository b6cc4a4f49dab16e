#include "table_deletes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catalog/commit.h"
#include "iceberg/deletion_vector.h"
#include "iceberg/file_names.h"
#include "iceberg/live_files.h"
#include "iceberg/position_delete.h"
#include "write/delete_writer.h"

#define TARGETS_MAX 50
#define MEMORY_MAX ((size_t) 64 << 20)

/* All delete files that may apply to the data file: a scan would know better, but for these tables that will do. */
static firn_status
find_target(const live_files *live, const char *path, firn_arena *arena, delete_target *ret_target, firn_error *err)
{
    const manifest_entry **deletes = firn_arena_array(arena, live->delete_count + 1, sizeof(const manifest_entry *));

    *ret_target = (delete_target){.deletes = deletes};
    for (size_t i = 0; i < live->data_count; i++) {
        if (strcmp(live->data[i].file.path, path) == 0) ret_target->file = &live->data[i].file;
    }
    if (!ret_target->file) return firn_fail(err, FIRN_E_BUG, "no live file '%s'", path);
    for (size_t i = 0; i < live->delete_count; i++) {
        firn_slice target = delete_file_target(&live->deletes[i].file);

        if (!target.data || firn_slice_equal(target, firn_slice_text(path)))
            deletes[ret_target->delete_count++] = &live->deletes[i];
    }
    return FIRN_OK;
}

static firn_status
write_deletes(storage *files, const table_metadata *base, const live_files *live, char *const words[], unsigned word_count,
              const char *commit_id, firn_arena *arena, delete_files *ret_made, firn_error *err)
{
    delete_writer_settings settings = {.files = files, .table = base, .prefix = commit_id, .memory_bytes_max = MEMORY_MAX,
                                       .data_location = file_name_data_folder(arena, base->location)};
    delete_target targets[TARGETS_MAX];
    roaring64    *rows[TARGETS_MAX];
    unsigned      count = 0;
    firn_status   status;

    for (; 2 * count + 1 < word_count; count++) {
        char *rest = words[2 * count + 1];

        FIRN_TRY(find_target(live, words[2 * count], arena, &targets[count], err));
        rows[count] = roaring64_new();
        targets[count].rows = rows[count];
        for (char *part; (part = strsep(&rest, ","));)
            FIRN_TRY(roaring64_add(rows[count], strtoull(part, NULL, 10), err));
    }
    status = delete_writer_write(&settings, targets, count, ret_made, err);
    for (unsigned i = 0; i < count; i++) roaring64_free(rows[i]);
    return status;
}

firn_status
table_deletes_add(catalog *c, storage *files, const table_ident *ident, char *const words[], unsigned word_count,
                  firn_error *err)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *base = NULL;
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(delete_files_done) delete_files made = {0};
    table_change change = {.operation = table_change_operation(false, true, false), .commit_id = uuid_v7()};
    live_files   live;
    char         id[UUID_TEXT_SIZE];

    FIRN_TRY(c->ops->load(c, ident, &base, err));
    FIRN_TRY(live_files_read(base, base->current_snapshot, files, &arena, &live, err));
    uuid_format(change.commit_id, id);
    FIRN_TRY(write_deletes(files, base, &live, words, word_count, id, &arena, &made, err));
    change.added = made.added.files;
    change.added_count = made.added.count;
    change.removed_vectors = made.removed_vectors;
    change.removed_vector_count = made.removed_vector_count;
    change.removed_paths = made.removed_paths;
    change.removed_path_count = made.removed_path_count;
    change.required_paths = made.required_paths;
    change.required_path_count = made.required_path_count;
    change.required_at = base->current_snapshot->snapshot_id;
    return catalog_commit_change(c, ident, base, &change, NULL, NULL, err);
}

static firn_status
add_deleted(storage *files, const live_files *live, const char *path, roaring64 *deleted, firn_error *err)
{
    FIRN_AUTO(position_delete_set_freep) position_delete_set *set = position_delete_set_new(MEMORY_MAX);

    for (size_t i = 0; i < live->delete_count; i++) {
        const data_file *file = &live->deletes[i].file;

        if (data_file_is_vector(file)) {
            FIRN_AUTO(roaring64_freep) roaring64 *vector = NULL;

            if (strcmp(file->referenced_data_file, path) != 0) continue;
            FIRN_TRY(deletion_vector_read(files, file, &vector, err));
            FIRN_TRY(roaring64_add_all(deleted, vector, err));
        } else if (file->content == DATA_FILE_POSITION_DELETES) {
            FIRN_TRY(position_delete_set_read(set, files, file, path, err));
        }
    }
    if (!position_delete_set_get(set, path)) return FIRN_OK;
    return roaring64_add_all(deleted, position_delete_set_get(set, path), err);
}

firn_status
table_deletes_print(catalog *c, storage *files, const table_ident *ident, firn_error *err)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *t = NULL;
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    live_files live;

    FIRN_TRY(c->ops->load(c, ident, &t, err));
    FIRN_TRY(live_files_read(t, t->current_snapshot, files, &arena, &live, err));
    printf("{");
    for (size_t i = 0; i < live.data_count; i++) {
        FIRN_AUTO(roaring64_freep) roaring64 *deleted = roaring64_new();
        uint64_t rows[10];
        size_t   count;

        FIRN_TRY(add_deleted(files, &live, live.data[i].file.path, deleted, err));
        count = roaring64_read(deleted, 0, rows, FIRN_COUNT(rows));
        printf("%s\"%s\":{\"records\":%" PRId64 ",\"count\":%" PRIu64 ",\"rows\":[", i ? "," : "",
               live.data[i].file.path, live.data[i].file.record_count, roaring64_count(deleted));
        for (size_t k = 0; k < count; k++) printf("%s%" PRIu64, k ? "," : "", rows[k]);
        printf("]}");
    }
    printf("}\n");
    return FIRN_OK;
}
