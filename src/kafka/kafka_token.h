/*
 * Tokens for OAUTHBEARER: asked for at an identity provider's token endpoint (OAuth 2.0, client credentials). firn asks by itself,
 * since librdkafka's own way is missing in Debian's build, and knows neither certificates of one's own nor who must not see what.
 *
 * Spec:      RFC 6749, 4.4 and 2.3.1 (id and secret as Basic, form-encoded first); RFC 7628, 3.1 (extensions)
 * Trust:     https only (http:// to this machine); ssl_ca of the endpoint, or the system's certificates
 * Errors:    KAFKA_DENIED (the endpoint refuses), KAFKA_UNAVAILABLE (it does not answer), HTTP_TLS, HTTP_URL
 * Threads:   no shared state
 */
#ifndef FIRN_KAFKA_KAFKA_TOKEN_H
#define FIRN_KAFKA_KAFKA_TOKEN_H

#include "base/arena.h"
#include "kafka/kafka_cluster.h"

#define KAFKA_TOKEN_EXTENSIONS_MAX 16

typedef struct kafka_token {
    firn_secret *text;
    int64_t      life_s; /* from now */
} kafka_token;
void kafka_token_done(kafka_token *token);

/* By the cluster's token_url, username and password; one attempt of at most some seconds. */
FIRN_MUST_USE firn_status kafka_token_fetch(const kafka_cluster *cluster, task_cancel *cancel, kafka_token *ret_token, firn_error *err);

/* An endpoint's answer. `endpoint` is for messages. */
FIRN_MUST_USE firn_status kafka_token_parse(firn_slice json, const char *endpoint, kafka_token *ret_token, firn_error *err);

/* "logicalCluster=lkc-1,identityPoolId=pool-2" → names and values in turn, in `arena`. */
FIRN_MUST_USE firn_status kafka_token_extensions(const char *text, firn_arena *arena, const char *ret_extensions[2 * KAFKA_TOKEN_EXTENSIONS_MAX],
                                                 size_t *ret_count, firn_error *err);

#endif
