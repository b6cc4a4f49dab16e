#include "maintain/maintain_folder.h"

#include "base/log.h"
#include "state/dead_commit.h"

firn_status
maintain_folder_open(const char *state_folder, const char *run_id, catalog *lake, const char *const *namespace_levels,
                     unsigned level_count, maintain_folder *ret_folder, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(maintain_folder_done) maintain_folder folder = {0};
    dead_commit_lake state = {lake, namespace_levels, level_count};
    pending_recovery counts = {0};
    firn_error       failed = {0};
    const char      *own = firn_arena_printf(&arena, "%s/maintain", state_folder);
    const char      *lock = own ? firn_arena_printf(&arena, "%s/lock", own) : NULL;

    if (!lock) return firn_fail_memory(err, "a path");
    FIRN_TRY(file_lock_take(lock, "firn maintain", &folder.lock, err));
    // What cannot be cleaned up is no reason to stop: the next run tries it again.
    if (pending_files_recover(own, lake->files, dead_commit_settle, &state, &counts, &failed))
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
