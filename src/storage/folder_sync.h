/*
 * Folders whose entries may not be on the disk yet. A file's bytes are synced when it is finished; its name
 * becomes durable with its folder, and a load that syncs the folder after each file spends half its time there.
 * So folders are noted, and synced once, before anything that refers to their files becomes visible.
 *
 * A failed sync is final for the whole storage: nobody can say afterwards whose files were lost.
 * Threads: all; a flush waits for one that runs, since that one may have taken the caller's folders.
 */
#ifndef FIRN_STORAGE_FOLDER_SYNC_H
#define FIRN_STORAGE_FOLDER_SYNC_H

#include "base/error.h"

#include <stddef.h>

typedef struct folder_sync folder_sync;

FIRN_MUST_USE folder_sync *folder_sync_new(void); /* NULL: no memory */
void                       folder_sync_free(folder_sync *f);
FIRN_MUST_USE firn_status folder_sync_note(folder_sync *f, const char *path, firn_error *err);
/* All noted so far are on the disk. */
FIRN_MUST_USE firn_status folder_sync_flush(folder_sync *f, firn_error *err);
/* One folder now. A folder that is gone has nothing to lose. */
FIRN_MUST_USE firn_status folder_sync_path(const char *path, firn_error *err);
FIRN_DEFINE_FREEP(folder_sync, folder_sync_free)

#endif
