/*
 * Compaction of a table, in rounds (compact_round.h) until there is nothing left to do or the budget is used up. Groups
 * that other writers got in the way of are planned again, some times.
 */
#ifndef FIRN_MAINTAIN_COMPACT_STEP_H
#define FIRN_MAINTAIN_COMPACT_STEP_H

#include "maintain/maintain_task.h"

FIRN_MUST_USE firn_status compact_step_run(maintain_task *t, firn_error *err);

#endif
