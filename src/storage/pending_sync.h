/*
 * Files and folders that may not be on the disk yet. Nothing refers to a file before a commit does, so a load need
 * not wait for the disk after each one: what is finished is noted, and synced together before a commit becomes
 * visible. Together is cheaper: all bytes are on their way at once, and the first sync writes the journal for all.
 *
 * Small files only: a large one is synced by the thread that wrote it, which may take its time.
 * A failed sync is final for the whole storage: nobody can say afterwards whose files were lost.
 * Threads: all; a flush waits for one that runs, since that one may have taken the caller's files.
 */
#ifndef FIRN_STORAGE_PENDING_SYNC_H
#define FIRN_STORAGE_PENDING_SYNC_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct pending_sync pending_sync;

FIRN_MUST_USE pending_sync *pending_sync_new(void); /* NULL: no memory */
void                        pending_sync_free(pending_sync *p);
/* Owns the descriptor whatever the result. */
FIRN_MUST_USE firn_status pending_sync_file(pending_sync *p, int take_fd, uint64_t size_bytes, const char *path,
                                            firn_error *err);
FIRN_MUST_USE firn_status pending_sync_folder(pending_sync *p, const char *path, firn_error *err);
/* All noted so far are on the disk, and with them the caller's own open file (-1: none). */
FIRN_MUST_USE firn_status pending_sync_flush(pending_sync *p, int own_fd, firn_error *err);
FIRN_DEFINE_FREEP(pending_sync, pending_sync_free)

#endif
