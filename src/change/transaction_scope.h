/*
 * pgoutput messages in the order of the log → items of a change_stream in the order of commits.
 *
 * Streamed:  what the source sends of a running transaction is kept until its STREAM COMMIT, less what rolled-back
 *            savepoints did; above `memory_bytes_max` the largest kept transaction goes to a file (kept_transaction.h)
 * Prepared:  kept from PREPARE until COMMIT PREPARED, dropped at ROLLBACK PREPARED. A source sends the changes only
 *            once, so the position that is acknowledged must stay before the PREPARE until the commit is durable:
 *            transaction_scope_limit.
 * Order:     a RELATION message takes effect where it stands in its own transaction, and is told before the first change
 * Repeats:   transactions that the starting position, or what was delivered already, contains are passed over
 * Empty:     a transaction without items gives ITEM_IDLE with its end
 * Threads:   one
 */
#ifndef FIRN_CHANGE_TRANSACTION_SCOPE_H
#define FIRN_CHANGE_TRANSACTION_SCOPE_H

#include "change/change_stream.h"

typedef struct transaction_scope transaction_scope;

typedef struct transaction_scope_settings {
    uint64_t    position;         /* transactions that it contains are not wanted */
    size_t      memory_bytes_max; /* of kept transactions, together; 0: 64 MiB */
    const char *spill_folder;     /* for files without a name; borrowed */
} transaction_scope_settings;

FIRN_MUST_USE firn_status transaction_scope_new(const transaction_scope_settings *settings, transaction_scope **ret_scope,
                                                firn_error *err);
void                      transaction_scope_free(transaction_scope *scope);
FIRN_DEFINE_FREEP(transaction_scope, transaction_scope_free)

/* The next message; it lies in `block` and must stay there until transaction_scope_next has no more items. */
FIRN_MUST_USE firn_status transaction_scope_add(transaction_scope *scope, change_block *block, firn_slice message,
                                                uint64_t position, firn_error *err);
/* The source has nothing more before `position`: an IDLE item, unless a transaction is open. */
void transaction_scope_add_idle(transaction_scope *scope, uint64_t position);
/* The source begins again behind its last confirmed position: a RESTART item. Everything kept is dropped. */
void transaction_scope_restart(transaction_scope *scope);
/* ITEM_NOTHING: add the next message. */
FIRN_MUST_USE firn_status transaction_scope_next(transaction_scope *scope, change_item *ret_item, firn_error *err);

/* How far `position` may be acknowledged: not beyond a PREPARE whose commit is not in it. */
uint64_t transaction_scope_limit(transaction_scope *scope, uint64_t position);
/* Whether any PREPARE limits. */
bool     transaction_scope_is_limited(const transaction_scope *scope);
size_t   transaction_scope_memory_bytes(const transaction_scope *scope);
uint64_t transaction_scope_spilled_bytes(const transaction_scope *scope);

#endif
