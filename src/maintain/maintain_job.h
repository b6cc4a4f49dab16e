/*
 * All tables of a namespace, one after another: a table that fails is told, and the others go on, unless there is no room to write.
 */
#ifndef FIRN_MAINTAIN_MAINTAIN_JOB_H
#define FIRN_MAINTAIN_MAINTAIN_JOB_H

#include "maintain/maintain_table.h"

typedef struct maintain_table_line {
    const char      *name;
    maintain_result  result;
    const firn_error *error; /* NULL: it went well */
    int64_t          elapsed_ms;
} maintain_table_line;

typedef struct maintain_summary {
    firn_arena           arena;
    maintain_table_line *tables; /* by name */
    unsigned             table_count, failed_count;
    int64_t              elapsed_ms;
} maintain_summary;
void maintain_summary_done(maintain_summary *summary);

typedef struct maintain_job {
    const maintain_settings *settings;
    catalog                 *lake;
    const char *const       *namespace_levels;
    unsigned                 level_count;
    /* Whether a table is wanted; NULL: all are. */
    bool (*wants)(const void *state, const char *table);
    const void *state;
    /* Called after each table; may be NULL. */
    void (*tell)(void *tell_state, const maintain_table_line *line);
    void *tell_state;
} maintain_job;

/*
 * FIRN_NOT_FOUND: no table is wanted. FIRN_FAILED (MAINTAIN_TABLES_FAILED): some failed; the summary has them all. FIRN_IO
 * (STORAGE_FULL): the job ended with the last table of the summary, since the disk is full for the others as well.
 */
FIRN_MUST_USE firn_status maintain_job_run(const maintain_job *job, task_cancel *cancel, maintain_summary *ret_summary,
                                           firn_error *err);

#endif
