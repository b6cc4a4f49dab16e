/*
 * Results of a plan's splits → one Iceberg commit a table, under the id that the plan gave it.
 *
 * A table is committed only when every one of its splits is there, with files that exist in the size that the result
 * says. Of a split that was delivered twice (an executor was lost, or slow) the first result counts; the files of the
 * other stay, as nobody can tell who still looks at them. Committing the same results again changes nothing.
 */
#ifndef FIRN_LOAD_COMMIT_JOB_H
#define FIRN_LOAD_COMMIT_JOB_H

#include "load/split_result.h"

typedef struct commit_job commit_job;

/* Everything is borrowed until the job is freed; `events` may be NULL. */
FIRN_MUST_USE firn_status commit_job_new(const load_settings *settings, catalog *lake, const load_events *events,
                                         task_cancel *cancel, commit_job **ret_job, firn_error *err);
/* One line of the results. FIRN_USAGE (RESULTS_MIXED): of another plan or source than those before. */
FIRN_MUST_USE firn_status commit_job_add(commit_job *job, firn_slice text, uint64_t number, firn_error *err);
/* FIRN_FAILED: some tables were not committed, or the results are torn; *ret_result says which, always done-able. */
FIRN_MUST_USE firn_status commit_job_run(commit_job *job, load_result *ret_result, firn_error *err);
void                      commit_job_free(commit_job *job);
FIRN_DEFINE_FREEP(commit_job, commit_job_free)

#endif
