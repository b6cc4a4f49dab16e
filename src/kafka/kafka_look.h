/*
 * Whether a Kafka cluster can be reached and lets us in, and which one it is: for `firn check`. Nothing is changed there.
 */
#ifndef FIRN_KAFKA_KAFKA_LOOK_H
#define FIRN_KAFKA_KAFKA_LOOK_H

#include "kafka/kafka_cluster.h"

typedef struct kafka_look {
    char     cluster_id[64];
    unsigned broker_count, topic_count, partition_count; /* topics whose names begin with the prefix and a dot */
} kafka_look;

/* Waits at most timeout_ms. Errors as in kafka_cluster.h. */
FIRN_MUST_USE firn_status kafka_look_at(const kafka_cluster *cluster, const char *topic_prefix, uint64_t timeout_ms,
                                        task_cancel *cancel, kafka_look *ret_look, firn_error *err);

#endif
