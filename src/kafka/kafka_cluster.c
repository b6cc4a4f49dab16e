#include "kafka/kafka_cluster.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "kafka/kafka_kerberos.h"
#include "kafka/kafka_token.h"
#include "kafka/kafka_trouble.h"
#include "net/http.h"

#define WAIT_STEP_MS 500
#define CLUSTER_ID_SIZE 64
/* A token whose end nobody tells. */
#define TOKEN_LIFE_S ((int64_t) 365 * 86400)

/* ---- what librdkafka calls ---- */

/* What stands behind brokers that are away while we follow, which nobody else would say. The first contact says it itself. */
static void
tell_users(kafka_trouble *trouble, rd_kafka_resp_err_t code, const char *reason)
{
    char text[FIRN_ERROR_TEXT_MAX];

    if (!__atomic_load_n(&trouble->was_reached, __ATOMIC_RELAXED) || !kafka_trouble_is_users(code, reason)) return;
    (void) snprintf(text, sizeof text, "%s", reason);
    firn_secret_redact(text);
    log_warning("kafka: no broker lets us in any more, tried again: %s", text);
}

static void
on_error(rd_kafka_t *client, int code, const char *reason, void *state)
{
    char text[FIRN_ERROR_TEXT_MAX];

    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        const rd_kafka_resp_err_t cause = rd_kafka_fatal_error(client, text, sizeof text);
        code = (int) cause;
        reason = text;
    }
    kafka_trouble_note(state, (rd_kafka_resp_err_t) code, reason);
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        uint64_t none = 0;
        (void) __atomic_compare_exchange_n(&((kafka_trouble *) state)->silent_since_us, &none, firn_clock_monotonic_us(), false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    }
    tell_users(state, (rd_kafka_resp_err_t) code, reason);
    log_debug("kafka: %s: %s", rd_kafka_err2name((rd_kafka_resp_err_t) code), reason);
}

static void
on_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    char line[FIRN_ERROR_TEXT_MAX];

    (void) client;
    (void) level;
    (void) snprintf(line, sizeof line, "%s", text);
    firn_secret_redact(line);
    log_debug("kafka: %s: %s", facility, line);
}

/* Says why a certificate is not trusted, which librdkafka does not. It decides nothing: what OpenSSL refuses stays refused. */
static int
on_certificate(rd_kafka_t *client FIRN_UNUSED, const char *broker, int32_t broker_id FIRN_UNUSED, int *error, int depth,
               const char *der FIRN_UNUSED, size_t der_size FIRN_UNUSED, char *text, size_t text_size, void *state)
{
    if (*error == 0) return 1;
    kafka_trouble_note_certificate(state, broker, *error, depth);
    (void) snprintf(text, text_size, "error %d of X509", *error);
    return 0;
}

static firn_status
make_token(kafka_trouble *trouble, int64_t *ret_until_ms, firn_error *err)
{
    const kafka_cluster *cluster = trouble->cluster;
    kafka_token          token = {.life_s = TOKEN_LIFE_S};

    if (cluster->token_url)
        FIRN_TRY(kafka_token_fetch(cluster, NULL, &token, err));
    else if (!(token.text = firn_secret_new(firn_secret_reveal(cluster->password))))
        return firn_fail_memory(err, "a token");
    firn_secret_free(trouble->token); /* this thread's alone */
    trouble->token = token.text;
    *ret_until_ms = firn_clock_now_us() / 1000 + token.life_s * 1000;
    return FIRN_OK;
}

static firn_status
give_token(rd_kafka_t *client, kafka_trouble *trouble, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const char *extensions[2 * KAFKA_TOKEN_EXTENSIONS_MAX];
    size_t      extension_count;
    int64_t     until_ms;
    char        text[256] = "";
    const char *name = trouble->cluster->username;

    FIRN_TRY(kafka_token_extensions(trouble->cluster->token_extensions, &arena, extensions, &extension_count, err));
    FIRN_TRY(make_token(trouble, &until_ms, err));
    if (!rd_kafka_oauthbearer_set_token(client, firn_secret_reveal(trouble->token), until_ms, name && *name ? name : "firn", extensions, extension_count,
                                        text, sizeof text))
        return FIRN_OK;
    return firn_fail(err, FIRN_E_KAFKA_DENIED, "librdkafka does not take the token: %s", text);
}

/* In librdkafka's thread for this: a run that is busy does not let its token run out. */
static void
on_token(rd_kafka_t *client, const char *config FIRN_UNUSED, void *state)
{
    firn_error err = {0};
    char       text[FIRN_ERROR_TEXT_MAX];

    if (give_token(client, state, &err) == FIRN_OK) return;
    kafka_trouble_note_token(state, &err, text);
    /* Else it is the first contact, which says so itself. */
    if (((kafka_trouble *) state)->token) log_warning("kafka: %s; asked again in 10 s", text);
    (void) rd_kafka_oauthbearer_set_token_failure(client, text);
}

static void
on_delivery(rd_kafka_t *client FIRN_UNUSED, const rd_kafka_message_t *message, void *state)
{
    ((kafka_trouble *) state)->delivery = message->err;
}

rd_kafka_resp_err_t
kafka_trouble_delivery(kafka_trouble *trouble)
{
    return trouble->delivery;
}

static void
on_rebalance(rd_kafka_t *client, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *partitions, void *state)
{
    const kafka_trouble *trouble = state;

    trouble->rebalance(client, code, partitions, trouble->rebalance_state);
}

/* ---- configuration ---- */

static void
conf_destroyp(rd_kafka_conf_t **slot)
{
    if (*slot) rd_kafka_conf_destroy(*slot);
}

static firn_status
set(rd_kafka_conf_t *conf, const char *name, const char *value, const char *where, firn_error *err)
{
    char text[FIRN_ERROR_TEXT_MAX];

    if (!value || !*value || rd_kafka_conf_set(conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK) return FIRN_OK;
    firn_secret_redact(text);
    return firn_fail(err, FIRN_E_KAFKA_PROPERTY, "%s%slibrdkafka refuses '%s': %.400s", where ? where : "", where ? ": " : "", name, text);
}

static firn_status
set_tokens(rd_kafka_conf_t *conf, const kafka_cluster *cluster, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const char *extensions[2 * KAFKA_TOKEN_EXTENSIONS_MAX];
    size_t      extension_count;

    FIRN_TRY(kafka_token_extensions(cluster->token_extensions, &arena, extensions, &extension_count, err));
    if (cluster->token_url) FIRN_TRY(http_url_check(cluster->token_url, false, "oauth_token_url", err));
    if (cluster->token_url && !cluster->username) {
        (void) firn_fail(err, FIRN_E_KAFKA_PROPERTY, "cluster '%s' has an oauth_token_url, and no sasl_username", cluster->name);
        firn_hint(err, "sasl_username is the client's id there, sasl_password its secret");
        return err->status;
    }
    rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, on_token);
    rd_kafka_conf_enable_sasl_queue(conf, 1);
    return FIRN_OK;
}

static firn_status
set_kerberos(rd_kafka_conf_t *conf, const kafka_cluster *cluster, firn_error *err)
{
    if (cluster->service && !kafka_kerberos_is_service(cluster->service)) {
        (void) firn_fail(err, FIRN_E_KAFKA_PROPERTY, "kerberos_service '%s' of cluster '%s' is not a service's name", cluster->service, cluster->name);
        firn_hint(err, "it is what stands before the / in the brokers' principal, of letters, digits, '.', '_' and '-': kafka of kafka/host@REALM");
        return err->status;
    }
    FIRN_TRY(set(conf, "sasl.kerberos.service.name", cluster->service, NULL, err));
    /* No kinit through a shell. */
    return set(conf, "sasl.kerberos.min.time.before.relogin", "0", NULL, err);
}

static firn_status
set_login(rd_kafka_conf_t *conf, const kafka_cluster *cluster, firn_error *err)
{
    const char *mechanism = cluster->mechanism;

    if (!cluster->protocol || strncmp(cluster->protocol, "sasl_", 5) != 0) return FIRN_OK;
    if (!mechanism) {
        (void) firn_fail(err, FIRN_E_KAFKA_PROPERTY, "cluster '%s' is spoken to by %s, and it is not said how to log in", cluster->name,
                         cluster->protocol);
        firn_hint(err, "set security: sasl_mechanism of '%s' in kafka_clusters.yaml", cluster->name);
        return err->status;
    }
    FIRN_TRY(set(conf, "sasl.mechanisms", mechanism, NULL, err));
    if (strcmp(mechanism, "GSSAPI") == 0) return set_kerberos(conf, cluster, err);
    if (!cluster->password) {
        (void) firn_fail(err, FIRN_E_KAFKA_PROPERTY, "cluster '%s' logs in by %s, and has no sasl_password", cluster->name, mechanism);
        firn_hint(err, "set security: sasl_password of '%s' in kafka_clusters.yaml, as ${NAME}%s", cluster->name,
                  strcmp(mechanism, "OAUTHBEARER") != 0 ? "" : cluster->token_url ? "; it is the client's secret" : "; for OAUTHBEARER it is the token, or with oauth_token_url the client's secret");
        return err->status;
    }
    if (strcmp(mechanism, "OAUTHBEARER") == 0) return set_tokens(conf, cluster, err);
    FIRN_TRY(set(conf, "sasl.username", cluster->username, NULL, err));
    return set(conf, "sasl.password", firn_secret_reveal(cluster->password), NULL, err);
}

static firn_status
set_all(rd_kafka_conf_t *conf, const kafka_cluster *cluster, const kafka_property extra[], unsigned extra_count, firn_error *err)
{
    FIRN_TRY(set(conf, "client.id", "firn", NULL, err));
    FIRN_TRY(set(conf, "bootstrap.servers", cluster->bootstrap_servers, NULL, err));
    FIRN_TRY(set(conf, "security.protocol", cluster->protocol, NULL, err));
    FIRN_TRY(set(conf, "ssl.endpoint.identification.algorithm", "https", NULL, err));
    FIRN_TRY(set(conf, "ssl.ca.location", cluster->ca, NULL, err));
    FIRN_TRY(set(conf, "ssl.certificate.location", cluster->certificate, NULL, err));
    FIRN_TRY(set(conf, "ssl.key.location", cluster->key, NULL, err));
    FIRN_TRY(set(conf, "ssl.key.password", cluster->key_password ? firn_secret_reveal(cluster->key_password) : NULL, NULL, err));
    FIRN_TRY(set_login(conf, cluster, err));
    for (unsigned i = 0; i < extra_count; i++) FIRN_TRY(set(conf, extra[i].name, extra[i].value, extra[i].where, err));
    for (unsigned i = 0; i < cluster->property_count; i++)
        FIRN_TRY(set(conf, cluster->properties[i].name, cluster->properties[i].value, cluster->properties[i].where, err));
    return FIRN_OK;
}

static firn_status
fail_settings(const kafka_cluster *cluster, const char *text, firn_error *err)
{
    (void) firn_fail(err, FIRN_E_KAFKA_PROPERTY, "librdkafka refuses the settings of cluster '%s': %.400s", cluster->name, text);
    if (strstr(text, "ssl.key"))
        firn_hint(err, "ssl_key (%s) must be a key in PEM that belongs to ssl_certificate, and ssl_key_password its password, where it is encrypted", cluster->key);
    else if (strstr(text, "ssl.certificate"))
        firn_hint(err, "ssl_certificate (%s) must be a readable file with a certificate in PEM", cluster->certificate);
    else if (strstr(text, "No provider for SASL"))
        firn_hint(err, "this librdkafka (%s) was built without it; that of Debian and of Confluent's packages has all mechanisms", rd_kafka_version_str());
    else if (strstr(text, "ssl.ca"))
        firn_hint(err, "ssl_ca (%s) must be a readable file with certificates in PEM", cluster->ca);
    return err->status;
}

firn_status
kafka_client_new(const kafka_cluster *cluster, rd_kafka_type_t type, const kafka_property extra[], unsigned extra_count,
                 void (*rebalance)(rd_kafka_t *, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t *, void *),
                 void *rebalance_state, kafka_trouble *trouble, rd_kafka_t **ret_client, firn_error *err)
{
    FIRN_AUTO(conf_destroyp) rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[FIRN_ERROR_TEXT_MAX];

    if (!conf) return firn_fail_memory(err, "a Kafka client");
    trouble->cluster = cluster;
    trouble->rebalance = rebalance;
    trouble->rebalance_state = rebalance_state;
    rd_kafka_conf_set_opaque(conf, trouble);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    if (rd_kafka_conf_set_ssl_cert_verify_cb(conf, on_certificate)) log_debug("kafka: librdkafka cannot say why a certificate is not trusted");
    if (type == RD_KAFKA_PRODUCER) rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    if (rebalance) rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    FIRN_TRY(set_all(conf, cluster, extra, extra_count, err));
    *ret_client = rd_kafka_new(type, conf, text, sizeof text);
    if (!*ret_client) {
        firn_secret_redact(text);
        return fail_settings(cluster, text, err);
    }
    conf = NULL; /* the client's now */
    if (cluster->mechanism && strcmp(cluster->mechanism, "OAUTHBEARER") == 0) {
        rd_kafka_error_t *failed = rd_kafka_sasl_background_callbacks_enable(*ret_client);
        if (failed) log_debug("kafka: tokens are renewed only where messages are read: %s", rd_kafka_error_string(failed));
        if (failed) rd_kafka_error_destroy(failed);
    }
    return FIRN_OK;
}

/* ---- the first contact ---- */

firn_status
kafka_client_wait(rd_kafka_t *client, const kafka_cluster *cluster, kafka_trouble *trouble, uint64_t timeout_ms,
                  task_cancel *cancel, char *ret_cluster_id, firn_error *err)
{
    uint64_t until_us = firn_clock_monotonic_us() + timeout_ms * 1000;

    for (;;) {
        const struct rd_kafka_metadata *metadata = NULL;
        rd_kafka_resp_err_t code = rd_kafka_metadata(client, 0, NULL, &metadata, WAIT_STEP_MS);

        (void) rd_kafka_poll(client, 0);
        if (metadata) rd_kafka_metadata_destroy(metadata);
        if (!code) break;
        if (kafka_trouble_is_hopeless(trouble) || firn_clock_monotonic_us() >= until_us)
            return kafka_fail(err, cluster, trouble, code, "cannot reach the brokers");
        if (task_cancel_requested(cancel)) return firn_fail(err, FIRN_E_CANCELLED, "stopped while reaching Kafka cluster '%s'", cluster->name);
    }
    kafka_trouble_forget(trouble);
    __atomic_store_n(&trouble->was_reached, true, __ATOMIC_RELAXED);
    __atomic_store_n(&trouble->silent_since_us, 0, __ATOMIC_RELAXED);
    if (ret_cluster_id) {
        char *id = rd_kafka_clusterid(client, WAIT_STEP_MS);
        (void) snprintf(ret_cluster_id, CLUSTER_ID_SIZE, "%s", id ? id : "");
        if (id) rd_kafka_mem_free(client, id);
    }
    return FIRN_OK;
}

const char *
kafka_library_version(void)
{
    return rd_kafka_version_str();
}

/* ---- topics ---- */

bool
kafka_topic_has_prefix(const char *topic, const char *prefix)
{
    size_t size = strlen(prefix);

    return strncmp(topic, prefix, size) == 0 && topic[size] == '.' && topic[size + 1];
}

int
kafka_topic_partition_count(const struct rd_kafka_metadata *topics, const char *topic)
{
    for (int i = 0; i < topics->topic_cnt; i++) {
        if (strcmp(topics->topics[i].topic, topic) == 0) return topics->topics[i].partition_cnt;
    }
    return 0;
}
