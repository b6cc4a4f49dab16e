/*
 * A COPY on which nothing comes: does the server think, or is the way to it dead?
 *
 * A server may compute for hours before the first row, so that silence alone says nothing; and TCP's own limits see nothing
 * where a proxy in between acknowledges what it does not pass on. After a silence the server is asked over another connection
 * what the process of the first one does:
 *
 * Thinks: active and not waiting for the client: goes on, and is asked again after as long
 * Lost:   waits for the client (it sends, or has sent all) at two looks without a byte in between; or is gone; or three looks in a
 *         row find no server. A process that waits for us is ended, since it holds the table's lock and the snapshot
 * Unsure: another server answers (a balancer of standbys), or refuses: goes on
 *
 * Spec:   PostgreSQL documentation, "The Cumulative Statistics System", pg_stat_activity: wait_event of type Client
 * Errors: POSTGRES_UNAVAILABLE, which a load tries again; FIRN_CANCELLED
 */
#ifndef FIRN_POSTGRES_COPY_SILENCE_H
#define FIRN_POSTGRES_COPY_SILENCE_H

#include "postgres/postgres_connection.h"

typedef struct copy_silence {
    const postgres_settings *settings; /* borrowed; NULL: nobody looks */
    uint64_t                 since_us; /* 0: it is not silent */
    uint64_t                 look_us;  /* when the next look is due */
    unsigned                 pause_ms; /* before the look after that */
    unsigned                 stuck_count, unanswered_count;
    bool                     is_lost;
} copy_silence;

/* The connection is idle: it is asked once which process serves it. */
FIRN_MUST_USE firn_status copy_silence_watch(copy_silence *silence, const postgres_settings *settings, postgres_connection *c,
                                             firn_error *err);
/* Waits for bytes, at most `timeout_ms` (0: until the next look), and looks when it is time. */
FIRN_MUST_USE firn_status copy_silence_wait(copy_silence *silence, postgres_connection *c, unsigned timeout_ms, const char *what,
                                            firn_error *err);

/* Bytes have come. */
static inline void
copy_silence_end(copy_silence *silence)
{
    silence->since_us = 0;
}

#endif
