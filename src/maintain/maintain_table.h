/*
 * One table maintained: the steps in their order, each on what the one before has left. Every step is safe beside other
 * writers and stands for itself: stopped or killed at any point, the table is as before or as after a step.
 *
 * From inside follow: the same call, with a budget, between two commits of its own; `pending` is follow's own list. What
 * it commits are snapshots "replace" with firn.commit-id, which no other commit has: the key index rebases over them.
 */
#ifndef FIRN_MAINTAIN_MAINTAIN_TABLE_H
#define FIRN_MAINTAIN_MAINTAIN_TABLE_H

#include "maintain/maintain_settings.h"

/* *ret_result is filled as far as it came, also on failure. `cancel` may be NULL. */
FIRN_MUST_USE firn_status maintain_table(const maintain_settings *settings, maintain_budget budget, catalog *lake,
                                         const table_ident *ident, task_cancel *cancel, maintain_result *ret_result,
                                         firn_error *err);

#endif
