/*
 * A member of a consumer group that reads every topic whose name begins with a prefix, also those that are made later.
 *
 * Group:     topics as a whole (whole_topics.h) are handed out by the group (cooperative-sticky: what stays is not interrupted). A hand-over waits
 *            in `kafka_consumer_change` until it is accepted, so that whoever reads can first commit what it has
 * Offsets:   those given to accept_assign, never the group's; the group is told of them (mirror), for other programs to see
 * Thread:    one of its own answers the group while the caller is busy; kafka_consumer_read may be called in one other than the rest
 * Memory:    messages wait in librdkafka, at most queue_bytes; no more are fetched then
 */
#ifndef FIRN_KAFKA_KAFKA_CONSUMER_H
#define FIRN_KAFKA_KAFKA_CONSUMER_H

#include "kafka/kafka_cluster.h"

typedef struct kafka_consumer kafka_consumer;

typedef struct kafka_consumer_settings {
    const kafka_cluster *cluster; /* borrowed, as are the texts */
    const char          *group_id;
    const char          *instance_id; /* NULL: none. One that comes back under it gets what it had, without the group waiting */
    const char          *topic_prefix; /* without the dot behind it */
    size_t               queue_bytes;
    uint64_t             reach_ms; /* how long the first contact may take */
} kafka_consumer_settings;

/* Has reached a broker, and asked to join the group. */
FIRN_MUST_USE firn_status kafka_consumer_open(const kafka_consumer_settings *settings, task_cancel *cancel,
                                              kafka_consumer **ret_consumer, firn_error *err);
/* Leaves the group, within some seconds. */
void kafka_consumer_free(kafka_consumer *consumer);
FIRN_DEFINE_FREEP(kafka_consumer, kafka_consumer_free)

const char *kafka_consumer_cluster_id(const kafka_consumer *consumer);
/* Partitions of a topic when the consumer was opened; 0: there was no such topic. */
int         kafka_consumer_partitions(const kafka_consumer *consumer, const char *topic);
/* Partitions of all topics with the prefix when it was opened. 0: the group hands out nothing, not even that. */
int         kafka_consumer_partition_total(const kafka_consumer *consumer);
/* The topics with the prefix that there were then, by number; NULL: no more. */
const char *kafka_consumer_topic(const kafka_consumer *consumer, int index, int *ret_partition_count);
rd_kafka_t *kafka_consumer_client(kafka_consumer *consumer);

typedef enum group_change_kind { GROUP_UNCHANGED, GROUP_ASSIGNS, GROUP_REVOKES } group_change_kind;

typedef struct group_change {
    group_change_kind                      kind;
    bool                                   is_lost; /* revoked already: somebody else may have them */
    const rd_kafka_topic_partition_list_t *partitions; /* until it is asked for again */
} group_change;

group_change kafka_consumer_change(kafka_consumer *consumer);
/* Of assigned ones: `offsets` are where to begin, NULL: of revoked ones. */
FIRN_MUST_USE firn_status kafka_consumer_accept(kafka_consumer *consumer, const rd_kafka_topic_partition_list_t *offsets,
                                                firn_error *err);

/* Low and high offset of a partition, asked of the broker. */
FIRN_MUST_USE firn_status kafka_consumer_watermarks(kafka_consumer *consumer, const char *topic, int32_t partition,
                                                    int64_t *ret_low, int64_t *ret_high, firn_error *err);
/* The high offset that fetches have shown last; -1: none yet. */
int64_t kafka_consumer_high(kafka_consumer *consumer, const char *topic, int32_t partition);

/* Has kafka_consumer_read return early, or the next one: from any thread. */
void kafka_consumer_interrupt(kafka_consumer *consumer);
/* Messages and ends of partitions (err __PARTITION_EOF), each to be destroyed; returns early for a change of the group. FIRN_DENIED,
 * FIRN_UNAVAILABLE …: the group or a topic cannot be read any more. */
FIRN_MUST_USE firn_status kafka_consumer_read(kafka_consumer *consumer, uint64_t timeout_ms, rd_kafka_message_t *ret_messages[],
                                              size_t most, size_t *ret_count, firn_error *err);
/* Whether nothing waits to be read: a read that brought less than it might does not say so, since a change of the group ends it, too. */
bool     kafka_consumer_is_drained(const kafka_consumer *consumer);
/* Whether brokers answer, as far as is known; for how long they have not. */
bool     kafka_consumer_is_connected(kafka_consumer *consumer);
uint64_t kafka_consumer_silent_us(kafka_consumer *consumer, uint64_t now_us);
/* What the group was told, by whom ever; an offset below 0: nothing. */
FIRN_MUST_USE firn_status kafka_consumer_told(kafka_consumer *consumer, rd_kafka_topic_partition_list_t *offsets, firn_error *err);
/* Tells the group, without waiting. */
void kafka_consumer_mirror(kafka_consumer *consumer, const rd_kafka_topic_partition_list_t *offsets);

#endif
