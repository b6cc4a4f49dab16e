/*
 * A topic is read as a whole, by whoever the group gives its partition 0; nobody reads the partitions that the group gives to others. A table
 * has one writer then, and one key index that knows all its rows; processes that share a source share its topics.
 *
 * Lists are librdkafka's; those returned are the caller's, NULL: no memory.
 */
#ifndef FIRN_KAFKA_WHOLE_TOPICS_H
#define FIRN_KAFKA_WHOLE_TOPICS_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

/* What to read in addition to `current`, where the group has given `given`. */
rd_kafka_topic_partition_list_t *whole_topics_assigned(const rd_kafka_topic_partition_list_t *given, const rd_kafka_topic_partition_list_t *current,
                                                       const struct rd_kafka_metadata *topics);
/* What of `current` to give up, where the group has taken `taken`. */
rd_kafka_topic_partition_list_t *whole_topics_revoked(const rd_kafka_topic_partition_list_t *taken, const rd_kafka_topic_partition_list_t *current);

#endif
