/*
 * Objects as files of a local disk.
 *
 * Writing:  under a hidden name (".<name>.<uuid>.tmp") in the target's folder, then a rename that replaces nothing (a hard
 *           link where the file system has no such rename); missing folders are made
 * Durable:  put_new syncs its bytes, the bytes of all files finished before it and their folders, then takes its
 *           name, then syncs that: whatever a visible commit refers to survives a crash (pending_sync.h)
 * Checksums: a Hadoop ".name.crc" beside a file that is put is removed: Spark would check the new bytes with it
 * Symlinks: followed at the end of a given path; not below it when walking a tree
 * Threads:  all
 */
#ifndef FIRN_STORAGE_LOCAL_H
#define FIRN_STORAGE_LOCAL_H

#include "storage/storage.h"

FIRN_MUST_USE firn_status storage_local_new(storage **ret_storage, firn_error *err);

#endif
