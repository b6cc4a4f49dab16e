#include "validate/validate_job.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "catalog/table_names.h"
#include "state/schema_changes_table.h"
#include "state/status_table.h"
#include "state/table_properties.h"
#include "validate/validate_table.h"

typedef struct job {
    validate_context     ctx;
    firn_arena           arena;
    const source_table **tables; /* biggest first */
    unsigned             table_count;
    _Atomic unsigned     next;
    bool                 is_frozen;
    validate_result     *result;
} job;

const char *
validate_state_name(validate_state state)
{
    static const char *const names[] = {"equal", "different", "missing", "extra", "repaired", "failed"};

    return names[state];
}

void
validate_result_done(validate_result *result)
{
    for (unsigned i = 0; i < result->table_count; i++) {
        firn_free(result->tables[i].error);
        firn_arena_done(&result->tables[i].arena);
    }
    firn_arena_done(&result->arena);
    *result = (validate_result){0};
}

/* ---- which tables ---- */

static bool
is_wanted(const validate_settings *s, const char *name)
{
    if (name[0] == '_' && (strcmp(name, STATUS_TABLE_NAME) == 0 || strcmp(name, SCHEMA_CHANGES_TABLE_NAME) == 0)) return false;
    return !s->wants || s->wants(s->state, name);
}

static int
bigger_first(const void *a, const void *b)
{
    const source_table *left = *(const source_table *const *) a, *right = *(const source_table *const *) b;

    if (left->size_bytes != right->size_bytes) return left->size_bytes > right->size_bytes ? -1 : 1;
    return strcmp(left->name, right->name);
}

static bool
in_source(const source_tables *all, const char *name)
{
    for (unsigned i = 0; i < all->count; i++) {
        if (strcmp(all->tables[i].name, name) == 0) return true;
    }
    return false;
}

typedef struct extra_search {
    job                 *job;
    const source_tables *all;
    table_names          names;
} extra_search;

static firn_status
visit_lake_table(void *state, const char *name, firn_error *err)
{
    extra_search *e = state;

    if (!is_wanted(e->job->ctx.settings, name) || in_source(e->all, name)) return FIRN_OK;
    return table_names_add(&e->names, name, err);
}

static firn_status
find_tables(job *j, firn_error *err)
{
    const validate_settings *s = j->ctx.settings;
    validate_result         *result = j->result;
    source_tables            all = {0};
    extra_search             extra = {.job = j, .all = &all, .names = {.arena = &result->arena}};
    table_ident ident = {.namespace_levels = s->namespace_levels, .level_count = s->namespace_level_count};

    FIRN_TRY(j->ctx.src->ops->list(j->ctx.src, &j->arena, &all, err));
    j->tables = firn_arena_array(&j->arena, all.count + 1, sizeof *j->tables);
    if (!j->tables) return firn_fail_memory(err, "the list of tables");
    for (unsigned i = 0; i < all.count; i++) {
        const source_table *table = &all.tables[i];

        if ((table->kind == TABLE_ORDINARY || table->kind == TABLE_PARTITIONED) && is_wanted(s, table->name))
            j->tables[j->table_count++] = table;
    }
    qsort(j->tables, j->table_count, sizeof *j->tables, bigger_first);
    if (s->check_missing) FIRN_TRY(j->ctx.lake->ops->list(j->ctx.lake, &ident, visit_lake_table, &extra, err));
    result->tables = firn_arena_array(&result->arena, j->table_count + extra.names.count + 1, sizeof *result->tables);
    if (!result->tables) return firn_fail_memory(err, "the list of tables");
    for (unsigned i = 0; i < j->table_count; i++) {
        result->tables[i].name = firn_arena_strdup(&result->arena, j->tables[i]->name);
        if (!result->tables[i].name) return firn_fail_memory(err, "the list of tables");
        result->tables[i].state = VALIDATE_FAILED;
    }
    result->table_count = j->table_count;
    for (unsigned i = 0; i < extra.names.count; i++)
        result->tables[result->table_count++] = (validate_table_result){.name = extra.names.names[i], .state = VALIDATE_EXTRA};
    if (result->table_count) return FIRN_OK;
    return firn_fail(err, FIRN_E_LOAD_NOTHING_MATCHES, "no table of schema '%s' matches", s->schema_name);
}

/* ---- one worker ---- */

static firn_status
keep_error(validate_table_result *result, const firn_error *cause, firn_error *err)
{
    result->state = VALIDATE_FAILED;
    result->error = firn_alloc(sizeof *result->error);
    if (!result->error) return firn_fail_memory(err, "a table's error");
    *result->error = *cause;
    return FIRN_OK;
}

static firn_status
table_worker(void *state, firn_error *err)
{
    job                     *j = state;
    const validate_settings *s = j->ctx.settings;

    for (;;) {
        unsigned   index = atomic_fetch_add(&j->next, 1);
        firn_error cause = {0};
        int64_t    started_us = firn_clock_now_us();

        if (index >= j->table_count || task_cancel_requested(j->ctx.cancel)) return FIRN_OK;
        validate_table_result *result = &j->result->tables[index];
        firn_status            status = validate_table(&j->ctx, j->tables[index], result, &cause);
        result->elapsed_ms = (firn_clock_now_us() - started_us) / 1000;
        if (status && result->state != VALIDATE_MISSING) FIRN_TRY(keep_error(result, &cause, err));
        if (s->tell) s->tell(s->tell_state, result);
    }
}

static firn_status
run_workers(job *j, firn_error *err)
{
    FIRN_AUTO(task_group_freep) task_group *group = task_group_new(NULL);
    const validate_settings                *s = j->ctx.settings;
    unsigned count = s->table_worker_count < j->table_count ? s->table_worker_count : j->table_count;

    if (!group) return firn_fail_memory(err, "the threads of a job");
    j->ctx.memory_bytes = (size_t) (s->memory_bytes / (count ? count : 1));
    for (unsigned i = 0; i < count; i++) {
        char name[16];

        (void) snprintf(name, sizeof name, "firn:table-%u", i % 1000);
        FIRN_TRY(task_group_spawn(group, name, table_worker, j, err));
    }
    return task_group_join(group, err);
}

/* ---- the verdict ---- */

static int
by_name(const void *a, const void *b)
{
    return strcmp(((const validate_table_result *) a)->name, ((const validate_table_result *) b)->name);
}

static void
count_states(job *j)
{
    validate_result *result = j->result;
    unsigned         kept = 0;

    for (unsigned i = 0; i < result->table_count; i++) {
        if (result->tables[i].state == VALIDATE_MISSING && !j->ctx.settings->check_missing) continue;
        result->tables[kept++] = result->tables[i];
    }
    result->table_count = kept;
    if (kept) qsort(result->tables, kept, sizeof *result->tables, by_name);
    for (unsigned i = 0; i < kept; i++) {
        unsigned *const counts[] = {&result->equal_count, &result->different_count, &result->missing_count,
                                    &result->extra_count, &result->repaired_count,  &result->failed_count};
        (*counts[result->tables[i].state])++;
    }
}

static firn_status
job_verdict(const job *j, firn_error *err)
{
    const validate_result *r = j->result;

    if (task_cancel_requested(j->ctx.cancel)) return firn_fail(err, FIRN_E_CANCELLED, "stopped by a signal");
    if (r->failed_count) {
        (void) firn_fail(err, FIRN_E_VALIDATE_TABLES_FAILED, "%u of %u tables could not be compared", r->failed_count,
                         r->table_count);
        firn_state(err, "%u tables are equal, %u differ", r->equal_count, r->different_count);
        return err->status;
    }
    if (!r->different_count && !r->missing_count && !r->extra_count) return FIRN_OK;
    (void) firn_fail(err, FIRN_E_VALIDATE_DIFFERS, "%u of %u tables differ", r->table_count - r->equal_count - r->repaired_count,
                     r->table_count);
    if (r->missing_count) firn_hint(err, "`firn load` loads the tables that are missing");
    else if (!j->ctx.settings->deep)
        firn_hint(err, "--deep shows the rows that differ; changes since the lake's position are differences, too");
    else
        firn_hint(err, "%s--repair writes the source's rows",
                  r->is_joint ? "" : "changes since the lake's position are differences, too; ");
    firn_state(err, "%u tables were repaired, nothing else was changed; the source was read as of %s", r->repaired_count,
               r->point.position);
    return err->status;
}

static void
job_done(job *j)
{
    firn_arena_done(&j->arena);
}

/* ---- one position ---- */

static firn_status
find_followed(const job *j, bool *ret_any, firn_error *err)
{
    const validate_settings *s = j->ctx.settings;

    *ret_any = false;
    for (unsigned i = 0; i < j->table_count && !*ret_any; i++) {
        FIRN_AUTO(table_metadata_unrefp) table_metadata *table = NULL;
        table_ident ident = {s->namespace_levels, s->namespace_level_count, j->tables[i]->name};
        firn_status status = j->ctx.lake->ops->load(j->ctx.lake, &ident, &table, err);

        if (!status) *ret_any = table_follow_state_of(table) == TABLE_FOLLOWING;
        /* The table's own look at it says what is wrong. */
        else
            firn_error_reset(err);
    }
    return task_cancel_requested(j->ctx.cancel) ? firn_fail(err, FIRN_E_CANCELLED, "stopped by a signal") : FIRN_OK;
}

/* Describing a table locks it: what is emptied or rewritten behind the snapshot's back is lost to it. Bringing the lake
 * takes its time, and a table that fails here will say why in its turn. */
static firn_status
lock_tables(job *j, firn_error *err)
{
    const validate_settings *s = j->ctx.settings;

    for (unsigned i = 0; i < j->table_count; i++) {
        FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
        source_description *described = NULL;
        const table_rules  *rules = s->rules_of(s->state, j->tables[i]->name);

        if (j->ctx.src->ops->describe(j->ctx.src, j->tables[i], rules, &arena, &described, err) == FIRN_OK)
            schema_unref(described->schema);
        else
            firn_error_reset(err);
    }
    return task_cancel_requested(j->ctx.cancel) ? firn_fail(err, FIRN_E_CANCELLED, "stopped by a signal") : FIRN_OK;
}

/* The new slot's snapshot: what it has not will come through the slot. */
static firn_status
take_slot(job *j, firn_error *err)
{
    source       *src = j->ctx.src;
    source_point *point = &j->result->point;

    if (src->ops->prepare) FIRN_TRY(src->ops->prepare(src, j->tables, j->table_count, j->ctx.settings->resync, err));
    if (src->ops->freeze(src, point, err)) return firn_while(err, "taking the snapshot of the source");
    j->is_frozen = true;
    if (!point->slot_created) {
        (void) firn_fail(err, FIRN_E_FOLLOW_RESYNC_UNFINISHED, "the replication slot from which following would go on could not be made");
        firn_hint(err, "the warnings before say why; `firn check` prints the SQL that helps");
        return err->status;
    }
    j->ctx.resync = (resync_point){.position = point->position, .identity = point->identity, .visible = point->visible};
    return lock_tables(j, err);
}

/* The snapshot of the source, and the lake brought to it, where both can be had. */
static firn_status
take_point(job *j, const validate_guide *guide, firn_error *err)
{
    source       *src = j->ctx.src;
    source_point *point = &j->result->point;
    bool          is_ready = false;

    if (guide) FIRN_TRY(guide->begin(guide->state, &is_ready, err));
    if (is_ready && src->ops->prepare) FIRN_TRY(src->ops->prepare(src, NULL, 0, &guide->teller, err));
    if (src->ops->freeze(src, point, err)) return firn_while(err, "taking the snapshot of the source");
    j->is_frozen = true;
    if (!is_ready || !point->exact) return FIRN_OK;
    FIRN_TRY(lock_tables(j, err));
    FIRN_TRY(guide->bring(guide->state, point->position, &j->result->is_joint, err));
    if (j->result->is_joint) j->ctx.joint_position = point->position;
    return FIRN_OK;
}

static firn_status
run(job *j, firn_error *err)
{
    const validate_settings *s = j->ctx.settings;
    bool                     is_followed = false;

    if (s->guide && (s->deep || s->repair)) FIRN_TRY(find_followed(j, &is_followed, err));
    const validate_guide *guide = is_followed ? s->guide : NULL;
    firn_status           status = s->resync ? take_slot(j, err) : take_point(j, guide, err);
    if (guide) guide->end(guide->state);
    if (status) return status;
    FIRN_TRY(run_workers(j, err));
    count_states(j);
    return job_verdict(j, err);
}

firn_status
validate_run(const validate_settings *settings, source *src, catalog *lake, task_cancel *cancel,
             validate_result *ret_result, firn_error *err)
{
    FIRN_AUTO(job_done) job j = {.ctx = {.settings = settings, .src = src, .lake = lake, .cancel = cancel},
                                 .result = ret_result};
    int64_t     started_us = firn_clock_now_us();
    firn_status status;

    FIRN_TRY(find_tables(&j, err));
    status = run(&j, err);
    if (j.is_frozen) src->ops->thaw(src);
    ret_result->elapsed_ms = (firn_clock_now_us() - started_us) / 1000;
    return status;
}
