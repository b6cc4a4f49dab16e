/*
 * A new local file: written under a hidden name beside its own, which it gets without replacing anything. Its bytes
 * and its name are left to pending_sync.h.
 */
#ifndef FIRN_STORAGE_LOCAL_SINK_H
#define FIRN_STORAGE_LOCAL_SINK_H

#include "base/sink.h"
#include "storage/pending_sync.h"

/* The folder need not exist. `pending` is borrowed until free; finish notes file and folder there. */
FIRN_MUST_USE firn_status local_sink_open(const char *path, pending_sync *pending, firn_sink **ret_sink, firn_error *err);
/* Before finish: the bytes are on the disk, after all that is pending. */
FIRN_MUST_USE firn_status local_sink_sync(firn_sink *sink, firn_error *err);
/* finish, but an existing file is replaced, and nothing is synced, now or later. */
FIRN_MUST_USE firn_status local_sink_replace(firn_sink *sink, firn_error *err);
/* What processes that died, or still write, have beside `path` under hidden names. */
FIRN_MUST_USE firn_status local_sink_remove_unfinished(const char *path, firn_error *err);
/* Whether a file name is one of the hidden ones. */
bool local_sink_is_temporary(const char *name);

#endif
