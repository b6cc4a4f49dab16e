/*
 * Which transactions a load has seen, as PostgreSQL's pg_current_snapshot() gives it and firn.load-snapshot keeps it
 * (PostgreSQL, "Transaction ID and Snapshot Information Functions"). Pure.
 *
 * Text: "XMIN:XMAX:XID,XID,…": seen are all below XMIN, none from XMAX on, between them those that are not listed
 */
#ifndef FIRN_SOURCE_TRANSACTION_SNAPSHOT_H
#define FIRN_SOURCE_TRANSACTION_SNAPSHOT_H

#include "base/arena.h"
#include "base/error.h"

typedef struct transaction_snapshot {
    uint64_t        xmin, xmax;
    const uint64_t *running; /* ascending; in the arena */
    unsigned        running_count;
} transaction_snapshot;

/* *ret_valid: whether the text is one. */
FIRN_MUST_USE firn_status transaction_snapshot_parse(const char *text, firn_arena *arena, transaction_snapshot *ret_snapshot,
                                                     bool *ret_valid, firn_error *err);
/* Numbers with commas between them, or none, up to the text's end; ascending, in the arena. */
FIRN_MUST_USE firn_status transaction_list_parse(const char *text, firn_arena *arena, const uint64_t **ret_xids, unsigned *ret_count,
                                                 bool *ret_valid, firn_error *err);
bool transaction_list_has(const uint64_t *xids, unsigned count, uint64_t xid);
bool transaction_snapshot_sees(const transaction_snapshot *snapshot, uint64_t xid);
/* A number without its epoch: the one nearest to the snapshot. */
uint64_t transaction_snapshot_near(const transaction_snapshot *snapshot, uint32_t xid);

/* Of a text that may be missing (NULL, "") or none: *ret_lacks: it is a snapshot, which does not see `xid`. */
FIRN_MUST_USE firn_status transaction_snapshot_lacks(const char *text, uint64_t xid, bool *ret_lacks, firn_error *err);

#endif
