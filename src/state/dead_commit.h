/*
 * What becomes of the files of a commit that a run noted and did not live to end (pending_files.h): a pending_decide for
 * jobs that never offer a commit again.
 *
 * In the table: they belong to it. Never offered: nobody will ever ask for them. Offered and not there, or of a table
 * that is gone or lies elsewhere: nobody can tell, and they stay.
 */
#ifndef FIRN_STATE_DEAD_COMMIT_H
#define FIRN_STATE_DEAD_COMMIT_H

#include "catalog/catalog.h"
#include "write/pending_files.h"

/* The state of dead_commit_settle. */
typedef struct dead_commit_lake {
    catalog           *lake;
    const char *const *namespace_levels;
    unsigned           level_count;
} dead_commit_lake;

FIRN_MUST_USE firn_status dead_commit_settle(void *lake, const pending_commit *commit, pending_verdict *ret_verdict,
                                             firn_error *err);

#endif
