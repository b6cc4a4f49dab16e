/*
 * What maintain keeps on its own machine for a source: <state folder>/maintain, with a lock (one maintain at a time; load
 * and follow have their own, and may run beside it) and the list of files that the run has begun. What a run that
 * died has left in the lake and never offered is removed by the next one.
 */
#ifndef FIRN_MAINTAIN_MAINTAIN_FOLDER_H
#define FIRN_MAINTAIN_MAINTAIN_FOLDER_H

#include "base/file_lock.h"
#include "catalog/catalog.h"
#include "write/pending_files.h"

typedef struct maintain_folder {
    file_lock     *lock;
    pending_files *pending;
    size_t         removed_file_count; /* that an earlier run had left */
} maintain_folder;

/* FIRN_UNAVAILABLE (LOAD_RUNNING): another maintain works on the source. */
FIRN_MUST_USE firn_status maintain_folder_open(const char *state_folder, const char *run_id, catalog *lake,
                                               const char *const *namespace_levels, unsigned level_count,
                                               maintain_folder *ret_folder, firn_error *err);
/* At the end of the run, however it went. */
FIRN_MUST_USE firn_status maintain_folder_close(maintain_folder *folder, firn_error *err);
/* Gives the lock back; without close the list stays for the next run. */
void                      maintain_folder_done(maintain_folder *folder);

#endif
