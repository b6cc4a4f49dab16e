/*
 * Configuration → Debezium's events in Kafka as the stream that is followed (`follow: from: kafka`).
 */
#ifndef FIRN_CLI_CONNECT_KAFKA_H
#define FIRN_CLI_CONNECT_KAFKA_H

#include "cli/connect.h"
#include "follow/follow_job.h"
#include "kafka/kafka_stream.h"
#include "postgres/postgres_reselect.h"

/* As configured; a source that names a Kafka cluster is followed from it. */
bool connect_is_kafka(const session *s);

typedef struct kafka_connection {
    kafka_stream_settings settings; /* without the tables' starts */
    kafka_cluster         cluster;
    registry_settings     registry;
    kafka_describer       describer;
    row_reselector        reselector;
    postgres_reselect    *reselect;
    postgres_settings     server; /* asked for types and keys, and for lost values, where it can be reached */
    task_cancel          *cancel;
    source_teller         teller;
} kafka_connection;

/* The entry of kafka_clusters.yaml that the source names, with its secrets; texts live in the session's arena. */
FIRN_MUST_USE firn_status connect_kafka_cluster(session *s, kafka_cluster *ret_cluster, firn_error *err);

void kafka_connection_done(kafka_connection *connection);
/* Of the source that session_open_source has opened, and the entry of kafka_clusters.yaml that it names. Texts live in the session's
 * arena; the connection must stay where it is. */
FIRN_MUST_USE firn_status connect_kafka(session *s, const load_settings *load, const source_teller *teller,
                                        kafka_connection *ret_connection, firn_error *err);
FIRN_MUST_USE firn_status connect_kafka_open(const kafka_connection *connection, const follow_start *start, task_cancel *cancel,
                                             change_stream **ret_stream, firn_error *err);

#endif
