/*
 * How a Kafka cluster is spoken to: kafka_clusters.yaml → librdkafka's configuration, and librdkafka's errors → firn's.
 *
 * Trust:     TLS verifies certificate and host name; without `ssl_ca` by the system's certificates
 * Login:     PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 by name and password; OAUTHBEARER with a token as the password, or with tokens of
 *            an identity provider, where name and password are the client's (kafka_token.h); GSSAPI by a
 *            keytab or the ticket that is there already (kafka_kerberos.h; librdkafka would run kinit through a shell: off)
 * Errors:    KAFKA_UNAVAILABLE, KAFKA_DENIED, KAFKA_TLS, KAFKA_PROPERTY
 * Threads:   librdkafka's own threads note errors here; everything else from one thread at a time
 */
#ifndef FIRN_KAFKA_KAFKA_CLUSTER_H
#define FIRN_KAFKA_KAFKA_CLUSTER_H

#include <librdkafka/rdkafka.h>

#include "base/error.h"
#include "base/secret.h"
#include "task/task.h"

typedef struct kafka_property {
    const char *name, *value;
    const char *where; /* "config/kafka_clusters.yaml:12", for messages */
} kafka_property;

typedef struct kafka_cluster {
    const char           *name; /* as in kafka_clusters.yaml */
    const char           *bootstrap_servers;
    const char           *protocol;  /* plaintext, ssl, sasl_plaintext, sasl_ssl; NULL: plaintext */
    const char           *mechanism; /* of SASL; NULL: none */
    const char           *username;
    const firn_secret    *password;
    const char           *token_url; /* of OAUTHBEARER; NULL: the password is the token */
    const char           *token_scope, *token_ca, *token_extensions; /* NULL: none */
    const char           *keytab;  /* of GSSAPI; NULL: the ticket that is there (kafka_kerberos.h) */
    const char           *service; /* the brokers' name in Kerberos; NULL: kafka */
    const char           *ca, *certificate, *key; /* files; NULL: none */
    const firn_secret    *key_password;
    const kafka_property *properties; /* of the allow list */
    unsigned              property_count;
    bool                  from_latest; /* auto_offset_reset */
} kafka_cluster;

/* What librdkafka's threads have said of the cluster last. */
typedef struct kafka_trouble kafka_trouble;
FIRN_MUST_USE kafka_trouble *kafka_trouble_new(void);
void                         kafka_trouble_free(kafka_trouble *trouble);
FIRN_DEFINE_FREEP(kafka_trouble, kafka_trouble_free)

/* How the last message that a producer sent fared. */
rd_kafka_resp_err_t kafka_trouble_delivery(kafka_trouble *trouble);

/* A client of the cluster; `extra` are further properties. The client notes its troubles until it is destroyed. */
FIRN_MUST_USE firn_status kafka_client_new(const kafka_cluster *cluster, rd_kafka_type_t type,
                                           const kafka_property extra[], unsigned extra_count,
                                           void (*rebalance)(rd_kafka_t *, rd_kafka_resp_err_t,
                                                             rd_kafka_topic_partition_list_t *, void *),
                                           void *rebalance_state, kafka_trouble *trouble, rd_kafka_t **ret_client,
                                           firn_error *err);

/* The client has reached a broker and is let in; waits for that at most timeout_ms. `ret_cluster_id` (at least 64 bytes) may be NULL. */
FIRN_MUST_USE firn_status kafka_client_wait(rd_kafka_t *client, const kafka_cluster *cluster, kafka_trouble *trouble,
                                            uint64_t timeout_ms, task_cancel *cancel, char *ret_cluster_id, firn_error *err);

/* Of the librdkafka that runs, which need not be the one that firn was built with. */
const char *kafka_library_version(void);

/* Of "<prefix>.<something>". */
bool kafka_topic_has_prefix(const char *topic, const char *prefix);
/* 0: there is no such topic. */
int  kafka_topic_partition_count(const struct rd_kafka_metadata *topics, const char *topic);

/* An error of librdkafka, with what its threads have said. */
firn_status kafka_fail(firn_error *err, const kafka_cluster *cluster, kafka_trouble *trouble, rd_kafka_resp_err_t code,
                       const char *doing);

#endif
