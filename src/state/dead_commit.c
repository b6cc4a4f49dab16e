#include "state/dead_commit.h"

#include "catalog/commit.h"
#include "iceberg/file_names.h"
#include "storage/location.h"

firn_status
dead_commit_settle(void *lake, const pending_commit *commit, pending_verdict *ret_verdict, firn_error *err)
{
    const dead_commit_lake *s = lake;
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = NULL;
    table_ident ident = {s->namespace_levels, s->level_count, commit->table};
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
