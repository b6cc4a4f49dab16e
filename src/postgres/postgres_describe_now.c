#include "postgres/postgres_describe_now.h"

#include "postgres/postgres_describe.h"

static firn_status
read_declared(postgres_connection *c, const char *schema, const char *table, const source_description *description,
              firn_arena *arena, const char *const **ret_declared, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *rows = NULL;
    const char  *parameters[] = {schema, table};
    const char **declared = firn_arena_array(arena, description->schema->field_count + 1u, sizeof *declared);

    if (!declared) return firn_fail_memory(err, "a table's types");
    FIRN_TRY(postgres_query(c,
                            "SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a"
                            " JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
                            " WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped",
                            parameters, 2, "reading the columns' types", &rows, err));
    for (int i = 0; i < PQntuples(rows); i++) {
        int column = schema_column_index(description->schema, PQgetvalue(rows, i, 0));

        if (column < 0) continue;
        declared[column] = firn_arena_strdup(arena, PQgetvalue(rows, i, 1));
        if (!declared[column]) return firn_fail_memory(err, "a table's types");
    }
    *ret_declared = declared;
    return FIRN_OK;
}

static firn_status
describe(postgres_connection *c, const char *schema, const source_table *table, const table_rules *rules, firn_arena *arena,
         source_description **ret_description, firn_error *err)
{
    const char           *encoding = PQparameterStatus(c->pg, "server_encoding");
    postgres_type_catalog types = {0};

    postgres_type_catalog_init(&types, c, encoding && strcmp(encoding, "SQL_ASCII") == 0);
    firn_status status = postgres_describe_table(&types, schema, table, rules, arena, ret_description, err);
    postgres_type_catalog_done(&types);
    return status;
}

firn_status
postgres_describe_now(const postgres_settings *settings, task_cancel *cancel, const char *name, const table_rules *rules,
                      firn_arena *arena, source_description **ret_description, const int **ret_places,
                      const char *const **ret_declared, firn_error *err)
{
    FIRN_AUTO(postgres_connection_freep) postgres_connection *c = NULL;
    task_cancel *const cancels[2] = {cancel, NULL};
    const char        *schema = settings->schema ? settings->schema : "public";
    source_table      *table = firn_arena_alloc(arena, sizeof *table);
    source_description *description = NULL;

    if (!table) return firn_fail_memory(err, "a table's description");
    *table = (source_table){.name = name, .kind = TABLE_ORDINARY, .readable = true};
    FIRN_TRY(postgres_connection_new(settings, cancels, false, &c, err));
    FIRN_TRY(describe(c, schema, table, rules, arena, &description, err));
    if (read_declared(c, schema, name, description, arena, ret_declared, err)) {
        schema_unref(description->schema);
        return err->status;
    }
    *ret_places = ((const postgres_table *) description->detail)->places;
    *ret_description = description;
    return FIRN_OK;
}
