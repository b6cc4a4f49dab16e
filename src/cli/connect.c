#include "cli/connect.h"

#include <string.h>

#include "base/text.h"
#include "catalog/hadoop_catalog.h"
#include "source/source_names.h"
#include "storage/local.h"

#define LEVELS_MAX 32

void
lake_connection_done(lake_connection *lake)
{
    catalog_free(lake->lake);
    storage_free(lake->files);
    *lake = (lake_connection){0};
}

static firn_status
fail_no_catalog(session *s, const char *name, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer names = {0};
    const config_file                      *file = &s->files[CONFIG_CATALOGS];

    firn_buffer_init(&names, FIRN_ERROR_TEXT_MAX);
    if (!file->root) {
        (void) firn_fail(err, FIRN_E_CONFIG_NOT_FOUND, "there is no catalog '%s': '%s' does not exist", name,
                         file->path);
        firn_hint(err, "without catalogs.yaml only the catalog 'local' is there; looked for %s/catalogs.yaml",
                  s->config_dir);
        return err->status;
    }
    FIRN_TRY(config_file_add_names(file, CONFIG_CATALOGS, &names, err));
    (void) firn_fail(err, FIRN_E_CONFIG_NOT_FOUND, "%s has no catalog '%s'", file->path, name);
    firn_hint(err, "catalogs in %s: %.*s", file->path, (int) names.size, (const char *) names.data);
    return err->status;
}

/* A relative warehouse lies below the project root, as the default one does. */
static firn_status
find_warehouse(session *s, const char *given, const char **ret_warehouse, firn_error *err)
{
    if (!given) given = "warehouse";
    if (strstr(given, ":/") || given[0] == '/') {
        *ret_warehouse = given;
        return FIRN_OK;
    }
    *ret_warehouse = firn_arena_printf(&s->arena, "file://%s/%s", s->project_root, given);
    return *ret_warehouse ? FIRN_OK : firn_fail_memory(err, "the warehouse's location");
}

firn_status
connect_lake(session *s, lake_connection *ret_lake, firn_error *err)
{
    FIRN_AUTO(lake_connection_done) lake_connection lake = {0};
    const char                                     *name = settings_text(&s->values, OPTION_CATALOG_NAME), *warehouse;
    const yaml_node                                *entry;

    FIRN_TRY(session_read_config(s, err));
    entry = config_file_entry(&s->files[CONFIG_CATALOGS], CONFIG_CATALOGS, name);
    if (!entry && strcmp(name, "local") != 0) return fail_no_catalog(s, name, err);
    warehouse = settings_text(&s->values, OPTION_WAREHOUSE_PATH);
    if (entry) {
        FIRN_TRY(settings_apply_entry(&s->values, CONFIG_CATALOGS, &s->files[CONFIG_CATALOGS], entry, &s->environment,
                                      true, err));
        const char *type = settings_text(&s->values, OPTION_CATALOG_TYPE);
        if (strcmp(type, "hadoop") != 0)
            return firn_fail(err, FIRN_E_CATALOG_UNSUPPORTED,
                             "the catalog '%s' is of type '%s', which this version cannot write to", name, type);
        if (!warehouse) warehouse = settings_text(&s->values, OPTION_CATALOG_WAREHOUSE);
    }
    FIRN_TRY(find_warehouse(s, warehouse, &lake.warehouse, err));
    FIRN_TRY(storage_local_new(&lake.files, err));
    FIRN_TRY(hadoop_catalog_new(lake.warehouse, lake.files, &lake.lake, err));
    *ret_lake = lake;
    lake = (lake_connection){0};
    return FIRN_OK;
}

firn_status
connect_namespace(session *s, const char *const **ret_levels, unsigned *ret_count, firn_error *err)
{
    const char  *text = settings_text(&s->values, OPTION_ICEBERG_NAMESPACE);
    const char **levels = firn_arena_array(&s->arena, LEVELS_MAX, sizeof *levels);
    unsigned     count = 0;

    if (!levels) return firn_fail_memory(err, "the namespace");
    for (;; text++) {
        size_t size = strcspn(text, ".");
        if (count == LEVELS_MAX)
            return firn_fail(err, FIRN_E_CONFIG_VALUE, "%s: 'iceberg_namespace' has more than %d levels",
                             s->values.values[OPTION_ICEBERG_NAMESPACE].where, LEVELS_MAX);
        levels[count] = firn_arena_text(&s->arena, firn_slice_of(text, size));
        if (!levels[count++]) return firn_fail_memory(err, "the namespace");
        text += size;
        if (!*text) break;
    }
    *ret_levels = levels;
    *ret_count = count;
    return FIRN_OK;
}

bool
connect_creates_slot(const session *s)
{
    const settings *v = &s->values;

    if (settings_has(v, OPTION_CREATE_SLOT)) return settings_flag(v, OPTION_CREATE_SLOT);
    return settings_has(v, OPTION_FOLLOW_FROM) || settings_has(v, OPTION_FOLLOW_KAFKA_CLUSTER) ||
           settings_has(v, OPTION_KAFKA_TOPIC_PREFIX);
}

firn_status
connect_postgres_settings(session *s, postgres_settings *ret_settings, firn_error *err)
{
    const settings   *v = &s->values;
    const char       *type = settings_text(v, OPTION_DATABASE_TYPE), *name = settings_text(v, OPTION_SOURCE);
    char              slot[SOURCE_NAME_SIZE], publication[SOURCE_NAME_SIZE];
    postgres_settings p = {0};

    if (strcmp(type, "postgres") != 0) {
        (void) firn_fail(err, FIRN_E_SOURCE_UNSUPPORTED,
                         "the source '%s' is of type '%s', which this version cannot read", name, type);
        firn_hint(err, "%s: database_type: postgres is supported", v->values[OPTION_DATABASE_TYPE].where);
        return err->status;
    }
    p.host = settings_text(v, OPTION_HOST);
    p.port = (unsigned) settings_number(v, OPTION_PORT);
    p.database = settings_text(v, OPTION_DATABASE);
    if (!p.database) p.database = settings_text(v, OPTION_SERVICE_NAME);
    p.username = settings_text(v, OPTION_USERNAME);
    if (!p.database || !p.username)
        return firn_fail(err, FIRN_E_OPTION_MISSING, "%s: 'database_connection' of '%s' has no '%s'",
                         s->files[CONFIG_SOURCES].path, name, p.database ? "username" : "database");
    p.password = v->values[OPTION_PASSWORD].secret;
    p.schema = settings_text(v, OPTION_SCHEMA);
    p.sslmode = settings_text(v, OPTION_SSLMODE);
    p.sslrootcert = settings_text(v, OPTION_SSLROOTCERT);
    p.sslcert = settings_text(v, OPTION_SSLCERT);
    p.sslkey = settings_text(v, OPTION_SSLKEY);
    p.silence_ms_max = (unsigned) settings_duration_ms(v, OPTION_SILENCE_TIMEOUT);
    source_slot_name(name, slot);
    source_publication_name(name, publication);
    p.slot_name = firn_arena_strdup(&s->arena, slot);
    p.publication_name = firn_arena_strdup(&s->arena, publication);
    if (!p.slot_name || !p.publication_name) return firn_fail_memory(err, "the source's settings");
    *ret_settings = p;
    return FIRN_OK;
}

static firn_status
connect_postgres(session *s, bool create_slot, source **ret_source, firn_error *err)
{
    postgres_settings p = {0};

    FIRN_TRY(connect_postgres_settings(s, &p, err));
    p.create_slot = create_slot;
    return postgres_source_new(&p, s->cancel, ret_source, err);
}

firn_status
connect_source(session *s, source **ret_source, firn_error *err)
{
    /* A slot holds the server's WAL until somebody reads it. */
    return connect_postgres(s, connect_creates_slot(s), ret_source, err);
}

firn_status
connect_source_with_slot(session *s, source **ret_source, firn_error *err)
{
    return connect_postgres(s, true, ret_source, err);
}

firn_status
connect_source_to_read(session *s, source **ret_source, firn_error *err)
{
    return connect_postgres(s, false, ret_source, err);
}

bool
connect_filter_matches(const load_settings *settings, const char *table)
{
    for (unsigned i = 0; i < settings->table_filter_count; i++) {
        if (text_like(table, settings->table_filters[i])) return true;
    }
    return settings->table_filter_count == 0;
}

const load_table_config *
connect_table_config(const load_settings *settings, const char *table)
{
    for (unsigned i = 0; i < settings->table_config_count; i++) {
        if (strcmp(settings->tables[i].name, table) == 0) return &settings->tables[i];
    }
    return &settings->defaults;
}
