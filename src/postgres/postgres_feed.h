/*
 * PostgreSQL's logical replication (pgoutput) as a change_stream.
 *
 * Versions:   12 to 18; protocol 1 before 14, 2 in 14, 3 in 15, 4 from 16 on. Running transactions are streamed and logical
 *             messages sent from 14 on; prepared ones come at PREPARE where the slot was made so (15 and later).
 * Threads:    one of its own receives into blocks of memory and answers keepalives; it stops receiving when
 *             queue_bytes_max is waiting, and goes on answering
 * Start:      refused where changes would be missing or doubled: another system; a timeline that has left ours before the
 *             position; a server that ends before it (a restored backup); a slot that is gone, lost, another's, in use, or
 *             further than what was ever acknowledged; a publication that is not there or lacks tables
 * Lost connection: begins again from the last acknowledged position, with backoff, for at most reconnect_ms_max; each
 *             time with all checks of the start
 * Formats:    the walsender's session has the load's settings, so that texts are those of the load
 */
#ifndef FIRN_POSTGRES_POSTGRES_FEED_H
#define FIRN_POSTGRES_POSTGRES_FEED_H

#include "change/change_stream.h"
#include "postgres/postgres_source.h"

/* BINARY: each type's binary form, where server (14 and later) and all published columns allow; TEXT: never. A table that
 * comes later with a column whose text is needed makes open_decoder fail with FEED_NEEDS_TEXT: open the stream anew. */
typedef enum feed_format { FEED_BINARY, FEED_TEXT } feed_format;

typedef struct postgres_feed_settings {
    const postgres_settings *server;   /* with slot_name and publication_name; borrowed while the feed lives */
    const char              *identity; /* whose `position` is, as in source_point; NULL: not known, any server */
    uint64_t                 position; /* what the lake has; 0: all that the slot still has */
    uint64_t                 acknowledged; /* the highest that was ever acknowledged; below `position`: that */
    bool                     trust_slot;   /* a slot that is further than both is no error */
    const char *const       *tables;       /* must be published, of server->schema */
    bool                     tables_may_miss; /* the caller looks after that itself (look_at_tables) */
    unsigned                 table_count;
    feed_format              format;
    bool                     no_streaming;      /* running transactions are kept by the server */
    size_t                   queue_bytes_max;   /* received, not yet asked for; 0: 16 MiB */
    size_t                   memory_bytes_max;  /* of kept transactions; 0: 64 MiB */
    const char              *spill_folder;      /* above that; borrowed */
    uint64_t                 reconnect_ms_max;  /* 0: 10 minutes */
    uint64_t                 silence_ms_max;    /* a server that says nothing for so long is lost; 0: 1.5 times its wal_sender_timeout, 90 s at most */
    uint64_t                 heartbeat_ms;      /* writes a logical message so often (14 and later); 0: never */
    const source_teller     *teller;            /* hears of lost connections, in any thread; NULL: nobody */
} postgres_feed_settings;

/* Connects, checks, starts to receive; identity and tables are copied. Waits end with FIRN_CANCELLED when `cancel` (borrowed; may be NULL) is requested. */
FIRN_MUST_USE firn_status postgres_feed_open(const postgres_feed_settings *settings, task_cancel *cancel,
                                             change_stream **ret_stream, firn_error *err);

/* The slot's state, for status: how much WAL it holds back, and how much more it may. */
typedef struct feed_slot_state {
    bool     exists, is_lost;
    int64_t  retained_bytes;
    int64_t  safe_bytes; /* -1: no limit */
    uint64_t confirmed_position, restart_position;
} feed_slot_state;
FIRN_MUST_USE firn_status postgres_feed_slot_state(change_stream *stream, feed_slot_state *ret_state, firn_error *err);

#endif
