#include <string.h>

#include "base/file.h"
#include "cli/connect.h"
#include "cli/connect_worker.h"
#include "cli/connector_build.h"
#include "cli/connector_print.h"
#include "cli/connector_register.h"
#include "cli/session.h"
#include "source/transaction_snapshot.h"
#include "state/table_properties.h"

#define JSON_BYTES_MAX ((size_t) 64 << 20)

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
warn_if_late(const table_metadata *table, const published_table *published, firn_error *err)
{
    bool is_late;

    FIRN_TRY(transaction_snapshot_lacks(table_metadata_property(table, PROPERTY_LOAD_SNAPSHOT), published->published_by, &is_late, err));
    if (!is_late) return FIRN_OK;
    log_warning("'%s' was put into the publication after it was loaded: what changed in between will not come; load it again: "
                "firn load --no-resume --table-filter '%s'", published->name, published->name);
    return FIRN_OK;
}

/* Tables that lack changes, of which no event will tell. */
static firn_status
look_for_late_tables(session *s, const replication_ready *ready, firn_error *err)
{
    FIRN_AUTO(lake_connection_done) lake_connection lake = {0};
    table_ident                                     ident = {0};

    FIRN_TRY(connect_lake(s, &lake, err));
    FIRN_TRY(connect_namespace(s, &ident.namespace_levels, &ident.level_count, err));
    for (unsigned i = 0; i < ready->published_count; i++) {
        FIRN_AUTO(table_metadata_unrefp) table_metadata *table = NULL;

        ident.name = ready->published[i].name;
        if (lake.lake->ops->load(lake.lake, &ident, &table, err) == FIRN_OK) FIRN_TRY(warn_if_late(table, &ready->published[i], err));
        else if (err->status == FIRN_NOT_FOUND) firn_error_reset(err);
        else return err->status;
    }
    return FIRN_OK;
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
    if (status == FIRN_OK && look_for_late_tables(s, &result.ready, &print_error)) {
        log_warning("not looked for tables that were published after their load: %s", print_error.cause);
        firn_error_reset(&print_error);
    }
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
    bool                                    registers = settings_has(&s->values, OPTION_REGISTER);

    FIRN_TRY(session_open_source(s, true, &entry, err));
    FIRN_TRY(connect_load_settings(s, entry, &settings, err));
    FIRN_TRY(session_catch_signals(s, err));
    FIRN_TRY(connect_source_to_read(s, &src, err));
    FIRN_TRY(connector_build(s, &settings, src, &out, err));
    firn_buffer_init(&json, JSON_BYTES_MAX);
    FIRN_TRY(connector_json_add(&out, &json, err));
    if (registers) return register_connector(s, src, &out, firn_buffer_slice(&json), err);
    return write_json(s, firn_buffer_slice(&json), err);
}
