/*
 * Which data files a scan reads, and which deletes apply to each.
 *
 * Spec:    "Scan Planning"
 * Pruning: manifests by their partition summaries, files by partition values (of the spec they were written with) and
 *          column bounds; only where no row of the file can match
 * Order:   of the manifest list, then of the manifests. The same snapshot gives the same order.
 * Memory:  manifests are read one at a time as the plan goes on; all delete files' entries are held
 * Threads: the plan itself one at a time; its tasks may be read by any thread while the plan lives
 */
#ifndef FIRN_SCAN_SCAN_PLAN_H
#define FIRN_SCAN_SCAN_PLAN_H

#include "scan/scan_task.h"

typedef struct scan_plan scan_plan;

/* Reads the manifest list and the delete manifests. Borrows `settings`. */
FIRN_MUST_USE firn_status scan_plan_open(const scan_settings *settings, scan_plan **ret_plan, firn_error *err);
void                      scan_plan_free(scan_plan *plan);
FIRN_DEFINE_FREEP(scan_plan, scan_plan_free)

/* The next task, its parts in `arena`; *ret_more false: there was none left. */
FIRN_MUST_USE firn_status scan_plan_next(scan_plan *plan, firn_arena *arena, scan_task *ret_task, bool *ret_more,
                                         firn_error *err);
/* All that are left, in the arena. */
FIRN_MUST_USE firn_status scan_plan_rest(scan_plan *plan, firn_arena *arena, const scan_task **ret_tasks,
                                         size_t *ret_count, firn_error *err);

/* The rows of the snapshot by the manifest list alone; false: it does not say, or there are deletes or a condition. */
bool scan_plan_row_count(const scan_plan *plan, uint64_t *ret_row_count);

/* What was looked at so far. */
typedef struct scan_plan_stats {
    uint64_t manifest_count, manifest_skipped_count, file_count, file_skipped_count;
} scan_plan_stats;
scan_plan_stats scan_plan_get_stats(const scan_plan *plan);

#endif
