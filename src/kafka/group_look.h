/*
 * What a consumer group has given to whom.
 */
#ifndef FIRN_KAFKA_GROUP_LOOK_H
#define FIRN_KAFKA_GROUP_LOOK_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

typedef enum group_look { GROUP_LOOK_UNCLEAR, GROUP_LOOK_WHOLE, GROUP_LOOK_LEAVES_OUT } group_look;

/* Whether partition 0 of each topic with the prefix belongs to a member. UNCLEAR: it is being handed out, or brokers do not answer soon. */
group_look group_look_at(rd_kafka_t *client, const char *group_id, const char *topic_prefix, const struct rd_kafka_metadata *topics);

#endif
