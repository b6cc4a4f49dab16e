/*
 * Looks after the replication slot while it is followed: how much of the source's log it holds, whether the server is about to
 * invalidate it, and what the configuration says about that (follow.slot_retention_limit, slot_retention_action).
 *
 * Looks:   every ten commit intervals, 1 s to 10 s, over a connection of its own; a source that does not answer is the
 *          stream's matter
 * Tells:   the log, notify: (slot_retention), the progress
 * Acts:    through a guard that ends the job between two windows (FOLLOW_SLOT_LIMIT); dropping the slot is the caller's,
 *          when nobody reads it any more
 */
#ifndef FIRN_CLI_SLOT_WATCH_H
#define FIRN_CLI_SLOT_WATCH_H

#include "cli/session.h"
#include "follow/follow_job.h"
#include "follow/notify.h"

typedef struct slot_watch slot_watch;

/* `told` NULL: nobody is. `ends` (NULL: none) is requested when the watch acts, beside the guard: for a load, which has none. The
 * session is read here only; progress, notifier and cancel are borrowed. */
FIRN_MUST_USE firn_status slot_watch_start(session *s, follow_progress *progress, notifier *told, task_cancel *ends,
                                           slot_watch **ret_watch, firn_error *err);
/* For the job's settings; lives as long as the watch. */
const follow_guard *slot_watch_guard(const slot_watch *watch);
/* Whether the slot is to be dropped when its limit has ended the job. */
bool slot_watch_drops(const slot_watch *watch);
void slot_watch_free(slot_watch *watch);
FIRN_DEFINE_FREEP(slot_watch, slot_watch_free)

#endif
