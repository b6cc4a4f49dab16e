/*
 * Workers: spawn, first error wins, join.
 */
#ifndef FIRN_TASK_GROUP_H
#define FIRN_TASK_GROUP_H

#include "base/error.h"
#include "task/cancel.h"

typedef struct task_group task_group;
/* `cancel` is requested when a worker fails; borrowed; may be NULL. */
FIRN_MUST_USE task_group *task_group_new(task_cancel *cancel);
/* Runs work(state, err) in a thread named `name` (at most 15 bytes). Only from the thread that joins. */
FIRN_MUST_USE firn_status task_group_spawn(task_group *group, const char *name,
                                           firn_status (*work)(void *state, firn_error *err), void *state,
                                           firn_error *err);
/* Waits for all; the first error that is not FIRN_CANCELLED, else FIRN_CANCELLED, else FIRN_OK. The group is
 * empty then and can be used again. */
FIRN_MUST_USE firn_status task_group_join(task_group *group, firn_error *err);
void                      task_group_free(task_group *group); /* joins */

/* Processors that this process may use. */
unsigned task_cpu_count(void);

FIRN_DEFINE_FREEP(task_group, task_group_free)

#endif
