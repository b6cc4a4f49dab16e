/*
 * Configuration → where changes come from, and the settings of the job that follows them.
 */
#ifndef FIRN_CLI_CONNECT_FEED_H
#define FIRN_CLI_CONNECT_FEED_H

#include "cli/connect_kafka.h"
#include "follow/follow_job.h"

typedef struct feed_connection {
    bool              is_kafka;
    kafka_connection  kafka;
    postgres_settings server;
    const char       *spill_folder;
    uint64_t          memory_bytes;
    source_teller     teller;
} feed_connection;

void feed_connection_done(feed_connection *connection);

/* The source that session_open_source has opened, with its secrets revealed. */
FIRN_MUST_USE firn_status connect_feed(session *s, const load_settings *load, const follow_settings *settings, feed_connection *ret_connection,
                                       firn_error *err);
/* Borrows the connection. */
follow_feed               connect_feed_of(feed_connection *connection);

/* From the load's settings, whose rules for tables it shares; texts live in the session's arena. */
FIRN_MUST_USE firn_status connect_follow_settings(session *s, const load_settings *load, follow_settings *ret_settings,
                                                  firn_error *err);

#endif
