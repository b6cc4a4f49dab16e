#include "maintain/maintain_table.h"

#include "maintain/compact_step.h"
#include "maintain/delete_step.h"
#include "maintain/expire_step.h"
#include "maintain/manifest_step.h"
#include "maintain/orphan_step.h"
#include "maintain/table_measure.h"
#include "state/schema_changes_table.h"
#include "state/status_table.h"

static bool
is_own_table(const char *name)
{
    return strcmp(name, STATUS_TABLE_NAME) == 0 || strcmp(name, SCHEMA_CHANGES_TABLE_NAME) == 0;
}

static void
maintain_task_done(maintain_task *t)
{
    table_metadata_unref(t->table);
}

static firn_status
run_steps(maintain_task *t, firn_error *err)
{
    static const struct {
        maintain_step step;
        firn_status (*run)(maintain_task *t, firn_error *err);
    } steps[] = {
        {MAINTAIN_COMPACT, compact_step_run},
        {MAINTAIN_DELETES, delete_step_run},
        {MAINTAIN_MANIFESTS, manifest_step_run},
        {MAINTAIN_EXPIRE, expire_step_run},
        {MAINTAIN_ORPHANS, orphan_step_run},
    };

    for (size_t i = 0; i < FIRN_COUNT(steps); i++) {
        if (!(t->settings->steps & steps[i].step)) continue;
        FIRN_TRY(maintain_task_check(t, err));
        FIRN_TRY(steps[i].run(t, err));
    }
    return FIRN_OK;
}

/* A dry run has changed the figures that it foresees, from those before. */
static firn_status
measure_after(maintain_task *t, firn_error *err)
{
    maintain_result *r = t->result;

    if (!t->settings->dry_run) return table_measure(t->table, t->lake->files, &r->after, err);
    r->after.snapshot_count -= r->expired_snapshot_count;
    return FIRN_OK;
}

firn_status
maintain_table(const maintain_settings *settings, maintain_budget budget, catalog *lake, const table_ident *ident,
               task_cancel *cancel, maintain_result *ret_result, firn_error *err)
{
    FIRN_AUTO(maintain_task_done) maintain_task t = {
        .settings = settings,
        .budget = budget,
        .lake = lake,
        .ident = ident,
        .cancel = cancel,
        .result = ret_result,
        .is_own = is_own_table(ident->name),
    };

    *ret_result = (maintain_result){0};
    FIRN_TRY(maintain_task_reload(&t, err));
    FIRN_TRY(table_measure(t.table, lake->files, &ret_result->before, err));
    ret_result->after = ret_result->before;
    FIRN_TRY(run_steps(&t, err));
    return measure_after(&t, err);
}
