#include "follow/table_index.h"

#include <string.h>

#include "base/alloc.h"
#include "index/index_rebuild.h"
#include "index/key_codec.h"

struct table_index {
    table_index_settings settings;
    firn_arena           arena;
    int32_t             *key_ids;
    key_index           *index;
    uint64_t             generation;
};

void
table_index_free(table_index *index)
{
    if (!index) return;
    key_index_free(index->index);
    firn_arena_done(&index->arena);
    firn_free(index);
}

bool
table_index_is_of(const table_index *index, const int32_t key_field_ids[], unsigned key_count)
{
    if (index->settings.key_count != key_count) return false;
    for (unsigned k = 0; k < key_count; k++) {
        if (index->key_ids[k] != key_field_ids[k]) return false;
    }
    return true;
}

uint64_t
table_index_generation(const table_index *index)
{
    return index->generation;
}

/* ---- keys ---- */

firn_status
table_index_hash(const table_index *index, table_schema *schema, const struct ArrowArray *rows, key_hash ret_hashes[],
                 firn_error *err)
{
    FIRN_AUTO(key_codec_freep) key_codec *codec = NULL;

    FIRN_TRY(key_codec_new(schema, index->key_ids, index->settings.key_count, &codec, err));
    FIRN_TRY(key_codec_hash(codec, key_index_seed(index->index), rows, ret_hashes, err));
    /* Copies of a row are told apart by the rest of the low half (key_index.h). */
    for (int64_t row = 0; !index->settings.key_count && row < rows->length; row++) ret_hashes[row].low &= INT32_MAX;
    return FIRN_OK;
}

/* ---- life ---- */

static index_rebuild_settings
rebuild_settings(const table_index *index, const table_metadata *table)
{
    const table_index_settings *s = &index->settings;

    return (index_rebuild_settings){.index = {.folder = s->folder, .memory_bytes_max = s->memory_bytes_max},
                                    .files = s->files,
                                    .table = table,
                                    .key_ids = index->key_ids,
                                    .key_count = s->key_count,
                                    .memory_bytes_max = s->memory_bytes_max,
                                    .cancel = s->cancel,
                                    .progress = s->progress,
                                    .progress_state = s->tell_state,
                                    .building = s->tell,
                                    .building_state = s->tell_state};
}

static firn_status
open_current(table_index *index, const table_metadata *table, firn_error *err)
{
    index_rebuild_settings settings = rebuild_settings(index, table);
    bool                   rebuilt = false;

    FIRN_TRY(index_open_current(&settings, &index->index, &rebuilt, err));
    if (rebuilt) index->generation++;
    return FIRN_OK;
}

firn_status
table_index_open(const table_index_settings *settings, const table_metadata *table, table_index **ret_index, firn_error *err)
{
    FIRN_AUTO(table_index_freep) table_index *index = firn_calloc(1, sizeof *index);

    if (!index) return firn_fail_memory(err, "a key index");
    index->settings = *settings;
    index->settings.folder = firn_arena_strdup(&index->arena, settings->folder);
    index->key_ids = firn_arena_array(&index->arena, settings->key_count + 1, sizeof *index->key_ids);
    if (!index->settings.folder || !index->key_ids) return firn_fail_memory(err, "a key index");
    for (unsigned k = 0; k < settings->key_count; k++) index->key_ids[k] = settings->key_field_ids[k];
    index->settings.key_field_ids = index->key_ids;
    FIRN_TRY(open_current(index, table, err));
    index->settings.tell = NULL; /* their state need not outlive this call */
    index->settings.progress = NULL;
    *ret_index = FIRN_STEAL(index);
    return FIRN_OK;
}

bool
table_index_is_at(const table_index *index, const table_metadata *table)
{
    index_rebuild_settings settings = rebuild_settings(index, table);
    index_state            wanted;
    firn_error             unknown = {0};

    if (!index->index || index_state_of_table(&settings, &wanted, &unknown)) return false;
    const index_state *is = key_index_state(index->index);
    return is->snapshot_id == wanted.snapshot_id && is->key_shape == wanted.key_shape &&
           memcmp(&is->table_uuid, &wanted.table_uuid, sizeof wanted.table_uuid) == 0;
}

firn_status
table_index_catch_up(table_index *index, const table_metadata *table, firn_error *err)
{
    index_rebuild_settings settings = rebuild_settings(index, table);
    bool                   done = false;

    if (!index->index) return open_current(index, table, err); /* it was to be built anew, and that failed */
    firn_status status = index_catch_up(&settings, index->index, &done, err);
    if (status == FIRN_OK && done) return FIRN_OK;
    if (status != FIRN_OK && err->code != FIRN_E_INDEX_LIMIT) return status;
    firn_error_reset(err);
    key_index_free(FIRN_STEAL(index->index));
    return open_current(index, table, err);
}

/* ---- use ---- */

void
table_index_find(const table_index *index, const key_hash keys[], size_t count, uint64_t ret_places[])
{
    key_index_find(index->index, keys, count, ret_places);
}

size_t
table_index_find_copies(const table_index *index, key_hash key, size_t wanted, uint64_t ret_places[])
{
    return key_index_find_copies(index->index, key, wanted, ret_places);
}

const char *
table_index_path(const table_index *index, uint64_t place)
{
    return file_registry_path(key_index_files(index->index), key_place_file(place));
}

uint32_t
table_index_next_file(const table_index *index)
{
    return file_registry_next(key_index_files(index->index));
}

/* The numbers of all files that are there. */
static firn_status
list_files(const file_registry *files, uint32_t **ret_numbers, unsigned *ret_count, firn_error *err)
{
    uint32_t *numbers = firn_calloc(file_registry_count(files) + 1, sizeof *numbers);
    uint32_t  number = 0;
    unsigned  count = 0;

    if (!numbers) return firn_fail_memory(err, "the key index");
    for (uint32_t from = 0; file_registry_from(files, from, &number); from = number + 1) numbers[count++] = number;
    *ret_numbers = numbers;
    *ret_count = count;
    return FIRN_OK;
}

firn_status
table_index_apply(table_index *index, const table_index_commit *commit, firn_error *err)
{
    FIRN_AUTO(firn_freep) uint32_t *removed = NULL;
    index_rebuild_settings settings = rebuild_settings(index, commit->table);
    index_state            state;
    key_index_window       window = {.state = &state,
                               .added_files = commit->added_files,
                               .added_file_count = commit->added_file_count,
                               .changes = commit->changes,
                               .change_count = commit->change_count};

    FIRN_TRY(index_state_of_table(&settings, &state, err));
    if (commit->truncated) FIRN_TRY(list_files(key_index_files(index->index), &removed, &window.removed_file_count, err));
    window.removed_files = removed;
    return key_index_apply(index->index, &window, err);
}
