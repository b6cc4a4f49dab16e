/*
 * Whether a slot can be read from a position: before each START_REPLICATION.
 *
 * Every refusal is about data: read anyway, changes would be missing in the lake without a word.
 */
#ifndef FIRN_POSTGRES_REPLICATION_CHECK_H
#define FIRN_POSTGRES_REPLICATION_CHECK_H

#include "postgres/postgres_connection.h"
#include "postgres/postgres_feed.h"

/* What the server says of itself and the slot. */
typedef struct replication_state {
    change_identity identity;
    uint64_t        end_position; /* of its WAL */
    uint64_t        written_position; /* the same, with what is not flushed yet */
    uint64_t        confirmed_position, restart_position;
    bool            two_phase;        /* the slot was made so */
    bool            native_types;     /* every published column has a binary form that firn reads */
    uint64_t        sender_timeout_ms; /* wal_sender_timeout; 0: none */
} replication_state;

/* `catalog`: an ordinary connection; `replication`: one that speaks the replication protocol, idle. */
FIRN_MUST_USE firn_status replication_check(const postgres_feed_settings *settings, postgres_connection *catalog,
                                            postgres_connection *replication, replication_state *ret_state, firn_error *err);

/* Where timeline `timeline` was left, from the text of a later one's history file; false: it is not in it. */
bool replication_history_end(firn_slice history, uint64_t timeline, uint64_t *ret_position);

#endif
