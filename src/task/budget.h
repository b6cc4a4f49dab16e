/*
 * Bytes in flight, shared by many threads: whoever reads takes first and waits for room.
 */
#ifndef FIRN_TASK_BUDGET_H
#define FIRN_TASK_BUDGET_H

#include "task/cancel.h"

typedef struct task_budget task_budget;
FIRN_MUST_USE task_budget *task_budget_new(uint64_t limit_bytes);
void                       task_budget_free(task_budget *budget);
/* Waits until the bytes are free (more than the limit waits for an empty budget). False = cancelled.
 * `cancel` may be NULL. */
bool     task_budget_take(task_budget *budget, uint64_t bytes, task_cancel *cancel);
void     task_budget_give(task_budget *budget, uint64_t bytes);
uint64_t task_budget_used(const task_budget *budget);

FIRN_DEFINE_FREEP(task_budget, task_budget_free)

#endif
