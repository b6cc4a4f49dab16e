#include "kafka/kafka_look.h"

#define ASK_MS 15000

static void
count_topics(const rd_kafka_metadata_t *all, const char *prefix, kafka_look *look)
{
    look->broker_count = (unsigned) all->broker_cnt;
    for (int i = 0; i < all->topic_cnt; i++) {
        if (!kafka_topic_has_prefix(all->topics[i].topic, prefix)) continue;
        look->topic_count++;
        look->partition_count += (unsigned) all->topics[i].partition_cnt;
    }
}

static firn_status
look_with(rd_kafka_t *client, const kafka_cluster *cluster, const char *topic_prefix, uint64_t timeout_ms, kafka_trouble *trouble,
          task_cancel *cancel, kafka_look *look, firn_error *err)
{
    const rd_kafka_metadata_t *all = NULL;

    FIRN_TRY(kafka_client_wait(client, cluster, trouble, timeout_ms, cancel, look->cluster_id, err));
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 1, NULL, &all, ASK_MS);
    if (code) return kafka_fail(err, cluster, trouble, code, "cannot ask for the topics");
    count_topics(all, topic_prefix, look);
    rd_kafka_metadata_destroy(all);
    return FIRN_OK;
}

firn_status
kafka_look_at(const kafka_cluster *cluster, const char *topic_prefix, uint64_t timeout_ms, task_cancel *cancel, kafka_look *ret_look,
              firn_error *err)
{
    const kafka_property extra[] = {{"allow.auto.create.topics", "false", NULL}};
    FIRN_AUTO(kafka_trouble_freep) kafka_trouble *trouble = kafka_trouble_new();
    rd_kafka_t *client = NULL;

    *ret_look = (kafka_look){0};
    if (!trouble) return firn_fail_memory(err, "a Kafka client");
    FIRN_TRY(kafka_client_new(cluster, RD_KAFKA_CONSUMER, extra, 1, NULL, NULL, trouble, &client, err));
    firn_status status = look_with(client, cluster, topic_prefix, timeout_ms, trouble, cancel, ret_look, err);
    rd_kafka_destroy(client);
    return status;
}
