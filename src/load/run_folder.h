/*
 * What a load keeps on its own machine, in one folder per source: the list of files that the run has begun
 * (write/pending_files.h). What a run that died has left in the lake is removed by the next one; nothing else is, and
 * nothing that a catalog may know, or that this run goes on with.
 */
#ifndef FIRN_LOAD_RUN_FOLDER_H
#define FIRN_LOAD_RUN_FOLDER_H

#include "load/load_table.h"
#include "write/pending_files.h"

typedef struct run_folder {
    pending_files *pending; /* NULL where the settings name no folder */
} run_folder;

/* Begins this run's list and looks after what dead runs left, when ctx->checkpoint says what of it is still wanted; sets
 * ctx->pending. Without a state folder in the settings: nothing. */
FIRN_MUST_USE firn_status run_folder_open(load_context *ctx, run_folder *ret_folder, firn_error *err);
/* At the end of the run, however it went. */
FIRN_MUST_USE firn_status run_folder_close(run_folder *folder, firn_error *err);
/* Without close the list stays for the next run. */
void run_folder_done(run_folder *folder);

#endif
