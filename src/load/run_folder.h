/*
 * What a load keeps on its own machine, in one folder per source: a lock, so that one run works on a source at a
 * time, and the list of files that the run has begun (write/pending_files.h). What a run that died has left in the
 * lake is removed by the next one; nothing else is, and nothing that a catalog may know.
 */
#ifndef FIRN_LOAD_RUN_FOLDER_H
#define FIRN_LOAD_RUN_FOLDER_H

#include "base/file_lock.h"
#include "load/load_table.h"
#include "write/pending_files.h"

typedef struct run_folder {
    file_lock     *lock;
    pending_files *pending; /* NULL where the settings name no folder */
} run_folder;

/* Takes the lock, looks after what dead runs left, begins this run's list. Without a state folder in the settings:
 * nothing. FIRN_UNAVAILABLE (LOAD_RUNNING) where another process works on the source. */
FIRN_MUST_USE firn_status run_folder_open(const load_context *ctx, run_folder *ret_folder, firn_error *err);
/* At the end of the run, however it went. */
FIRN_MUST_USE firn_status run_folder_close(run_folder *folder, firn_error *err);
/* Gives the lock back; without close the list stays for the next run. */
void run_folder_done(run_folder *folder);

#endif
