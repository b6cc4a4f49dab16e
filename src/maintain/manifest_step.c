#include "maintain/manifest_step.h"

#include "catalog/commit.h"
#include "iceberg/manifest_list.h"
#include "iceberg/manifest_merge.h"

#define TARGET_SIZE_DEFAULT (INT64_C(8) << 20)
#define COUNT_MIN_DEFAULT 10

static manifest_merge_settings
settings_of(const table_metadata *table)
{
    int64_t target = table_metadata_property_i64(table, "commit.manifest.target-size-bytes", TARGET_SIZE_DEFAULT);
    int64_t count = table_metadata_property_i64(table, "commit.manifest.min-count-to-merge", COUNT_MIN_DEFAULT);

    return (manifest_merge_settings){
        .target_size_bytes = target > 0 ? target : TARGET_SIZE_DEFAULT,
        .count_min = count < 2 ? 2 : count > COUNT_MIN_DEFAULT ? COUNT_MIN_DEFAULT : (unsigned) count,
    };
}

/* 0: nothing to do. */
static firn_status
count_mergeable(const maintain_task *t, const manifest_merge_settings *merge, size_t *ret_count, size_t *ret_results,
                firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const manifest_file *manifests = NULL;
    size_t               count = 0;

    *ret_count = 0;
    if (!t->table->current_snapshot || !t->table->current_snapshot->manifest_list) return FIRN_OK;
    FIRN_TRY(manifest_list_read(t->lake->files, t->table->current_snapshot->manifest_list, &arena, &manifests, &count,
                                err));
    *ret_count = manifest_merge_count(merge, manifests, count, ret_results);
    return FIRN_OK;
}

firn_status
manifest_step_run(maintain_task *t, firn_error *err)
{
    table_property summary[MAINTAIN_SUMMARY_MAX];
    table_change   change = {.operation = "replace", .manifest_merge = settings_of(t->table)};
    size_t         count, results = 0;

    if (!maintain_property_is(t->table, "commit.manifest-merge.enabled", true)) {
        maintain_result_note(t->result, "commit.manifest-merge.enabled is false: manifests stay");
        return FIRN_OK;
    }
    if (count_mergeable(t, &change.manifest_merge, &count, &results, err))
        return firn_while(err, "reading the manifests of '%s'", t->ident->name);
    if (count == 0) return FIRN_OK;
    if (t->settings->dry_run) {
        t->result->after.manifest_count -= (int64_t) (count - results);
        return FIRN_OK;
    }
    FIRN_TRY(maintain_task_check(t, err));
    change.summary = summary;
    change.summary_count = maintain_task_summary(t, "manifests", summary);
    table_metadata *now = NULL;
    if (catalog_commit_change(t->lake, t->ident, t->table, &change, t->cancel, &now, err))
        return firn_while(err, "merging the manifests of '%s'", t->ident->name);
    maintain_task_take(t, now);
    return FIRN_OK;
}
