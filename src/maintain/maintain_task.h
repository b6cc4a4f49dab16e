/*
 * One table at work: what its steps share.
 */
#ifndef FIRN_MAINTAIN_MAINTAIN_TASK_H
#define FIRN_MAINTAIN_MAINTAIN_TASK_H

#include "maintain/maintain_settings.h"

typedef struct maintain_task {
    const maintain_settings *settings;
    maintain_budget          budget;
    catalog                 *lake;
    const table_ident       *ident;
    task_cancel             *cancel;
    table_metadata          *table; /* as the last step has left it; owned by whoever runs the steps */
    maintain_result         *result;
    bool                     is_own; /* one of firn's own tables, whose history nobody reads */
} maintain_task;

/* Reads the table again. */
FIRN_MUST_USE firn_status maintain_task_reload(maintain_task *t, firn_error *err);
/* Takes what a commit has made of the table. */
void                      maintain_task_take(maintain_task *t, table_metadata *take_table);
/* The entries that each snapshot of maintain has in its summary: which step made it, and the correlation id.
 * `room` holds MAINTAIN_SUMMARY_MAX. */
#define MAINTAIN_SUMMARY_MAX 2
unsigned maintain_task_summary(const maintain_task *t, const char *step, table_property room[]);
/* FIRN_CANCELLED where the user has stopped it. */
FIRN_MUST_USE firn_status maintain_task_check(const maintain_task *t, firn_error *err);
/* A property that is "true" or "false"; anything else is `otherwise`. */
bool maintain_property_is(const table_metadata *m, const char *key, bool otherwise);

#endif
