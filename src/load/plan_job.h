/*
 * A load's plan for workers elsewhere: the source is frozen, every table that is not loaded yet is described and cut
 * into splits, and each split becomes a line (split_line.h). The source stays frozen: whoever called keeps it so until
 * the splits are loaded.
 */
#ifndef FIRN_LOAD_PLAN_JOB_H
#define FIRN_LOAD_PLAN_JOB_H

#include "load/split_line.h"

#define PLAN_SPLIT_BYTES_DEFAULT ((uint64_t) 256 << 20)

typedef struct plan_job {
    const load_settings *settings;
    uint64_t             split_size_bytes; /* of the source's table; 0: the default */
    source              *src;
    catalog             *lake;
    const load_events   *events; /* or NULL */
    task_cancel         *cancel;
    /* Takes a line with its newline. */
    firn_status (*put)(void *state, firn_slice line, firn_error *err);
    void *put_state;
} plan_job;

typedef struct plan_job_result {
    source_point point;
    char         plan[UUID_TEXT_SIZE];
    unsigned table_count, loaded_count, failed_count; /* planned, left out as they are loaded, left out with an error */
    uint64_t split_count;
} plan_job_result;

/* FIRN_OK also where tables failed: the result counts them, and they have been told. */
FIRN_MUST_USE firn_status plan_job_run(const plan_job *job, plan_job_result *ret_result, firn_error *err);

#endif
