/*
 * One walsender connection: START_REPLICATION, messages into blocks of memory, status messages back.
 *
 * Waiting: a walsender that is waited for sends each message by itself, with a system call and a wake-up a change. So where
 *          nothing is there the link naps a quarter of a millisecond and lets the socket fill; only after a few empty naps it
 *          waits for the socket.
 * Spec:    PostgreSQL documentation, "Streaming Replication Protocol", "Frontend/Backend Protocol"
 * Limits:  a message of at most 1 GiB and a bit, which is the server's own limit
 * Threads: one
 */
#ifndef FIRN_POSTGRES_REPLICATION_LINK_H
#define FIRN_POSTGRES_REPLICATION_LINK_H

#include "change/change_block.h"
#include "postgres/postgres_socket.h"
#include "postgres/replication_check.h"

#define LINK_HEADER_SIZE 5 /* type, int32 size with itself */

typedef struct replication_link {
    postgres_connection *connection;
    postgres_socket      socket;
    bool                 through_libpq, is_binary;
    change_block        *block;
    size_t               whole; /* bytes of `block` that are whole messages */
    unsigned             empty_naps;
    bool                 is_drained; /* by the last receive: more is to come first */
    bool                 is_ending;  /* CopyDone was sent */
    /* Seen so far. */
    uint64_t received_position, server_position, message_count, byte_count;
    int64_t  server_time_us;
    bool     reply_wanted;
} replication_link;

/* Whole messages [from, to) of a block, each as on the wire: type, int32 size, body. Only 'd' (CopyData) matters. */
typedef struct link_segment {
    change_block *block; /* a reference of its own */
    size_t        from, to;
} link_segment;

/* Connects, checks (replication_check), starts at `position`. {0} may be done. */
FIRN_MUST_USE firn_status replication_link_open(replication_link *link, const postgres_feed_settings *settings,
                                                task_cancel *const cancels[2], uint64_t position,
                                                replication_state *ret_state, firn_error *err);
void replication_link_done(replication_link *link);

/* What is there, without waiting; block NULL: nothing whole. FIRN_UNAVAILABLE: the connection is lost. */
FIRN_MUST_USE firn_status replication_link_receive(replication_link *link, link_segment *ret_segment, firn_error *err);
/* Waits for more: until the socket, `wake_fd` or a cancel is readable, or the time has passed. */
FIRN_MUST_USE firn_status replication_link_wait(replication_link *link, int wake_fd, uint64_t timeout_ms, firn_error *err);
/* Standby status update: all before `received` was received, all before `flushed` is durable. */
FIRN_MUST_USE firn_status replication_link_send_status(replication_link *link, uint64_t received, uint64_t flushed,
                                                       bool wants_reply, firn_error *err);
/* Tells the server that this is the end and lets it say so, too: then it has read the last status and given the slot back.
 * One that is busy with a large transaction does not listen: it is left alone after the time. What still comes is dropped. */
void replication_link_end(replication_link *link, uint64_t timeout_ms);

#endif
