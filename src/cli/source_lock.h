/*
 * One job that commits, per source and machine, by checkpoints/<source>/lock. Jobs on other machines are kept apart by the catalog: the second commit
 * finds the first.
 */
#ifndef FIRN_CLI_SOURCE_LOCK_H
#define FIRN_CLI_SOURCE_LOCK_H

#include "base/file_lock.h"
#include "cli/session.h"

/* Of --source. FIRN_UNAVAILABLE (LOAD_RUNNING) where another process has it; `command` is how that one's users see
 * this. */
FIRN_MUST_USE firn_status source_lock_take(session *s, const char *command, file_lock **ret_lock, firn_error *err);

#endif
