/*
 * Which data files the delete files of a snapshot apply to.
 */
#ifndef FIRN_MAINTAIN_DELETE_USE_H
#define FIRN_MAINTAIN_DELETE_USE_H

#include "base/map.h"
#include "iceberg/live_files.h"
#include "maintain/maintain_task.h"
#include "scan/scan_plan.h"

typedef struct delete_use {
    scan_settings    scan;
    scan_plan       *plan;
    const scan_task *tasks;
    size_t           task_count;
    live_files       live;    /* of the snapshot: `deletes` are all there are */
    size_t          *users;   /* live.deletes[i] applies to so many data files */
    firn_map        *data_paths; /* of live data files */
    firn_map        *indexes; /* of live.deletes by key; value: address of users[i] */
    firn_arena       arena;
} delete_use;

/* In place: it must not be moved. `table` is borrowed until done. */
FIRN_MUST_USE firn_status delete_use_init(delete_use *u, const maintain_task *t, const table_metadata *table,
                                          firn_error *err);
void                      delete_use_done(delete_use *u);
/* The index in live.deletes of a task's delete. */
FIRN_MUST_USE firn_status delete_use_index(const delete_use *u, const manifest_entry *entry, size_t *ret_index,
                                           firn_error *err);

#endif
