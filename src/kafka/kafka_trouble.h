/*
 * What goes wrong between librdkafka and a cluster, and how it is told: the most telling of librdkafka's errors, with advice.
 *
 * Weights:   what a user can mend (login, certificates) is worth more than that a broker is away; such errors are not waited out
 * Errors:    KAFKA_UNAVAILABLE, KAFKA_DENIED, KAFKA_TLS, KAFKA_TOPIC
 * Threads:   librdkafka's own threads note, any thread takes
 */
#ifndef FIRN_KAFKA_KAFKA_TROUBLE_H
#define FIRN_KAFKA_KAFKA_TROUBLE_H

#include "kafka/kafka_cluster.h"
#include "task/lock.h"

struct kafka_trouble {
    task_lock          *lock;
    rd_kafka_resp_err_t code; /* 0: none; the most telling one */
    char                text[FIRN_ERROR_TEXT_MAX];
    int                 certificate_error; /* OpenSSL's X509_V_ERR_…; 0: none */
    int                 certificate_depth;
    char                certificate_of[256];
    char                token_hint[FIRN_ERROR_TEXT_MAX];
    /* What librdkafka's calls need beside: of kafka_cluster.c. */
    const kafka_cluster *cluster;
    bool                 was_reached;     /* brokers have let us in. Atomic */
    uint64_t             silent_since_us; /* monotonic; 0: brokers answer. Atomic */
    firn_secret         *token; /* the newest, so that no message shows it */
    void (*rebalance)(rd_kafka_t *, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t *, void *);
    void               *rebalance_state;
    rd_kafka_resp_err_t delivery;
};

void kafka_trouble_note(kafka_trouble *trouble, rd_kafka_resp_err_t code, const char *text);
/* A certificate of `broker` ("host:port") failed: OpenSSL's X509_V_ERR_…, at this depth of the chain (0: the broker's own). */
void kafka_trouble_note_certificate(kafka_trouble *trouble, const char *broker, int error, int depth);
void kafka_trouble_forget(kafka_trouble *trouble);

/* Why there is no token: what librdkafka is to be told, which hands it back as its own error. */
void kafka_trouble_note_token(kafka_trouble *trouble, const firn_error *why, char ret_text[FIRN_ERROR_TEXT_MAX]);

/* Such an error is a login's or a certificate's, which a user must mend. */
bool kafka_trouble_is_users(rd_kafka_resp_err_t code, const char *text);
/* Waiting does not mend it. */
bool kafka_trouble_is_hopeless(kafka_trouble *trouble);

#endif
