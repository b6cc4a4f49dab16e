#include "kafka/kafka_cluster.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

#define WAIT_STEP_MS 500
/* 2.6.1: before it, the client's nonce was sent twice (confluentinc/librdkafka#4895), which brokers refuse since CVE-2024-56128. */
#define SCRAM_MENDED 0x020601ff
#define CLUSTER_ID_SIZE 64
/* A token whose end nobody tells. */
#define TOKEN_LIFE_MS ((int64_t) 365 * 86400 * 1000)

struct kafka_trouble {
    task_lock            *lock;
    const kafka_cluster  *cluster;
    void (*rebalance)(rd_kafka_t *, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t *, void *);
    void                 *rebalance_state;
    rd_kafka_resp_err_t   code; /* 0: none; the most telling one */
    char                  text[FIRN_ERROR_TEXT_MAX];
    rd_kafka_resp_err_t   delivery;
};

kafka_trouble *
kafka_trouble_new(void)
{
    kafka_trouble *trouble = firn_calloc(1, sizeof *trouble);
    if (!trouble) return NULL;
    trouble->lock = task_lock_new();
    if (trouble->lock) return trouble;
    firn_free(trouble);
    return NULL;
}

void
kafka_trouble_free(kafka_trouble *trouble)
{
    if (!trouble) return;
    task_lock_free(trouble->lock);
    firn_free(trouble);
}

/* ---- errors ---- */

/* What a user can mend is worth more than that a broker is away. */
static int
weight_of(rd_kafka_resp_err_t code)
{
    switch ((int) code) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        return 4;
    case RD_KAFKA_RESP_ERR__RESOLVE:
        return 3;
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        return 1;
    default:
        return 2;
    }
}

static void
note(kafka_trouble *trouble, rd_kafka_resp_err_t code, const char *text)
{
    task_lock_hold(trouble->lock);
    if (!trouble->code || weight_of(code) >= weight_of(trouble->code)) {
        trouble->code = code;
        (void) snprintf(trouble->text, sizeof trouble->text, "%s", text);
        firn_secret_redact(trouble->text);
    }
    task_lock_release(trouble->lock);
}

static rd_kafka_resp_err_t
take(kafka_trouble *trouble, char out[FIRN_ERROR_TEXT_MAX])
{
    task_lock_hold(trouble->lock);
    rd_kafka_resp_err_t code = trouble->code;
    memcpy(out, trouble->text, sizeof trouble->text);
    task_lock_release(trouble->lock);
    return code;
}

static bool
is_of_tls(const char *text)
{
    return strstr(text, "SSL handshake") || strstr(text, "certificate") || strstr(text, "ssl://") || strstr(text, "sasl_ssl://");
}

static firn_code
code_of(rd_kafka_resp_err_t code, const char *text)
{
    switch ((int) code) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return FIRN_E_KAFKA_DENIED;
    case RD_KAFKA_RESP_ERR__SSL:
        return is_of_tls(text) ? FIRN_E_KAFKA_TLS : FIRN_E_KAFKA_UNAVAILABLE;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return FIRN_E_KAFKA_TOPIC;
    default:
        return FIRN_E_KAFKA_UNAVAILABLE;
    }
}

static void
hint_of(firn_error *err, const kafka_cluster *cluster, const char *text)
{
    const char *protocol = cluster->protocol ? cluster->protocol : "plaintext";

    if (err->code == FIRN_E_KAFKA_DENIED && strstr(text, "uthoriz"))
        firn_hint(err, "grant READ and DESCRIBE on the topics, and READ on the consumer group, to '%s'",
                  cluster->username ? cluster->username : "this client");
    else if (err->code == FIRN_E_KAFKA_DENIED && cluster->mechanism && strncmp(cluster->mechanism, "SCRAM", 5) == 0 && rd_kafka_version() < SCRAM_MENDED)
        firn_hint(err, "librdkafka %s cannot log in by SCRAM to brokers from Kafka 3.8.1 on, whatever the password (librdkafka#4895): use 2.6.1 or later, or PLAIN over TLS; "
                       "else look at sasl_username and sasl_password of '%s'", rd_kafka_version_str(), cluster->name);
    else if (err->code == FIRN_E_KAFKA_DENIED)
        firn_hint(err, "look at sasl_mechanism, sasl_username and sasl_password of '%s' in kafka_clusters.yaml", cluster->name);
    else if (err->code == FIRN_E_KAFKA_TLS) /* OpenSSL says the same of both */
        firn_hint(err, "ssl_ca of '%s' must be a file with the certificate that signed the broker's; and a certificate for another name than that in "
                       "bootstrap_servers (and the broker's advertised.listeners) is refused", cluster->name);
    else if (err->code == FIRN_E_KAFKA_UNAVAILABLE)
        firn_hint(err, "check bootstrap_servers of '%s' in kafka_clusters.yaml, the firewall, and that security: protocol (%s) is that of the broker's listener",
                  cluster->name, protocol);
}

firn_status
kafka_fail(firn_error *err, const kafka_cluster *cluster, kafka_trouble *trouble, rd_kafka_resp_err_t code, const char *doing)
{
    char                said[FIRN_ERROR_TEXT_MAX] = "";
    rd_kafka_resp_err_t other = trouble ? take(trouble, said) : RD_KAFKA_RESP_ERR_NO_ERROR;

    /* "timed out" says less than why nobody answered. */
    if (other && (weight_of(other) >= weight_of(code) || code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT))
        code = other;
    else
        (void) snprintf(said, sizeof said, "%s", rd_kafka_err2str(code));
    (void) firn_fail(err, code_of(code, said), "%s of Kafka cluster '%s' (%s): %.380s", doing, cluster->name, cluster->bootstrap_servers, said);
    hint_of(err, cluster, said);
    return err->status;
}

/* ---- what librdkafka calls ---- */

static void
on_error(rd_kafka_t *client, int code, const char *reason, void *state)
{
    char text[FIRN_ERROR_TEXT_MAX];

    if (code == RD_KAFKA_RESP_ERR__FATAL) {
        const rd_kafka_resp_err_t cause = rd_kafka_fatal_error(client, text, sizeof text);
        code = (int) cause;
        reason = text;
    }
    note(state, (rd_kafka_resp_err_t) code, reason);
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

static void
on_token(rd_kafka_t *client, const char *config FIRN_UNUSED, void *state)
{
    const kafka_trouble *trouble = state;
    char                 text[256];
    const char          *token = firn_secret_reveal(trouble->cluster->password);
    int64_t              until = firn_clock_now_us() / 1000 + TOKEN_LIFE_MS;

    if (rd_kafka_oauthbearer_set_token(client, token, until, trouble->cluster->username ? trouble->cluster->username : "firn", NULL, 0,
                                       text, sizeof text))
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
    /* No shell for kinit: the ticket is the user's matter. */
    if (strcmp(mechanism, "GSSAPI") == 0) return set(conf, "sasl.kerberos.min.time.before.relogin", "0", NULL, err);
    if (!cluster->password) {
        (void) firn_fail(err, FIRN_E_KAFKA_PROPERTY, "cluster '%s' logs in by %s, and has no sasl_password", cluster->name, mechanism);
        firn_hint(err, "set security: sasl_password of '%s' in kafka_clusters.yaml, as ${NAME}%s", cluster->name,
                  strcmp(mechanism, "OAUTHBEARER") == 0 ? "; for OAUTHBEARER it is the token" : "");
        return err->status;
    }
    if (strcmp(mechanism, "OAUTHBEARER") == 0) {
        rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, on_token);
        return FIRN_OK;
    }
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
    if (type == RD_KAFKA_PRODUCER) rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    if (rebalance) rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    FIRN_TRY(set_all(conf, cluster, extra, extra_count, err));
    *ret_client = rd_kafka_new(type, conf, text, sizeof text);
    if (!*ret_client) {
        firn_secret_redact(text);
        return firn_fail(err, FIRN_E_KAFKA_PROPERTY, "librdkafka refuses the settings of cluster '%s': %.400s", cluster->name, text);
    }
    conf = NULL; /* the client's now */
    return FIRN_OK;
}

/* ---- the first contact ---- */

static bool
is_hopeless(kafka_trouble *trouble)
{
    char text[FIRN_ERROR_TEXT_MAX];

    return weight_of(take(trouble, text)) >= 4;
}

static void
forget(kafka_trouble *trouble)
{
    task_lock_hold(trouble->lock);
    trouble->code = RD_KAFKA_RESP_ERR_NO_ERROR;
    trouble->text[0] = 0;
    task_lock_release(trouble->lock);
}

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
        if (is_hopeless(trouble) || firn_clock_monotonic_us() >= until_us)
            return kafka_fail(err, cluster, trouble, code, "cannot reach the brokers");
        if (task_cancel_requested(cancel)) return firn_fail(err, FIRN_E_CANCELLED, "stopped while reaching Kafka cluster '%s'", cluster->name);
    }
    forget(trouble);
    if (ret_cluster_id) {
        char *id = rd_kafka_clusterid(client, WAIT_STEP_MS);
        (void) snprintf(ret_cluster_id, CLUSTER_ID_SIZE, "%s", id ? id : "");
        if (id) rd_kafka_mem_free(client, id);
    }
    return FIRN_OK;
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
