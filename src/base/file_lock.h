/*
 * One process at a time: an advisory lock on a file that says who holds it. The lock goes with the process,
 * however it ends; the file stays.
 */
#ifndef FIRN_BASE_FILE_LOCK_H
#define FIRN_BASE_FILE_LOCK_H

#include "base/error.h"

typedef struct file_lock file_lock;

/* `what`: "firn load"; the file then says "firn load, process 1234 on host.example, since 2026-11-23T09:00:00Z".
 * FIRN_UNAVAILABLE (LOAD_RUNNING) with that text where another process holds it. Missing folders are made. */
FIRN_MUST_USE firn_status file_lock_take(const char *path, const char *what, file_lock **ret_lock, firn_error *err);
void file_lock_free(file_lock *lock);
FIRN_DEFINE_FREEP(file_lock, file_lock_free)

#endif
