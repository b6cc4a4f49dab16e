#include "maintain/maintain_folder.h"

#include "base/log.h"
#include "catalog/commit.h"
#include "iceberg/file_names.h"
#include "storage/location.h"

typedef struct settle_state {
    catalog           *lake;
    const char *const *levels;
    unsigned           level_count;
} settle_state;

/* As after a killed load: in the table, or never offered; where nobody can tell, the files stay (they are orphans once
 * they are old). */
static firn_status
settle(void *state, const pending_commit *commit, pending_verdict *ret_verdict, firn_error *err)
{
    const settle_state *s = state;
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = NULL;
    table_ident ident = {s->levels, s->level_count, commit->table};
    firn_status status = s->lake->ops->load(s->lake, &ident, &table, err);
    const char *data;

    *ret_verdict = PENDING_LEAVE;
    if (status == FIRN_NOT_FOUND) {
        firn_error_reset(err);
        return FIRN_OK;
    }
    FIRN_TRY(status);
    data = file_name_data_folder(&arena, table->location);
    if (!data) return firn_fail_memory(err, "a location");
    if (!location_equal(data, commit->data_location)) return FIRN_OK;
    if (catalog_has_commit(table, commit->commit_id)) *ret_verdict = PENDING_KEEP;
    else if (!commit->offered)
        *ret_verdict = PENDING_REMOVE;
    return FIRN_OK;
}

firn_status
maintain_folder_open(const char *state_folder, const char *run_id, catalog *lake, const char *const *namespace_levels,
                     unsigned level_count, maintain_folder *ret_folder, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(maintain_folder_done) maintain_folder folder = {0};
    settle_state     state = {lake, namespace_levels, level_count};
    pending_recovery counts = {0};
    firn_error       failed = {0};
    const char      *own = firn_arena_printf(&arena, "%s/maintain", state_folder);
    const char      *lock = own ? firn_arena_printf(&arena, "%s/lock", own) : NULL;

    if (!lock) return firn_fail_memory(err, "a path");
    FIRN_TRY(file_lock_take(lock, "firn maintain", &folder.lock, err));
    // What cannot be cleaned up is no reason to stop: the next run tries it again.
    if (pending_files_recover(own, lake->files, settle, &state, &counts, &failed))
        log_debug("files of an earlier run could not be looked after: %s", failed.cause);
    folder.removed_file_count = counts.removed_file_count;
    FIRN_TRY(pending_files_open(own, run_id, &folder.pending, err));
    *ret_folder = folder;
    folder = (maintain_folder){0};
    return FIRN_OK;
}

firn_status
maintain_folder_close(maintain_folder *folder, firn_error *err)
{
    return folder->pending ? pending_files_close(folder->pending, err) : FIRN_OK;
}

void
maintain_folder_done(maintain_folder *folder)
{
    pending_files_free(folder->pending);
    file_lock_free(folder->lock);
    *folder = (maintain_folder){0};
}
