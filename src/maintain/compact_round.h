/*
 * One round of compaction: groups of files planned on one snapshot, written anew side by side, committed together.
 *
 * Rows:     live rows of each group, in the order of its files; in format version 3 with their lineage
 * Sequence: new files have the sequence number of the snapshot that was planned on, so that equality deletes which came
 *           meanwhile still apply to their rows
 * Conflict: a group goes without the commit where the table has no longer one of its data files or one of the deletes
 *           that were applied, or has a new delete that may be of its rows. Nothing else is a conflict: appends are
 *           fine. Files written in vain stay as orphans, since they were offered.
 * Memory:   settings->memory_bytes in equal parts to as many workers as it is enough for
 */
#ifndef FIRN_MAINTAIN_COMPACT_ROUND_H
#define FIRN_MAINTAIN_COMPACT_ROUND_H

#include "maintain/compact_plan.h"
#include "maintain/maintain_task.h"
#include "scan/scan_plan.h"
#include "write/roll_writer.h"

typedef struct compact_output {
    const compact_group *group;
    data_file_list       files;
    bool                 is_dropped; /* by the last look at the table */
} compact_output;

typedef struct compact_round {
    maintain_task    *t;
    table_metadata   *table; /* planned on; referenced */
    firn_arena        arena;
    table_schema     *columns; /* that are read and written */
    bool              has_lineage;
    scan_settings     scan; /* what the plan and all readers borrow */
    struct scan_plan *tasks_plan;
    const scan_task  *tasks;
    size_t            task_count;
    compact_file     *files; /* one per task, in the same order */
    compact_plan      plan;
    size_t            begin, end; /* groups of the plan that this round does */
    compact_output   *outputs;    /* end - begin */
    firn_uuid         commit_id;
    int64_t           committed_group_count;
} compact_round;

/* Plans on t->table; nothing is written yet. */
FIRN_MUST_USE firn_status compact_round_plan(compact_round *r, maintain_task *t, firn_error *err);
/* Writes the groups from `begin` on, as many as fit input_bytes_max (at least one), and commits them. On success
 * t->table is the table as it is now. */
FIRN_MUST_USE firn_status compact_round_run(compact_round *r, uint64_t input_bytes_max, firn_error *err);
void                      compact_round_done(compact_round *r);

#endif
