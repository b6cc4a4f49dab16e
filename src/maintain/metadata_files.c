#include "maintain/metadata_files.h"

#include "base/text.h"
#include "iceberg/file_names.h"
#include "maintain/file_set.h"
#include "maintain/removal_list.h"
#include "storage/location.h"

typedef struct metadata_search {
    const table_metadata *table;
    file_set              log;
    removal_list          list;
} metadata_search;

static void
metadata_search_done(metadata_search *search)
{
    file_set_done(&search->log);
    removal_list_done(&search->list);
}

static firn_status
visit(void *state, const storage_object *object, firn_error *err)
{
    metadata_search *search = state;
    int64_t          version;

    if (!file_name_metadata_version(location_name(object->location), &version)) return FIRN_OK;
    if (version >= search->table->version || file_set_has(&search->log, object->location)) return FIRN_OK;
    return removal_list_add(&search->list, object->location, (int64_t) object->size_bytes, err);
}

/* Hadoop's own clients begin at the hint and fail where it names a version that is gone. */
static firn_status
hint_is_current(const maintain_task *t, const char *folder, bool *ret_current, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    const char *location = location_join(&arena, folder, "version-hint.text");
    firn_error  local = {0};
    firn_slice  digits;
    int64_t     version;

    if (!location) return firn_fail_memory(err, "a location");
    *ret_current = false;
    firn_buffer_init(&text, 64);
    if (storage_read_all(t->lake->files, location, &text, &local) != FIRN_OK) return FIRN_OK;
    digits = firn_buffer_slice(&text);
    while (digits.size && (digits.data[digits.size - 1] == '\n' || digits.data[digits.size - 1] == '\r')) digits.size--;
    *ret_current = text_parse_i64(digits, &version) && version >= t->table->version;
    return FIRN_OK;
}

firn_status
metadata_files_trim(maintain_task *t, firn_error *err)
{
    FIRN_AUTO(metadata_search_done) metadata_search search = {.table = t->table};
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const char *folder = file_name_metadata_folder(&arena, t->table->location);
    bool        current;

    if (t->table->version <= 0) return FIRN_OK; // another kind of catalog
    if (!maintain_property_is(t->table, "write.metadata.delete-after-commit.enabled", t->is_own)) return FIRN_OK;
    if (!folder) return firn_fail_memory(err, "a location");
    FIRN_TRY(hint_is_current(t, folder, &current, err));
    if (!current) return FIRN_OK;
    FIRN_TRY(file_set_init(&search.log, err));
    FIRN_TRY(removal_list_init(&search.list, t->table->location, err));
    for (unsigned i = 0; i < t->table->metadata_log_count; i++)
        FIRN_TRY(file_set_add(&search.log, t->table->metadata_log[i].metadata_file, err));
    FIRN_TRY(t->lake->files->ops->list(t->lake->files, folder, visit, &search, err));
    return removal_list_apply(&search.list, t, err);
}
