/*
 * The commit of a round: which of its groups still stand on a base, and the change that puts them there.
 */
#ifndef FIRN_MAINTAIN_COMPACT_COMMIT_H
#define FIRN_MAINTAIN_COMPACT_COMMIT_H

#include "maintain/compact_round.h"

/* FIRN_OK also where no group was left to commit (r->committed_group_count 0). */
FIRN_MUST_USE firn_status compact_commit(compact_round *r, firn_error *err);

#endif
