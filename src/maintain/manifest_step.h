/*
 * Small manifests → few (iceberg/manifest_merge.h), as a snapshot "replace" that changes no row.
 *
 * Properties: commit.manifest.target-size-bytes (8 MiB), commit.manifest.min-count-to-merge (here 10: a run is worth
 *             more than a commit), commit.manifest-merge.enabled=false leaves them alone
 */
#ifndef FIRN_MAINTAIN_MANIFEST_STEP_H
#define FIRN_MAINTAIN_MANIFEST_STEP_H

#include "maintain/maintain_task.h"

FIRN_MUST_USE firn_status manifest_step_run(maintain_task *t, firn_error *err);

#endif
