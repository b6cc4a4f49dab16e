#include "cli/connect_kafka.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "kafka/kafka_kerberos.h"
#include "postgres/postgres_describe_now.h"

#define INSTANCE_SIZE 48
#define HOST_SIZE 256
/* Share of the memory for messages that were received and not asked for. */
#define QUEUE_SHARE 8

bool
connect_is_kafka(const session *s)
{
    const char *from = settings_text(&s->values, OPTION_FOLLOW_FROM);

    return from ? strcmp(from, "kafka") == 0 : settings_has(&s->values, OPTION_FOLLOW_KAFKA_CLUSTER);
}

/* ---- the cluster ---- */

static firn_status
fail_no_cluster(session *s, const char *name, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer names = {0};
    const config_file                      *file = &s->files[CONFIG_KAFKA_CLUSTERS];

    firn_buffer_init(&names, FIRN_ERROR_TEXT_MAX);
    if (!file->root) {
        (void) firn_fail(err, FIRN_E_CONFIG_NOT_FOUND, "changes of '%s' are to come from Kafka, and '%s' does not exist",
                         settings_text(&s->values, OPTION_SOURCE), file->path);
        firn_hint(err, "copy %s/kafka_clusters.yaml.template to kafka_clusters.yaml (firn init writes it); or follow: from: postgres", s->config_dir);
        return err->status;
    }
    FIRN_TRY(config_file_add_names(file, CONFIG_KAFKA_CLUSTERS, &names, err));
    if (name) (void) firn_fail(err, FIRN_E_CONFIG_NOT_FOUND, "%s has no Kafka cluster '%s'", file->path, name);
    else
        (void) firn_fail(err, FIRN_E_OPTION_MISSING, "%s has several Kafka clusters, and source '%s' does not say which", file->path,
                         settings_text(&s->values, OPTION_SOURCE));
    firn_hint(err, "set follow: kafka_cluster: of the source to one of %.*s", (int) names.size, (const char *) names.data);
    return err->status;
}

/* The one that the source names; the only one there is. */
static firn_status
find_cluster(session *s, const char **ret_name, const yaml_node **ret_entry, firn_error *err)
{
    const config_file *file = &s->files[CONFIG_KAFKA_CLUSTERS];
    const char        *name = settings_text(&s->values, OPTION_FOLLOW_KAFKA_CLUSTER);
    const yaml_node   *all = file->root ? yaml_get(file->root, config_kind_name(CONFIG_KAFKA_CLUSTERS)) : NULL;

    if (!name && all && all->kind == YAML_MAP && all->count == 1) name = all->members[0].key;
    *ret_name = name;
    *ret_entry = name ? config_file_entry(file, CONFIG_KAFKA_CLUSTERS, name) : NULL;
    return *ret_entry ? FIRN_OK : fail_no_cluster(s, name, err);
}

static firn_status
take_properties(session *s, kafka_cluster *cluster, firn_error *err)
{
    static const char prefix[] = "kafka_clusters/*/librdkafka/";
    kafka_property   *properties = firn_arena_array(&s->arena, OPTION_ID_COUNT, sizeof *properties);
    unsigned          count = 0;

    if (!properties) return firn_fail_memory(err, "the settings of Kafka");
    for (option_id id = 0; id < OPTION_ID_COUNT; id++) {
        const option_info *option = option_get(id);

        if (!option->yaml || strncmp(option->yaml, prefix, sizeof prefix - 1) != 0 || !settings_has(&s->values, id)) continue;
        properties[count++] = (kafka_property){option->yaml + sizeof prefix - 1, settings_text(&s->values, id), s->values.values[id].where};
    }
    cluster->properties = properties;
    cluster->property_count = count;
    return FIRN_OK;
}

firn_status
connect_kafka_cluster(session *s, kafka_cluster *cluster, firn_error *err)
{
    const settings  *v = &s->values;
    const yaml_node *entry;
    const char      *name;

    FIRN_TRY(session_read_config(s, err));
    FIRN_TRY(find_cluster(s, &name, &entry, err));
    FIRN_TRY(settings_apply_entry(&s->values, CONFIG_KAFKA_CLUSTERS, &s->files[CONFIG_KAFKA_CLUSTERS], entry, &s->environment, true, err));
    const char *reset = settings_text(v, OPTION_AUTO_OFFSET_RESET);
    *cluster = (kafka_cluster){
        .name = name,
        .bootstrap_servers = settings_text(v, OPTION_BOOTSTRAP_SERVERS),
        .protocol = settings_text(v, OPTION_SECURITY_PROTOCOL),
        .mechanism = settings_text(v, OPTION_SASL_MECHANISM),
        .username = settings_text(v, OPTION_SASL_USERNAME),
        .password = v->values[OPTION_SASL_PASSWORD].secret,
        .token_url = settings_text(v, OPTION_OAUTH_TOKEN_URL),
        .token_scope = settings_text(v, OPTION_OAUTH_SCOPE),
        .token_extensions = settings_text(v, OPTION_OAUTH_EXTENSIONS),
        .token_ca = settings_text(v, OPTION_OAUTH_CA),
        .keytab = settings_text(v, OPTION_KERBEROS_KEYTAB),
        .service = settings_text(v, OPTION_KERBEROS_SERVICE),
        .ca = settings_text(v, OPTION_SSL_CA),
        .certificate = settings_text(v, OPTION_SSL_CERTIFICATE),
        .key = settings_text(v, OPTION_SSL_KEY),
        .key_password = v->values[OPTION_SSL_KEY_PASSWORD].secret,
        .from_latest = reset && strcmp(reset, "latest") == 0,
    };
    if (!cluster->bootstrap_servers)
        return firn_fail(err, FIRN_E_OPTION_MISSING, "%s: the Kafka cluster '%s' has no bootstrap_servers", s->files[CONFIG_KAFKA_CLUSTERS].path, name);
    FIRN_TRY(kafka_kerberos_prepare(cluster, err));
    return take_properties(s, cluster, err);
}

/* ---- how the connector writes ---- */

static bool
says(const settings *v, option_id id, const char *text)
{
    const char *said = settings_text(v, id);

    return said && strcmp(said, text) == 0;
}

static dbz_modes
take_modes(const settings *v)
{
    static const struct {
        const char *text;
        dbz_times   mode;
    } times[] = {{"adaptive", DBZ_TIMES_ADAPTIVE},       {"adaptive_time_microseconds", DBZ_TIMES_ADAPTIVE_TIME_MICROSECONDS},
                 {"connect", DBZ_TIMES_CONNECT},         {"isostring", DBZ_TIMES_ISOSTRING},
                 {"microseconds", DBZ_TIMES_MICROSECONDS}, {"nanoseconds", DBZ_TIMES_NANOSECONDS}};
    dbz_modes modes = {0};

    modes.decimals = says(v, OPTION_DEBEZIUM_DECIMALS, "precise")  ? DBZ_DECIMALS_PRECISE
                     : says(v, OPTION_DEBEZIUM_DECIMALS, "double") ? DBZ_DECIMALS_DOUBLE
                                                                   : DBZ_DECIMALS_STRING;
    for (size_t i = 0; i < FIRN_COUNT(times); i++)
        if (says(v, OPTION_DEBEZIUM_TIMES, times[i].text)) modes.times = times[i].mode;
    modes.binary = says(v, OPTION_DEBEZIUM_BINARY, "base64")            ? DBZ_BINARY_BASE64
                   : says(v, OPTION_DEBEZIUM_BINARY, "base64-url-safe") ? DBZ_BINARY_BASE64_URL
                   : says(v, OPTION_DEBEZIUM_BINARY, "hex")             ? DBZ_BINARY_HEX
                                                                        : DBZ_BINARY_BYTES;
    modes.intervals = says(v, OPTION_DEBEZIUM_INTERVALS, "numeric") ? DBZ_INTERVALS_NUMERIC : DBZ_INTERVALS_STRING;
    modes.nulls_become_defaults = says(v, OPTION_DEBEZIUM_NULLS, "default");
    modes.nulls_stay_nulls = says(v, OPTION_DEBEZIUM_NULLS, "null");
    modes.hstore_map = says(v, OPTION_DEBEZIUM_HSTORE, "map");
    return modes;
}

static firn_status
take_keys(session *s, const load_settings *load, kafka_stream_settings *settings, firn_error *err)
{
    kafka_table_key *keys = firn_arena_array(&s->arena, load->table_config_count + 1u, sizeof *keys);
    unsigned         count = 0;

    if (!keys) return firn_fail_memory(err, "the tables' keys");
    for (unsigned i = 0; i < load->table_config_count; i++) {
        const load_table_config *table = &load->tables[i];
        if (table->rules.key_count) keys[count++] = (kafka_table_key){table->name, table->rules.key, table->rules.key_count};
    }
    settings->keys = keys;
    settings->key_count = count;
    return FIRN_OK;
}

static registry_settings
take_registry(const settings *v)
{
    return (registry_settings){.url = settings_text(v, OPTION_REGISTRY_URL),
                               .username = settings_text(v, OPTION_REGISTRY_USERNAME),
                               .password = v->values[OPTION_REGISTRY_PASSWORD].secret,
                               .token = v->values[OPTION_REGISTRY_TOKEN].secret,
                               .ca_file = settings_text(v, OPTION_REGISTRY_SSL_CA),
                               .plain_allowed = settings_flag(v, OPTION_REGISTRY_PLAIN)};
}

/* ---- asking the source ---- */

static firn_status
describe(void *state, const char *table, const table_rules *rules, firn_arena *arena, source_description **ret_description,
         const int **ret_places, const char *const **ret_declared, firn_error *err)
{
    const kafka_connection *c = state;

    return postgres_describe_now(&c->server, c->cancel, table, rules, arena, ret_description, ret_places, ret_declared, err);
}

/* ---- together ---- */

/* A run that comes back on the same machine and in the same folder is the member that it was: the group need not wait for the dead one. */
static firn_status
name_member(session *s, const load_settings *load, kafka_stream_settings *settings, firn_error *err)
{
    char        host[HOST_SIZE] = "";
    const char *prefix = settings_text(&s->values, OPTION_CONSUMER_GROUP_PREFIX);

    (void) gethostname(host, sizeof host - 1);
    settings->group_id = firn_arena_printf(&s->arena, "%s-%s", prefix ? prefix : "firn", load->source_name);
    settings->instance_id = firn_arena_printf(&s->arena, "firn-%016" PRIx64,
                                              firn_hash_bytes(host, strlen(host)) ^
                                                  firn_hash_fold(firn_hash_bytes(load->state_folder, strlen(load->state_folder)), FIRN_HASH_KEY_A));
    return settings->group_id && settings->instance_id ? FIRN_OK : firn_fail_memory(err, "the settings of Kafka");
}

firn_status
connect_kafka(session *s, const load_settings *load, const source_teller *teller, kafka_connection *c, firn_error *err)
{
    const char *prefix = settings_text(&s->values, OPTION_KAFKA_TOPIC_PREFIX), *type = settings_text(&s->values, OPTION_DATABASE_TYPE);

    *c = (kafka_connection){.cancel = s->cancel, .teller = *teller, .describer = {.describe = describe, .state = c}};
    FIRN_TRY(connect_kafka_cluster(s, &c->cluster, err));
    c->settings = (kafka_stream_settings){.cluster = &c->cluster,
                                          .topic_prefix = prefix ? prefix : load->source_name,
                                          .schema = load->schema_name,
                                          .memory_bytes = settings_size(&s->values, OPTION_MEMORY) / QUEUE_SHARE,
                                          .modes = take_modes(&s->values),
                                          .placeholder = settings_text(&s->values, OPTION_DEBEZIUM_PLACEHOLDER),
                                          .dead_letter_topic = settings_text(&s->values, OPTION_FOLLOW_DEAD_LETTER),
                                          .teller = &c->teller};
    if (settings_has(&s->values, OPTION_REGISTRY_URL)) {
        c->registry = take_registry(&s->values);
        c->settings.registry = &c->registry;
    }
    FIRN_TRY(take_keys(s, load, &c->settings, err));
    FIRN_TRY(name_member(s, load, &c->settings, err));
    if (strcmp(type, "postgres") != 0) return FIRN_OK;
    FIRN_TRY(connect_postgres_settings(s, &c->server, err));
    c->settings.describer = &c->describer;
    FIRN_TRY(postgres_reselect_new(&c->server, c->cancel, &c->reselect, err));
    c->reselector = (row_reselector){.read = postgres_reselect_read, .state = c->reselect};
    c->settings.reselector = &c->reselector;
    return FIRN_OK;
}

void
kafka_connection_done(kafka_connection *c)
{
    postgres_reselect_free(c->reselect);
    c->reselect = NULL;
}

firn_status
connect_kafka_open(const kafka_connection *c, const follow_start *start, task_cancel *cancel, change_stream **ret_stream,
                   firn_error *err)
{
    kafka_stream_settings settings = c->settings;

    settings.tables = start->starts;
    settings.table_count = start->table_count;
    return kafka_stream_open(&settings, cancel, ret_stream, err);
}
