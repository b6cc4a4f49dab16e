/*
 * Folders of a local disk, walked: listing and removing. Depth is limited; what vanishes meanwhile is skipped.
 */
#ifndef FIRN_STORAGE_LOCAL_WALK_H
#define FIRN_STORAGE_LOCAL_WALK_H

#include "storage/storage.h"

/* `prefix` is how visit sees the locations, `path` where they are. */
FIRN_MUST_USE firn_status local_walk_files(const char *prefix, const char *path, storage_visit visit, void *state,
                                           firn_error *err);
FIRN_MUST_USE firn_status local_walk_folders(const char *prefix, const char *path, storage_visit visit, void *state,
                                             firn_error *err);
FIRN_MUST_USE firn_status local_walk_remove(const char *path, firn_error *err);

#endif
