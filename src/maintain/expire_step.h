/*
 * Expires snapshots (snapshot_expiry.h): one metadata commit, and only after it what no other snapshot holds is removed.
 * Killed between the two, the files are orphans for a later orphan_step.
 *
 * Metadata: with write.metadata.delete-after-commit.enabled, metadata files that have left the table's log go, too
 *           (write.metadata.previous-versions-max bounds the log at each commit)
 * Limits:   gc.enabled=false leaves everything; files outside of the table's folder are counted, never removed
 */
#ifndef FIRN_MAINTAIN_EXPIRE_STEP_H
#define FIRN_MAINTAIN_EXPIRE_STEP_H

#include "maintain/maintain_task.h"

FIRN_MUST_USE firn_status expire_step_run(maintain_task *t, firn_error *err);

#endif
