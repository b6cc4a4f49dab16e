/*
 * Which transactions a table without a key has from the slot itself, as a property beside its position: Debezium, which may read the slot
 * next, does not say where the first transaction that it sends was committed, nor of one that it sends again.
 *
 * Text:  "POSITION SINCE XID,XID,…", in the order of their commits: the table at POSITION has those of them that changed it and committed behind
 *        SINCE; 0/0: behind its load's, or its last resync's, snapshot (firn.load-snapshot)
 * Limit: the last APPLIED_MAX; SINCE is later then
 */
#ifndef FIRN_FOLLOW_APPLIED_TRANSACTIONS_H
#define FIRN_FOLLOW_APPLIED_TRANSACTIONS_H

#include "base/arena.h"
#include "base/error.h"
#include "iceberg/table_metadata.h"

#define APPLIED_MAX 512u

/* Those of a window. */
typedef struct applied_transactions {
    uint32_t xids[APPLIED_MAX]; /* a ring */
    uint64_t count;             /* of all */
    uint64_t commits[APPLIED_MAX];
    uint64_t dropped_until; /* the last commit that is not in the ring any more; 0: none */
} applied_transactions;

void applied_transactions_add(applied_transactions *a, uint32_t xid, uint64_t commit_position);
/* What the property says once they are in the table, which is at `position` then; in `arena`. */
FIRN_MUST_USE firn_status applied_transactions_text(const applied_transactions *a, const table_metadata *base, const char *position,
                                                    firn_arena *arena, const char **ret_text, firn_error *err);

#endif
