/*
 * A new local file: written under a hidden name beside its own, synced, then given its name without
 * replacing anything.
 */
#ifndef FIRN_STORAGE_LOCAL_SINK_H
#define FIRN_STORAGE_LOCAL_SINK_H

#include "base/sink.h"
#include "storage/folder_sync.h"

/* The folder need not exist. `folders` is borrowed until free; finish notes the folder there. */
FIRN_MUST_USE firn_status local_sink_open(const char *path, folder_sync *folders, firn_sink **ret_sink, firn_error *err);
/* finish, but an existing file is replaced. */
FIRN_MUST_USE firn_status local_sink_replace(firn_sink *sink, firn_error *err);
/* Whether a file name is one of the hidden ones. */
bool local_sink_is_temporary(const char *name);

#endif
