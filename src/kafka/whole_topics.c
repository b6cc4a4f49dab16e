#include "kafka/whole_topics.h"

#include "kafka/kafka_cluster.h"

static bool
has(const rd_kafka_topic_partition_list_t *list, const char *topic, int32_t partition)
{
    return rd_kafka_topic_partition_list_find((rd_kafka_topic_partition_list_t *) (uintptr_t) list, topic, partition) != NULL;
}

/* One that brokers have not told of yet is in `given` alone. */
rd_kafka_topic_partition_list_t *
whole_topics_assigned(const rd_kafka_topic_partition_list_t *given, const rd_kafka_topic_partition_list_t *current,
                      const struct rd_kafka_metadata *topics)
{
    rd_kafka_topic_partition_list_t *out = rd_kafka_topic_partition_list_new(given->cnt + 1);

    for (int i = 0; out && i < given->cnt; i++) {
        const char *topic = given->elems[i].topic;
        int32_t     number = given->elems[i].partition;

        if (!has(given, topic, 0) && !has(current, topic, 0)) continue;
        if (!has(current, topic, number) && !has(out, topic, number)) rd_kafka_topic_partition_list_add(out, topic, number);
        for (int32_t k = 0; k < kafka_topic_partition_count(topics, topic); k++) {
            if (!has(current, topic, k) && !has(out, topic, k)) rd_kafka_topic_partition_list_add(out, topic, k);
        }
    }
    return out;
}

rd_kafka_topic_partition_list_t *
whole_topics_revoked(const rd_kafka_topic_partition_list_t *taken, const rd_kafka_topic_partition_list_t *current)
{
    rd_kafka_topic_partition_list_t *out = rd_kafka_topic_partition_list_new(current->cnt + 1);

    for (int i = 0; out && i < current->cnt; i++) {
        if (has(taken, current->elems[i].topic, 0)) rd_kafka_topic_partition_list_add(out, current->elems[i].topic, current->elems[i].partition);
    }
    return out;
}
