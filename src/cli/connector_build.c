#include "cli/connector_build.h"

#include <string.h>

#include "cli/config_expand.h"
#include "cli/connect.h"
#include "postgres/replication_ready.h"
#include "source/source_names.h"

/* The tables that a load takes: ordinary and partitioned ones that pass the filter. */
static firn_status
list_tables(session *s, const load_settings *settings, source *src, connector_settings *out, firn_error *err)
{
    source_tables tables = {0};

    FIRN_TRY(src->ops->list(src, &s->arena, &tables, err));
    const char **names = firn_arena_array(&s->arena, tables.count ? tables.count : 1, sizeof *names);
    if (!names) return firn_fail_memory(err, "the tables");
    for (unsigned i = 0; i < tables.count; i++) {
        const source_table *table = &tables.tables[i];
        if (table->kind != TABLE_ORDINARY && table->kind != TABLE_PARTITIONED) continue;
        if (connect_filter_matches(settings, table->name)) names[out->table_count++] = table->name;
    }
    out->tables = names;
    if (out->table_count == 0)
        return firn_fail(err, FIRN_E_LOAD_NOTHING_MATCHES, "none of the %u tables of schema '%s' matches", tables.count,
                         settings->schema_name);
    return FIRN_OK;
}

/* Messages of its own need a server that can be written to, and a pgoutput that sends them. */
static firn_status
set_heartbeats(session *s, source *src, connector_settings *out, firn_error *err)
{
    replication_ready ready = {0};

    FIRN_TRY(replication_ready_look(src, NULL, 0, &s->arena, &ready, err));
    out->writes_heartbeats = !ready.in_recovery && ready.server_version >= 140000;
    return FIRN_OK;
}

static firn_status
set_keys(session *s, const load_settings *settings, connector_settings *out, firn_error *err)
{
    connector_key *keys =
        firn_arena_array(&s->arena, settings->table_config_count ? settings->table_config_count : 1, sizeof *keys);

    if (!keys) return firn_fail_memory(err, "the keys");
    for (unsigned i = 0; i < settings->table_config_count; i++) {
        const load_table_config *table = &settings->tables[i];
        if (table->rules.key_count)
            keys[out->key_count++] = (connector_key){table->name, table->rules.key, table->rules.key_count};
    }
    out->keys = keys;
    return FIRN_OK;
}

/* A reference that Kafka Connect can resolve; else one is made up, and the user is told. */
static firn_status
set_password(session *s, connector_settings *out, firn_error *err)
{
    const setting *password = &s->values.values[OPTION_PASSWORD];
    const char    *reference = password->reference;

    if (password->origin == ORIGIN_NONE) return FIRN_OK;
    if (reference && config_is_reference(reference) && strncmp(reference, "${command:", 10) != 0) {
        out->password = reference;
        return FIRN_OK;
    }
    out->password = "${FIRN_CONNECTOR_PASSWORD}";
    log_warning(
        "%s: the password is no reference that Kafka Connect can resolve; the connector takes it from the variable "
        "FIRN_CONNECTOR_PASSWORD of the Connect worker",
        password->where);
    return err->status;
}

static bool
is_near(const char *host)
{
    return host[0] == '/' || strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "::1") == 0;
}

static firn_status
set_connection(session *s, connector_settings *out, firn_error *err)
{
    const settings *v = &s->values;

    out->host = settings_text(v, OPTION_HOST);
    out->port = (unsigned) settings_number(v, OPTION_PORT);
    out->database = settings_text(v, OPTION_DATABASE);
    if (!out->database) out->database = settings_text(v, OPTION_SERVICE_NAME);
    out->username = settings_text(v, OPTION_USERNAME);
    out->schema = settings_text(v, OPTION_SCHEMA);
    out->sslmode = settings_text(v, OPTION_SSLMODE);
    out->sslrootcert = settings_text(v, OPTION_SSLROOTCERT);
    out->sslcert = settings_text(v, OPTION_SSLCERT);
    out->sslkey = settings_text(v, OPTION_SSLKEY);
    if (!out->sslmode) out->sslmode = is_near(out->host) ? "prefer" : "verify-full";
    if (out->host[0] == '/') {
        log_warning("%s: Java cannot connect through the socket '%s'; the connector gets 'localhost'",
                    v->values[OPTION_HOST].where, out->host);
        out->host = "localhost";
    }
    return set_password(s, out, err);
}

static firn_status
set_names(session *s, connector_settings *out, firn_error *err)
{
    char              slot[SOURCE_NAME_SIZE], publication[SOURCE_NAME_SIZE];
    static const char legal[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

    out->source_name = settings_text(&s->values, OPTION_SOURCE);
    out->topic_prefix = settings_text(&s->values, OPTION_KAFKA_TOPIC_PREFIX);
    if (!out->topic_prefix) out->topic_prefix = out->source_name;
    if (out->topic_prefix[strspn(out->topic_prefix, legal)] != '\0') {
        (void) firn_fail(err, FIRN_E_CONFIG_VALUE, "the topic prefix '%s' has characters that Kafka does not take",
                         out->topic_prefix);
        firn_hint(err, "set kafka_topic_prefix of the source '%s': letters, digits, '.', '_' and '-'",
                  out->source_name);
        return err->status;
    }
    source_slot_name(out->source_name, slot);
    source_publication_name(out->source_name, publication);
    out->slot_name = firn_arena_strdup(&s->arena, slot);
    out->publication_name = firn_arena_strdup(&s->arena, publication);
    return out->slot_name && out->publication_name ? FIRN_OK : firn_fail_memory(err, "the connector's names");
}

firn_status
connector_build(session *s, const load_settings *settings, source *src, connector_settings *ret_settings, firn_error *err)
{
    *ret_settings = (connector_settings){0};
    FIRN_TRY(set_names(s, ret_settings, err));
    FIRN_TRY(set_connection(s, ret_settings, err));
    FIRN_TRY(set_keys(s, settings, ret_settings, err));
    FIRN_TRY(list_tables(s, settings, src, ret_settings, err));
    return set_heartbeats(s, src, ret_settings, err);
}
