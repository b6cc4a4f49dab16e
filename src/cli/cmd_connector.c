#include <string.h>

#include "base/file.h"
#include "cli/config_expand.h"
#include "cli/connect.h"
#include "cli/connect_worker.h"
#include "cli/connector_json.h"
#include "cli/connector_print.h"
#include "cli/connector_register.h"
#include "cli/session.h"
#include "source/source_names.h"

#define JSON_BYTES_MAX ((size_t) 64 << 20)

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
set_names(session *s, connector_settings *out, char slot[SOURCE_NAME_SIZE], char publication[SOURCE_NAME_SIZE],
          firn_error *err)
{
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
    out->slot_name = slot;
    out->publication_name = publication;
    return FIRN_OK;
}

static firn_status
write_json(session *s, firn_slice json, firn_error *err)
{
    const char *path = settings_text(&s->values, OPTION_OUTPUT);
    const char *name = settings_text(&s->values, OPTION_SOURCE);

    if (path && strcmp(path, "-") == 0) return firn_buffer_add(&s->result, json.data, json.size, err);
    if (path) {
        FIRN_TRY(session_path(s, path, &path, err));
    } else {
        char *file = firn_arena_strdup(&s->arena, name);
        for (char *p = file; p && *p; p++) {
            if (*p == '/') *p = '_';
        }
        path = file ? firn_arena_printf(&s->arena, "%s/debezium_%s_cdc.json", s->config_dir, file) : NULL;
    }
    if (!path) return firn_fail_memory(err, "a path");
    FIRN_TRY(file_write_atomic(path, json, 0644, err));
    log_info("wrote %s; the Connect worker needs config.providers=env (file and directory where used)", path);
    return FIRN_OK;
}

/* ---- registering ---- */

static firn_status
print_result(session *s, const connector_settings *out, const kafka_connect *connect, const registration_result *result,
             firn_error *err)
{
    char            origin[HTTP_ORIGIN_MAX];
    connector_print print = {.source_name = out->source_name,
                             .slot_name = out->slot_name,
                             .topic_prefix = out->topic_prefix,
                             .origin = origin,
                             .result = result,
                             .dry_run = settings_flag(&s->values, OPTION_DRY_RUN)};

    http_url_origin(connect->url, origin);
    if (strcmp(settings_text(&s->values, OPTION_FORMAT), "json") == 0) return connector_print_json(&print, &s->result, err);
    return connector_print_text(&print, &s->arena, &s->result, err);
}

static firn_status
find_lake_position(void *state, lake_position *ret_position, firn_error *err)
{
    FIRN_AUTO(lake_connection_done) lake_connection lake = {0};
    session                                        *s = state;
    const char *const                              *levels = NULL;
    unsigned                                        level_count = 0;

    FIRN_TRY(connect_lake(s, &lake, err));
    FIRN_TRY(connect_namespace(s, &levels, &level_count, err));
    return lake_position_find(lake.lake, levels, level_count, settings_text(&s->values, OPTION_SCHEMA), ret_position, err);
}

static firn_status
register_connector(session *s, source *src, const connector_settings *out, firn_slice json, firn_error *err)
{
    FIRN_AUTO(connect_worker_login_done) connect_worker_login login = {0};
    FIRN_AUTO(kafka_connect_done) kafka_connect               connect = {0};
    FIRN_AUTO(registration_result_done) registration_result   result = {0};
    const char            *url = settings_text(&s->values, OPTION_REGISTER);
    connector_registration job = {.connect = &connect,
                                  .src = src,
                                  .source_name = out->source_name,
                                  .slot_name = out->slot_name,
                                  .tables = out->tables,
                                  .table_count = out->table_count,
                                  .json = json,
                                  .wait_ms = settings_duration_ms(&s->values, OPTION_REGISTER_WAIT),
                                  .dry_run = settings_flag(&s->values, OPTION_DRY_RUN),
                                  .lake_position = find_lake_position,
                                  .state = s,
                                  .arena = &s->arena};
    firn_error             print_error = {0};

    FIRN_TRY(connect_worker_login_find(s, url, &login, err));
    FIRN_TRY(kafka_connect_open(&connect, url, firn_secret_text(login.login), login.ca_file, "--register", &s->arena, s->cancel, err));
    firn_status status = connector_register(&job, &result, err);
    if (print_result(s, out, &connect, &result, &print_error) != FIRN_OK && status == FIRN_OK) {
        *err = print_error;
        return err->status;
    }
    return status;
}

firn_status
cmd_connector_run(session *s, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer json = {0};
    FIRN_AUTO(connect_source_freep) source *src = NULL;
    connector_settings                      out = {0};
    const yaml_node                        *entry = NULL;
    load_settings                           settings;
    char                                    slot[SOURCE_NAME_SIZE], publication[SOURCE_NAME_SIZE];
    bool                                    registers = settings_has(&s->values, OPTION_REGISTER);

    FIRN_TRY(session_open_source(s, true, &entry, err));
    FIRN_TRY(connect_load_settings(s, entry, &settings, err));
    FIRN_TRY(set_names(s, &out, slot, publication, err));
    FIRN_TRY(set_connection(s, &out, err));
    FIRN_TRY(set_keys(s, &settings, &out, err));
    FIRN_TRY(session_catch_signals(s, err));
    FIRN_TRY(connect_source_to_read(s, &src, err));
    FIRN_TRY(list_tables(s, &settings, src, &out, err));
    FIRN_TRY(set_heartbeats(s, src, &out, err));
    firn_buffer_init(&json, JSON_BYTES_MAX);
    FIRN_TRY(connector_json_add(&out, &json, err));
    if (registers) return register_connector(s, src, &out, firn_buffer_slice(&json), err);
    return write_json(s, firn_buffer_slice(&json), err);
}
