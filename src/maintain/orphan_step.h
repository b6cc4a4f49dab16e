/*
 * Files in a table's data and metadata folders that nothing refers to: left by commits that lost a race or were killed,
 * and metadata files that have left the log.
 *
 * Never removed: what any snapshot, the metadata log or statistics name; what is younger than the age (a commit of any
 * writer may be about to refer to it); what a list of pending files names, however old; the metadata file of this or a
 * later version; anything outside of the two folders.
 * Order: folders are listed first, the table is read after that: what was committed meanwhile is seen. Before the first
 *        removal the table is read again, and its new snapshots are looked at.
 */
#ifndef FIRN_MAINTAIN_ORPHAN_STEP_H
#define FIRN_MAINTAIN_ORPHAN_STEP_H

#include "maintain/maintain_task.h"

FIRN_MUST_USE firn_status orphan_step_run(maintain_task *t, firn_error *err);

#endif
