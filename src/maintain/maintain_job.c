#include "maintain/maintain_job.h"

#include "base/clock.h"
#include "catalog/table_names.h"

#include <stdlib.h>

typedef struct name_list {
    const maintain_job *job;
    table_names         names;
} name_list;

void
maintain_summary_done(maintain_summary *summary)
{
    firn_arena_done(&summary->arena);
    *summary = (maintain_summary){0};
}

static firn_status
add_name(void *state, const char *name, firn_error *err)
{
    name_list *list = state;

    if (list->job->wants && !list->job->wants(list->job->state, name)) return FIRN_OK;
    return table_names_add(&list->names, name, err);
}

static int
compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static firn_status
list_tables(const maintain_job *job, name_list *list, firn_error *err)
{
    table_ident ident = {job->namespace_levels, job->level_count, NULL};

    FIRN_TRY(job->lake->ops->list(job->lake, &ident, add_name, list, err));
    if (list->names.count == 0) {
        (void) firn_fail(err, FIRN_E_LOAD_NOTHING_MATCHES, "no table of the namespace '%s' is to be maintained",
                         job->namespace_levels[job->level_count - 1]);
        firn_hint(err, "check --table-filter, or load the tables first: `firn load`");
        return err->status;
    }
    qsort(list->names.names, list->names.count, sizeof *list->names.names, compare_names);
    return FIRN_OK;
}

/* Whether the job cannot go on: what fails for one table for these reasons fails for all. */
static bool
ends_the_job(firn_status status)
{
    return status == FIRN_CANCELLED || status == FIRN_NO_MEMORY || status == FIRN_BUG;
}

/*
 * A disk that is full is so for every table, and each would write for minutes before it notices. Its error is the job's, and the
 * table's too.
 */
static firn_status
end_for_room(firn_error *failed, firn_error *err)
{
    // The error has its hint already.
    firn_state(failed, "the table is as before or as after a step, and what was written for nothing is removed; compaction needs room "
                       "for the new files beside the old ones, `--only orphans,expire` needs next to none and gives some back");
    *err = *failed;
    return err->status;
}

static firn_status
maintain_one(const maintain_job *job, const char *name, task_cancel *cancel, maintain_summary *summary, firn_error *err)
{
    table_ident          ident = {job->namespace_levels, job->level_count, name};
    maintain_table_line *line = &summary->tables[summary->table_count];
    uint64_t             started_us = firn_clock_monotonic_us();
    firn_error           failed = {0};

    *line = (maintain_table_line){.name = name};
    firn_status status = maintain_table(job->settings, (maintain_budget){0}, job->lake, &ident, cancel, &line->result, &failed);
    line->elapsed_ms = (int64_t) ((firn_clock_monotonic_us() - started_us) / 1000);
    if (status) {
        firn_error *kept = firn_arena_alloc(&summary->arena, sizeof *kept);

        (void) firn_while(&failed, "maintaining '%s'", name);
        if (ends_the_job(status) || !kept) {
            *err = failed;
            return err->status;
        }
        *kept = failed;
        line->error = kept;
        summary->failed_count++;
    }
    summary->table_count++;
    if (job->tell) job->tell(job->tell_state, line);
    return failed.code == FIRN_E_STORAGE_FULL ? end_for_room(&failed, err) : FIRN_OK;
}

firn_status
maintain_job_run(const maintain_job *job, task_cancel *cancel, maintain_summary *ret_summary, firn_error *err)
{
    maintain_summary *summary = ret_summary;
    name_list         list = {.job = job, .names = {.arena = &summary->arena}};
    uint64_t          started_us = firn_clock_monotonic_us();
    firn_status       status = FIRN_OK;

    FIRN_TRY(list_tables(job, &list, err));
    summary->tables = firn_arena_array(&summary->arena, list.names.count, sizeof *summary->tables);
    if (!summary->tables) return firn_fail_memory(err, "a list of tables");
    for (unsigned i = 0; i < list.names.count && !status; i++) status = maintain_one(job, list.names.names[i], cancel, summary, err);
    summary->elapsed_ms = (int64_t) ((firn_clock_monotonic_us() - started_us) / 1000);
    if (status || !summary->failed_count) return status;
    return firn_fail(err, FIRN_E_MAINTAIN_TABLES_FAILED, "%u of %u tables could not be maintained",
                     summary->failed_count, summary->table_count);
}
