#include "kafka/group_look.h"

#include "base/error.h"
#include "kafka/kafka_cluster.h"

#define ASK_MS 5000

static bool
is_given(const rd_kafka_ConsumerGroupDescription_t *group, const char *topic)
{
    for (size_t i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(group); i++) {
        const rd_kafka_MemberAssignment_t *given = rd_kafka_MemberDescription_assignment(rd_kafka_ConsumerGroupDescription_member(group, i));
        const rd_kafka_topic_partition_list_t *list = given ? rd_kafka_MemberAssignment_partitions(given) : NULL;

        if (list && rd_kafka_topic_partition_list_find((rd_kafka_topic_partition_list_t *) (uintptr_t) list, topic, 0)) return true;
    }
    return false;
}

static group_look
judge(const rd_kafka_event_t *answer, const char *topic_prefix, const struct rd_kafka_metadata *topics)
{
    const rd_kafka_DescribeConsumerGroups_result_t *result = answer && !rd_kafka_event_error((rd_kafka_event_t *) (uintptr_t) answer)
                                                                 ? rd_kafka_event_DescribeConsumerGroups_result((rd_kafka_event_t *) (uintptr_t) answer)
                                                                 : NULL;
    size_t count = 0;
    const rd_kafka_ConsumerGroupDescription_t **groups = result ? rd_kafka_DescribeConsumerGroups_result_groups(result, &count) : NULL;

    if (count != 1 || rd_kafka_ConsumerGroupDescription_error(groups[0]) ||
        rd_kafka_ConsumerGroupDescription_state(groups[0]) != RD_KAFKA_CONSUMER_GROUP_STATE_STABLE)
        return GROUP_LOOK_UNCLEAR;
    for (int i = 0; i < topics->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *topic = &topics->topics[i];

        if (kafka_topic_has_prefix(topic->topic, topic_prefix) && topic->partition_cnt && !is_given(groups[0], topic->topic)) return GROUP_LOOK_LEAVES_OUT;
    }
    return GROUP_LOOK_WHOLE;
}

group_look
group_look_at(rd_kafka_t *client, const char *group_id, const char *topic_prefix, const struct rd_kafka_metadata *topics)
{
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
    rd_kafka_queue_t        *queue = rd_kafka_queue_new(client);
    char                     text[256];

    (void) rd_kafka_AdminOptions_set_request_timeout(options, ASK_MS, text, sizeof text);
    rd_kafka_DescribeConsumerGroups(client, &group_id, 1, options, queue);
    rd_kafka_event_t *answer = rd_kafka_queue_poll(queue, ASK_MS);
    group_look        look = judge(answer, topic_prefix, topics);
    if (answer) rd_kafka_event_destroy(answer);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    return look;
}
