#include "kafka/dead_letter.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

#define SEND_MS 30000

struct dead_letter {
    kafka_trouble      *trouble;
    rd_kafka_t         *client;
    rd_kafka_resp_err_t outcome;
};

void
dead_letter_free(dead_letter *letters)
{
    if (!letters) return;
    if (letters->client) rd_kafka_destroy(letters->client);
    kafka_trouble_free(letters->trouble);
    firn_free(letters);
}
FIRN_DEFINE_FREEP(dead_letter, dead_letter_free)

static firn_status
open_letters(const kafka_cluster *cluster, dead_letter **ret_letters, firn_error *err)
{
    FIRN_AUTO(dead_letter_freep) dead_letter *letters = firn_calloc(1, sizeof *letters);
    /* Written once, by every replica. */
    const kafka_property extra[] = {{"enable.idempotence", "true", NULL}};

    if (!letters || !(letters->trouble = kafka_trouble_new())) return firn_fail_memory(err, "a Kafka producer");
    FIRN_TRY(kafka_client_new(cluster, RD_KAFKA_PRODUCER, extra, FIRN_COUNT(extra), NULL, NULL, letters->trouble, &letters->client, err));
    *ret_letters = FIRN_STEAL(letters);
    return FIRN_OK;
}

static rd_kafka_headers_t *
make_headers(const rd_kafka_message_t *message, const char *reason)
{
    rd_kafka_headers_t *before = NULL, *headers;
    char                number[32];

    headers = rd_kafka_message_headers(message, &before) || !before ? rd_kafka_headers_new(4) : rd_kafka_headers_copy(before);
    (void) rd_kafka_header_add(headers, "firn.reason", -1, reason, -1);
    (void) rd_kafka_header_add(headers, "firn.topic", -1, rd_kafka_topic_name(message->rkt), -1);
    (void) snprintf(number, sizeof number, "%d", (int) message->partition);
    (void) rd_kafka_header_add(headers, "firn.partition", -1, number, -1);
    (void) snprintf(number, sizeof number, "%" PRId64, message->offset);
    (void) rd_kafka_header_add(headers, "firn.offset", -1, number, -1);
    return headers;
}

firn_status
dead_letter_send(dead_letter **slot, const kafka_cluster *cluster, const char *topic, const rd_kafka_message_t *message,
                 const char *reason, firn_error *err)
{
    rd_kafka_timestamp_type_t type;

    if (!*slot) FIRN_TRY(open_letters(cluster, slot, err));
    dead_letter        *letters = *slot;
    rd_kafka_headers_t *headers = make_headers(message, reason);
    rd_kafka_resp_err_t code = rd_kafka_producev(
        letters->client, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(message->key, message->key_len),
        RD_KAFKA_V_VALUE(message->payload, message->len), RD_KAFKA_V_TIMESTAMP(rd_kafka_message_timestamp(message, &type)),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);

    if (code) rd_kafka_headers_destroy(headers);
    /* Nothing else is under way: what is not flushed was not delivered. */
    if (!code) code = rd_kafka_flush(letters->client, SEND_MS);
    if (!code && rd_kafka_outq_len(letters->client)) code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (!code) code = kafka_trouble_delivery(letters->trouble);
    if (!code) return FIRN_OK;
    (void) kafka_fail(err, cluster, letters->trouble, code, "cannot keep a message aside in the dead-letter topic");
    return firn_while(err, "writing to topic '%s'", topic);
}
