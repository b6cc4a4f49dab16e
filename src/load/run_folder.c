#include "load/run_folder.h"

#include "base/uuid.h"
#include "catalog/commit.h"
#include "storage/location.h"

#include <stdio.h>

/* ---- what dead runs left ---- */

/* The table as the catalog has it, and where its data lies; *ret_table NULL: it is not there. */
static firn_status
find_table(const load_context *ctx, const char *name, firn_arena *arena, table_metadata **ret_table,
           const char **ret_data_location, firn_error *err)
{
    const load_settings *s = ctx->settings;
    table_ident  ident = {.namespace_levels = s->namespace_levels, .level_count = s->namespace_level_count, .name = name};
    const char  *location = NULL;
    firn_status  status = ctx->lake->ops->load(ctx->lake, &ident, ret_table, err);

    if (status == FIRN_NOT_FOUND) {
        firn_error_reset(err);
        FIRN_TRY(ctx->lake->ops->location(ctx->lake, &ident, arena, &location, err));
    } else {
        FIRN_TRY(status);
        location = (*ret_table)->location;
    }
    *ret_data_location = load_data_location(arena, location);
    return *ret_data_location ? FIRN_OK : firn_fail_memory(err, "a location");
}

static void
tell_left(const load_context *ctx, const pending_commit *commit)
{
    char message[FIRN_ERROR_TEXT_MAX];

    (void) snprintf(message, sizeof message,
                    "%zu files of commit %s stay: run %s died while it was committed, and the table does not have it",
                    commit->file_count, commit->commit_id, commit->run_id);
    load_tell(ctx, LOAD_EVENT_TABLE_WARNING, commit->table, message, NULL);
}

/*
 * The commit is in the table: its files belong to it. It was never offered: nobody will ever ask for them. It was
 * offered and is not there: it may have been applied and expired, or (another catalog) still be on its way, so nothing
 * is removed. A list that speaks of another place than the catalog is not believed.
 */
static firn_status
settle_commit(void *state, const pending_commit *commit, pending_verdict *ret_verdict, firn_error *err)
{
    const load_context *ctx = state;
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = NULL;
    const char *data_location = NULL;

    FIRN_TRY(find_table(ctx, commit->table, &arena, &table, &data_location, err));
    if (!location_equal(data_location, commit->data_location)) *ret_verdict = PENDING_LEAVE;
    else if (table && catalog_has_commit(table, commit->commit_id))
        *ret_verdict = PENDING_KEEP;
    else
        *ret_verdict = commit->offered ? PENDING_LEAVE : PENDING_REMOVE;
    if (*ret_verdict == PENDING_LEAVE) tell_left(ctx, commit);
    return FIRN_OK;
}

/* What cannot be cleaned up is no reason not to load: it is said, and tried again by the next run. */
static void
recover(const load_context *ctx)
{
    pending_recovery counts = {0};
    firn_error       failed = {0};
    char             message[FIRN_ERROR_TEXT_MAX];

    if (pending_files_recover(ctx->settings->state_folder, ctx->lake->files, settle_commit,
                              (void *) (uintptr_t) ctx, /* only read */
                              &counts, &failed))
        load_tell(ctx, LOAD_EVENT_WARNING, NULL, "files of an earlier run that died could not be looked after", &failed);
    if (!counts.removed_file_count) return;
    (void) snprintf(message, sizeof message, "removed %zu data files that an earlier run left behind when it died",
                    counts.removed_file_count);
    load_tell(ctx, LOAD_EVENT_WARNING, NULL, message, NULL);
}

/* ---- this run ---- */

static firn_status
open_locked(const load_context *ctx, run_folder *folder, firn_error *err)
{
    const load_settings *s = ctx->settings;
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    char        made_id[UUID_TEXT_SIZE];
    const char *path = firn_arena_printf(&arena, "%s/lock", s->state_folder);

    if (!path) return firn_fail_memory(err, "a path");
    FIRN_TRY(file_lock_take(path, "firn load", &folder->lock, err));
    recover(ctx);
    uuid_format(uuid_v7(), made_id);
    return pending_files_open(s->state_folder, s->run_id ? s->run_id : made_id, &folder->pending, err);
}

firn_status
run_folder_open(const load_context *ctx, run_folder *ret_folder, firn_error *err)
{
    run_folder folder = {0};

    if (ctx->settings->state_folder && open_locked(ctx, &folder, err)) {
        run_folder_done(&folder);
        return err->status;
    }
    *ret_folder = folder;
    return FIRN_OK;
}

firn_status
run_folder_close(run_folder *folder, firn_error *err)
{
    return folder->pending ? pending_files_close(folder->pending, err) : FIRN_OK;
}

void
run_folder_done(run_folder *folder)
{
    pending_files_free(folder->pending);
    file_lock_free(folder->lock);
    *folder = (run_folder){0};
}
