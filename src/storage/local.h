/*
 * Objects as files of a local disk.
 *
 * Writing:  under a hidden name (".<uuid>.tmp") in the target's folder, fdatasync, then a rename that replaces
 *           nothing (a hard link where the file system has no such rename); missing folders are made
 * Durable:  bytes when a sink is finished; names of folders and files together with the next put or put_new,
 *           since nothing refers to a file before that: one sync per folder and commit, not per file
 * put:      for version-hint.text: after a crash the old bytes may be there, as the name is synced with the next one
 * Checksums: a Hadoop ".name.crc" beside a file that is put is removed: Spark would check the new bytes with it
 * Symlinks: followed at the end of a given path; not below it when walking a tree
 * Threads:  all
 */
#ifndef FIRN_STORAGE_LOCAL_H
#define FIRN_STORAGE_LOCAL_H

#include "storage/storage.h"

FIRN_MUST_USE firn_status storage_local_new(storage **ret_storage, firn_error *err);

#endif
