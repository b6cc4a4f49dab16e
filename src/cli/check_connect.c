#include "cli/check_connect.h"

#include <string.h>

#include "cli/connect_kafka.h"
#include "cli/connect_worker.h"
#include "cli/connector_build.h"
#include "cli/connector_plan.h"
#include "cli/connector_register.h"
#include "kafka/kafka_look.h"

#define FINDINGS_MAX 12
#define NAMES_BYTES_MAX 300
#define BROKERS_WAIT_MS 5000

typedef struct connect_check {
    session            *s;
    const load_settings *settings;
    source             *src;
    source_findings    *out;
    kafka_connect       connect;
    connector_settings  wanted;
    const char         *url;
    kafka_cluster       cluster;
    kafka_look          brokers; /* cluster_id "": not reached */
} connect_check;

static firn_status
add(connect_check *c, finding_level level, const char *subject, const char *text, const char *remedy, firn_error *err)
{
    if (!text) return firn_fail_memory(err, "the findings");
    if (c->out->count == FINDINGS_MAX) return FIRN_OK;
    c->out->findings[c->out->count++] = (source_finding){level, subject, text, remedy};
    return FIRN_OK;
}

/* An error of somebody else's is a finding. */
static firn_status
add_error(connect_check *c, const char *subject, const firn_error *found, firn_error *err)
{
    const char *remedy = found->hint[0] ? firn_arena_strdup(&c->s->arena, found->hint) : NULL;

    return add(c, FINDING_ERROR, subject, firn_arena_strdup(&c->s->arena, found->cause), remedy, err);
}

static const char *
registering(connect_check *c)
{
    return firn_arena_printf(&c->s->arena, "firn connector --source %s --register %s", c->settings->source_name, c->url);
}

/* ---- the cluster's entry ---- */

/* Whether firn itself can read there. */
static firn_status
check_brokers(connect_check *c, firn_error *err)
{
    const char *prefix = settings_text(&c->s->values, OPTION_KAFKA_TOPIC_PREFIX);
    firn_error  found = {0};

    if (!prefix) prefix = c->settings->source_name;
    if (connect_kafka_cluster(c->s, &c->cluster, &found) != FIRN_OK ||
        kafka_look_at(&c->cluster, prefix, BROKERS_WAIT_MS, c->s->cancel, &c->brokers, &found) != FIRN_OK) {
        c->brokers.cluster_id[0] = 0;
        return add_error(c, "kafka", &found, err);
    }
    const char *text = firn_arena_printf(&c->s->arena, "cluster %s by %s: %u broker%s, %u topics '%s.*' with %u partitions", c->brokers.cluster_id,
                                         c->cluster.bootstrap_servers, c->brokers.broker_count, c->brokers.broker_count == 1 ? "" : "s",
                                         c->brokers.topic_count, prefix, c->brokers.partition_count);
    return add(c, FINDING_OK, "kafka", text, NULL, err);
}

/* All of the list are this machine's: nobody is in between. */
static bool
is_here(const char *servers)
{
    static const char *const here[] = {"localhost:", "127.", "[::1]:"};

    for (const char *server = servers; *server;) {
        bool found = false;
        server += strspn(server, " ,");
        for (size_t i = 0; i < FIRN_COUNT(here); i++) found = found || strncmp(server, here[i], strlen(here[i])) == 0;
        if (*server && !found) return false;
        server += strcspn(server, ",");
    }
    return true;
}

static firn_status
check_protection(connect_check *c, firn_error *err)
{
    const char *protocol = c->cluster.protocol ? c->cluster.protocol : "plaintext", *mechanism = c->cluster.mechanism;

    if (!c->cluster.bootstrap_servers || !strstr(protocol, "plaintext") || is_here(c->cluster.bootstrap_servers)) return FIRN_OK;
    if (strcmp(protocol, "sasl_plaintext") == 0 && mechanism && (strcmp(mechanism, "PLAIN") == 0 || strcmp(mechanism, "OAUTHBEARER") == 0))
        return add(c, FINDING_WARNING, "kafka",
                   firn_arena_printf(&c->s->arena, "sasl_plaintext with %s sends sasl_password to '%s' readable for all in between", mechanism, c->cluster.name),
                   "use a listener with TLS: security: protocol: sasl_ssl", err);
    return add(c, FINDING_NOTE, "kafka", firn_arena_printf(&c->s->arena, "messages of '%s' come without TLS (%s)", c->cluster.name, protocol), NULL, err);
}

/* What the connector writes has to be where firn reads. */
static firn_status
check_same_cluster(connect_check *c, const connect_worker *worker, firn_error *err)
{
    if (!c->brokers.cluster_id[0] || !*worker->cluster_id || strcmp(c->brokers.cluster_id, worker->cluster_id) == 0) return FIRN_OK;
    return add(c, FINDING_ERROR, "kafka",
               firn_arena_printf(&c->s->arena, "Kafka Connect at %s writes to the cluster %s, and '%s' is the cluster %s: its events would never come", c->url,
                                 worker->cluster_id, c->cluster.name, c->brokers.cluster_id),
               "in kafka_clusters.yaml: bootstrap_servers and connect: of one entry belong to the same cluster", err);
}

static firn_status
open_worker(connect_check *c, bool *ret_open, connect_worker_login *login, firn_error *err)
{
    session    *s = c->s;
    firn_error  found = {0};

    if (connect_worker_url(s, &c->url, &found) != FIRN_OK) return add_error(c, "kafka connect", &found, err);
    if (!c->url)
        return add(c, FINDING_NOTE, "kafka connect", "not looked at: the Kafka cluster has no connect: in kafka_clusters.yaml", NULL, err);
    if (connect_worker_login_find(s, c->url, login, &found) != FIRN_OK ||
        kafka_connect_open(&c->connect, c->url, firn_secret_text(login->login), login->ca_file, "connect: url", &s->arena, s->cancel, &found))
        return add_error(c, "kafka connect", &found, err);
    *ret_open = true;
    return FIRN_OK;
}

/* ---- the connector ---- */

static firn_status
check_plan(connect_check *c, const connector_plan *plan, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer names = {0};
    firn_error                              full = {0};

    if (!plan->change_count) return FIRN_OK;
    firn_buffer_init(&names, NAMES_BYTES_MAX);
    for (unsigned i = 0; i < plan->change_count; i++) {
        if (firn_buffer_printf(&names, &full, "%s%s", i ? ", " : "", plan->changes[i].setting) != FIRN_OK) break;
    }
    return add(c, FINDING_WARNING, "connector",
               firn_arena_printf(&c->s->arena, "%u setting%s of '%s' differ from firn's: %.*s", plan->change_count,
                                 plan->change_count == 1 ? "" : "s", c->wanted.slot_name, (int) names.size, (const char *) names.data),
               registering(c), err);
}

static firn_status
check_running(connect_check *c, const connect_status *status, firn_error *err)
{
    const connect_part *failed = connect_status_failed(status);
    replication_ready   ready = {0};
    const char        **lines = NULL;
    unsigned            count = 0;

    if (failed) {
        FIRN_TRY(connect_trace_lines(failed->trace, 4, &c->s->arena, &lines, &count, err));
        return add(c, FINDING_ERROR, "connector",
                   firn_arena_printf(&c->s->arena, "'%s' has failed: %.600s", c->wanted.slot_name, count ? lines[count - 1] : "no reason given"),
                   registering(c), err);
    }
    if (!connect_status_runs(status))
        return add(c, FINDING_WARNING, "connector",
                   firn_arena_printf(&c->s->arena, "'%s' is %s", c->wanted.slot_name, status->connector.state),
                   "resume it, or look at the worker's log", err);
    FIRN_TRY(replication_ready_look_slot(c->src, &ready, err));
    if (!ready.slot_pid)
        return add(c, FINDING_WARNING, "connector",
                   firn_arena_printf(&c->s->arena, "'%s' says RUNNING, but nobody reads the slot", c->wanted.slot_name),
                   "look at the worker's log", err);
    return add(c, FINDING_OK, "connector",
               firn_arena_printf(&c->s->arena, "'%s' runs on %s and reads the slot", c->wanted.slot_name, status->connector.worker), NULL, err);
}

static firn_status
check_connector(connect_check *c, const jvalue *existing, firn_error *err)
{
    FIRN_AUTO(connector_plan_done) connector_plan plan = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer       json = {0};
    FIRN_AUTO(jdoc_freep) jdoc                   *wanted = NULL;
    connect_status                                status = {0};
    firn_error                                    found = {0};

    firn_buffer_init(&json, (size_t) 64 << 20);
    FIRN_TRY(connector_json_add(&c->wanted, &json, err));
    FIRN_TRY(jdoc_parse(firn_buffer_slice(&json), "the connector", &wanted, err));
    if (connector_plan_make(c->wanted.slot_name, jget(jdoc_root(wanted), "config"), existing, &c->s->arena, &plan, &found) != FIRN_OK)
        return add_error(c, "connector", &found, err);
    FIRN_TRY(check_plan(c, &plan, err));
    if (kafka_connect_status(&c->connect, c->wanted.slot_name, &c->s->arena, &status, &found) != FIRN_OK)
        return add_error(c, "connector", &found, err);
    return check_running(c, &status, err);
}

static firn_status
check_worker(connect_check *c, firn_error *err)
{
    FIRN_AUTO(jdoc_freep) jdoc *existing = NULL;
    connect_worker              worker = {0};
    const char                 *version = NULL, *others = NULL;
    firn_error                  found = {0};

    if (kafka_connect_look(&c->connect, &c->s->arena, &worker, &found) != FIRN_OK ||
        kafka_connect_plugin(&c->connect, CONNECTOR_CLASS, &c->s->arena, &version, &others, &found) != FIRN_OK)
        return add_error(c, "kafka connect", &found, err);
    if (!version)
        return add(c, FINDING_ERROR, "kafka connect", firn_arena_printf(&c->s->arena, "%s has no connector %s", c->url, CONNECTOR_CLASS),
                   "unpack debezium-connector-postgres into plugin.path on every worker and restart them", err);
    FIRN_TRY(add(c, FINDING_OK, "kafka connect",
                 firn_arena_printf(&c->s->arena, "Kafka Connect %s at %s, Debezium %s, for the Kafka cluster %s", worker.version, c->url, version,
                                   worker.cluster_id), NULL, err));
    FIRN_TRY(check_same_cluster(c, &worker, err));
    if (kafka_connect_config(&c->connect, c->wanted.slot_name, &existing, &found) != FIRN_OK) return add_error(c, "connector", &found, err);
    if (!existing)
        return add(c, FINDING_WARNING, "connector", firn_arena_printf(&c->s->arena, "'%s' is not registered", c->wanted.slot_name),
                   registering(c), err);
    return check_connector(c, jdoc_root(existing), err);
}

firn_status
check_connect(session *s, const load_settings *settings, source *src, source_findings *ret_findings, firn_error *err)
{
    FIRN_AUTO(connect_worker_login_done) connect_worker_login login = {0};
    connect_check c = {.s = s, .settings = settings, .src = src, .out = ret_findings};
    bool          is_open = false;

    *ret_findings = (source_findings){0};
    if (!connect_is_kafka(s)) return FIRN_OK;
    ret_findings->findings = firn_arena_array(&s->arena, FINDINGS_MAX, sizeof *ret_findings->findings);
    if (!ret_findings->findings) return firn_fail_memory(err, "the findings");
    FIRN_TRY(check_brokers(&c, err));
    FIRN_TRY(check_protection(&c, err));
    FIRN_TRY(open_worker(&c, &is_open, &login, err));
    if (!is_open) return FIRN_OK;
    firn_status status = connector_build(s, settings, src, &c.wanted, err);
    if (status == FIRN_OK) status = check_worker(&c, err);
    kafka_connect_done(&c.connect);
    return status;
}
