/*
 * Maintenance beside `firn follow` (follow: maintain: auto): a thread that compacts, merges and expires now and then what
 * many small commits have left, as `firn maintain` does, but for orphans.
 *
 * Budget:  one round at a time, of one worker; the pause after it is four times as long as it took, and maintain_interval at
 *          least: a fifth of one core at most. A run that ends by itself does one round more, whatever it takes
 * Leaves:  tables with a window that is applied in parts (a commit of ours would make that begin again), and the source
 *          while somebody else maintains it
 */
#ifndef FIRN_CLI_FOLLOW_UPKEEP_H
#define FIRN_CLI_FOLLOW_UPKEEP_H

#include "cli/session.h"
#include "follow/follow_progress.h"

typedef struct follow_upkeep follow_upkeep;

/* Starts it; `progress` is told of what it measures. *ret_upkeep NULL: the configuration says off. The session is read here only. */
FIRN_MUST_USE firn_status follow_upkeep_start(session *s, follow_progress *progress, follow_upkeep **ret_upkeep, firn_error *err);
/* Ends the thread, and does a last round: for a run that ends because it has caught up. NULL is none. */
void                      follow_upkeep_finish(follow_upkeep *upkeep, task_cancel *cancel);
/* Ends the round at work (whose table is as before or as after) and the thread; NULL is none. */
void                      follow_upkeep_stop(follow_upkeep *upkeep);
static inline void
follow_upkeep_stopp(follow_upkeep **slot)
{
    follow_upkeep_stop(*slot);
    *slot = (follow_upkeep *) 0;
}

#endif
