#include "load/run_folder.h"

#include "base/uuid.h"
#include "catalog/commit.h"
#include "iceberg/file_names.h"
#include "load/load_checkpoint.h"
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
    *ret_data_location = file_name_data_folder(arena, location);
    return *ret_data_location ? FIRN_OK : firn_fail_memory(err, "a location");
}

/* What the list of finished splits has of a commit, or NULL. */
static ledger_table *
find_kept(const load_context *ctx, const char *commit_id)
{
    split_ledger *ledger = load_checkpoint_kept(ctx->checkpoint);

    return ledger ? split_ledger_find_commit(ledger, commit_id) : NULL;
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
 *
 * A commit that this run goes on with is in its own list. Where it was offered, only the same files may be offered
 * again under its id: unless every split was done, the table begins anew.
 */
static firn_status
settle_commit(void *state, const pending_commit *commit, pending_verdict *ret_verdict, firn_error *err)
{
    const load_context *ctx = state;
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = NULL;
    const char   *data_location = NULL;
    ledger_table *kept = find_kept(ctx, commit->commit_id);

    FIRN_TRY(find_table(ctx, commit->table, &arena, &table, &data_location, err));
    if (!location_equal(data_location, commit->data_location)) *ret_verdict = PENDING_LEAVE;
    else if (table && catalog_has_commit(table, commit->commit_id))
        *ret_verdict = PENDING_KEEP;
    else if (commit->offered && kept && kept->done_count == kept->piece_count)
        return *ret_verdict = PENDING_KEEP, FIRN_OK;
    else
        *ret_verdict = commit->offered ? PENDING_LEAVE : PENDING_REMOVE;
    if (*ret_verdict == PENDING_LEAVE) tell_left(ctx, commit);
    if (!kept || *ret_verdict == PENDING_REMOVE) return FIRN_OK;
    kept->dropped = true;
    return pending_files_end(ctx->pending, commit->commit_id, err);
}

static bool
is_kept(void *state, const char *commit_id, const char *path)
{
    const load_context *ctx = state;
    const split_ledger *ledger = load_checkpoint_kept(ctx->checkpoint);

    return ledger && split_ledger_has_file(ledger, commit_id, path);
}

/* What cannot be cleaned up is no reason not to load: it is said, and tried again by the next run. */
static void
recover(load_context *ctx, const char *run_id)
{
    pending_recovery     counts = {0};
    firn_error           failed = {0};
    const pending_except except = {.run_id = run_id, .keeps = is_kept, .state = ctx};
    char                 message[FIRN_ERROR_TEXT_MAX];

    if (pending_files_recover_except(ctx->settings->state_folder, ctx->lake->files, settle_commit, ctx, &except, &counts,
                                     &failed))
        load_tell(ctx, LOAD_EVENT_WARNING, NULL, "files of an earlier run that died could not be looked after", &failed);
    if (!counts.removed_file_count) return;
    (void) snprintf(message, sizeof message, "removed %zu data files that an earlier run left behind when it died",
                    counts.removed_file_count);
    load_tell(ctx, LOAD_EVENT_WARNING, NULL, message, NULL);
}

/* ---- this run ---- */

/* What an earlier run has done is this one's to look after, before that one's list goes. */
static firn_status
note_kept(const load_context *ctx, firn_error *err)
{
    const split_ledger *ledger = load_checkpoint_kept(ctx->checkpoint);

    for (const ledger_table *t = ledger ? split_ledger_first(ledger) : NULL; t; t = t->next) {
        for (unsigned i = 0; i < t->files.count && !t->dropped; i++)
            FIRN_TRY(pending_files_add(ctx->pending, t->line.table, t->line.data_location, t->commit,
                                       t->files.files[i].path, err));
    }
    return FIRN_OK;
}

firn_status
run_folder_open(load_context *ctx, run_folder *ret_folder, firn_error *err)
{
    const load_settings *s = ctx->settings;
    char                 made_id[UUID_TEXT_SIZE];
    const char          *run_id = s->run_id ? s->run_id : made_id;

    if (!s->state_folder) return FIRN_OK;
    uuid_format(uuid_v7(), made_id);
    FIRN_TRY(pending_files_open(s->state_folder, run_id, &ret_folder->pending, err));
    ctx->pending = ret_folder->pending;
    FIRN_TRY(note_kept(ctx, err));
    recover(ctx, run_id);
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
    *folder = (run_folder){0};
}
