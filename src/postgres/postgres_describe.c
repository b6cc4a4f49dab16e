#include "postgres/postgres_describe.h"

#include <stdio.h>

#include "base/text.h"
#include "batch/schema.h"
#include "source/column_places.h"

#define SELECT_LIST_SIZE_MAX ((size_t) 4 << 20)

/* ---- list ---- */

static const char list_sql[] =
    "WITH RECURSIVE parts(root, oid) AS ("
    " SELECT c.oid, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = $1 AND c.relkind IN ('r','p','v','m','f') AND NOT c.relispartition AND c.relpersistence <> 't'"
    " UNION ALL SELECT p.root, i.inhrelid FROM parts p JOIN pg_inherits i ON i.inhparent = p.oid"
    " JOIN pg_class k ON k.oid = i.inhrelid WHERE k.relispartition),"
    " heaps AS (SELECT p.root, c.reltuples, c.relpages, c.oid,"
    "  CASE WHEN c.relkind IN ('r','m') THEN pg_relation_size(c.oid) ELSE 0 END AS heap_bytes,"
    "  CASE WHEN c.relkind IN ('r','m') THEN pg_table_size(c.oid) ELSE 0 END AS table_bytes"
    "  FROM parts p JOIN pg_class c ON c.oid = p.oid),"
    " sums AS (SELECT root, coalesce(sum(table_bytes), 0)::bigint AS bytes,"
    /* As the planner does: the density of the last ANALYZE times today's size; never analyzed: a guess. */
    "  coalesce(sum(CASE WHEN relpages > 0 AND reltuples >= 0"
    "   THEN reltuples / relpages * (heap_bytes / current_setting('block_size')::float8)"
    "   ELSE heap_bytes / 100.0 END), 0)::bigint AS tuples FROM heaps GROUP BY root)"
    " SELECT c.relname, CASE WHEN c.relkind IN ('r','p') AND NOT EXISTS (SELECT FROM pg_attribute a"
    "  WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) THEN '0' ELSE c.relkind END,"
    " obj_description(c.oid, 'pg_class'), s.tuples, s.bytes,"
    " has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE'),"
    " EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')"
    " FROM sums s JOIN pg_class c ON c.oid = s.root JOIN pg_namespace n ON n.oid = c.relnamespace"
    " ORDER BY c.relname COLLATE \"C\"";

static table_kind
kind_of_relation(char relkind, bool of_extension)
{
    if (of_extension) return TABLE_OTHER;
    switch (relkind) {
    case 'r':
        return TABLE_ORDINARY;
    case 'p':
        return TABLE_PARTITIONED;
    case '0':
        return TABLE_WITHOUT_COLUMNS;
    case 'v':
        return TABLE_VIEW;
    case 'm':
        return TABLE_MATERIALIZED_VIEW;
    case 'f':
        return TABLE_FOREIGN;
    default:
        return TABLE_OTHER;
    }
}

static firn_status
check_schema(postgres_connection *c, const char *schema, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    const char *parameters[] = {schema};
    FIRN_TRY(postgres_query(c, "SELECT has_schema_privilege(oid, 'USAGE'), quote_ident(nspname), quote_ident(current_user)"
                               " FROM pg_namespace WHERE nspname = $1",
                            parameters, 1, "looking for the schema", &row, err));
    if (PQntuples(row) == 0) {
        firn_fail(err, FIRN_E_POSTGRES_NOT_FOUND, "schema '%s' does not exist in database '%s'", schema, PQdb(c->pg));
        firn_hint(err, "set schema: of the source; \\dn in psql lists them, and case counts");
        return err->status;
    }
    if (!postgres_cell_true(row, 0, 0)) {
        firn_fail(err, FIRN_E_POSTGRES_DENIED, "no privilege to use schema '%s'", schema);
        firn_hint(err, "GRANT USAGE ON SCHEMA %s TO %s", PQgetvalue(row, 0, 1), PQgetvalue(row, 0, 2));
        return err->status;
    }
    return FIRN_OK;
}

firn_status
postgres_list_tables(postgres_connection *c, const char *schema, firn_arena *arena, source_tables *ret_tables,
                     firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *rows = NULL;
    const char *parameters[] = {schema};
    FIRN_TRY(check_schema(c, schema, err));
    FIRN_TRY(postgres_query(c, list_sql, parameters, 1, "listing the tables", &rows, err));

    int           count = PQntuples(rows);
    source_table *tables = firn_arena_array(arena, (size_t) count, sizeof *tables);
    if (!tables && count) return firn_fail_memory(err, "the list of tables");
    for (int i = 0; i < count; i++) {
        const char *comment = postgres_cell(rows, i, 2);
        tables[i] = (source_table){
            .name = firn_arena_strdup(arena, PQgetvalue(rows, i, 0)),
            .kind = kind_of_relation(*PQgetvalue(rows, i, 1), postgres_cell_true(rows, i, 6)),
            .comment = comment ? firn_arena_strdup(arena, comment) : NULL,
            .row_estimate = (uint64_t) postgres_cell_i64(rows, i, 3),
            .size_bytes = (uint64_t) postgres_cell_i64(rows, i, 4),
            .readable = postgres_cell_true(rows, i, 5),
        };
        if (!tables[i].name || (comment && !tables[i].comment)) return firn_fail_memory(err, "the list of tables");
    }
    *ret_tables = (source_tables){.count = (unsigned) count, .tables = tables};
    return FIRN_OK;
}

/* ---- describe ---- */

/* What is put together for one table. */
typedef struct description_draft {
    postgres_type_catalog *types;
    const char            *schema_name, *table_name;
    const table_rules     *rules;
    const change_relation *relation; /* NULL: the table as it is now */
    firn_arena            *arena;
    char                   oid[16]; /* "0": it is not there any more */
    unsigned               column_count;
    schema_field          *columns;
    copy_field            *fields;
    const char           **expressions, **orderable;
    int                   *places;
    int                   *row_places; /* per column that was asked for, also those that are left out */
    column_origin         *origins;
    bool                  *can_be_key;
    postgres_table        *table;
    unsigned               key_count;
    unsigned              *key_columns;
    key_origin             key_origin;
} description_draft;

static firn_status
find_table(description_draft *d, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    const char *parameters[] = {d->schema_name, d->table_name};
    FIRN_TRY(postgres_query(d->types->connection,
                            "SELECT c.oid, has_table_privilege(c.oid, 'SELECT'), c.oid::regclass, quote_ident(current_user)"
                            " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                            " WHERE n.nspname = $1 AND c.relname = $2",
                            parameters, 2, "looking for the table", &row, err));
    if (PQntuples(row) == 0)
        return firn_fail(err, FIRN_E_POSTGRES_NOT_FOUND, "table '%s.%s' does not exist", d->schema_name, d->table_name);
    if (!postgres_cell_true(row, 0, 1)) {
        firn_fail(err, FIRN_E_POSTGRES_DENIED, "no privilege to read table '%s.%s'", d->schema_name, d->table_name);
        firn_hint(err, "GRANT SELECT ON %s TO %s", PQgetvalue(row, 0, 2), PQgetvalue(row, 0, 3));
        return err->status;
    }
    snprintf(d->oid, sizeof d->oid, "%u", postgres_cell_oid(row, 0, 0));
    return FIRN_OK;
}

/* By its number, which stays when it is renamed. */
static firn_status
find_relation(description_draft *d, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    const char *parameters[] = {d->oid};
    snprintf(d->oid, sizeof d->oid, "%u", d->relation->id);
    FIRN_TRY(postgres_query(d->types->connection, "SELECT FROM pg_class WHERE oid = $1::oid AND relkind IN ('r', 'p')", parameters,
                            1, "looking for the table", &row, err));
    if (PQntuples(row) == 0) snprintf(d->oid, sizeof d->oid, "0");
    return FIRN_OK;
}

static bool
column_is_excluded(const table_rules *rules, const char *name)
{
    bool excluded = false;
    for (unsigned i = 0; i < rules->column_count; i++)
        if (strcmp(rules->columns[i].column, name) == 0) excluded = rules->columns[i].excluded || excluded;
    return excluded;
}

/* Sorting by the bytes of what will be written, whatever collation and padding the server compares by. */
static const char *
orderable_expression(firn_arena *arena, const postgres_mapping *mapping, uint32_t type_oid)
{
    enum { OID_CHAR = 18, OID_BPCHAR = 1042, OID_CIDR = 650, OID_INET = 869, OID_TIME = 1083 };
    const char *e = mapping->expression;
    if (mapping->field.type->kind != TYPE_STRING || type_oid == OID_TIME) return e;
    switch (type_oid) {
    case OID_CHAR:
        e = firn_arena_printf(arena, "charout(%s)", e);
        break;
    case OID_BPCHAR:
        e = firn_arena_printf(arena, "bpcharout(%s)", e);
        break;
    case OID_CIDR:
        e = firn_arena_printf(arena, "cidr_out(%s)", e);
        break;
    case OID_INET:
        e = firn_arena_printf(arena, "inet_out(%s)", e);
        break;
    default:
        break;
    }
    return e ? firn_arena_printf(arena, "convert_to((%s)::text, 'UTF8')", e) : NULL;
}

static firn_status
add_column(description_draft *d, const PGresult *rows, int row, unsigned *index, firn_error *err)
{
    postgres_mapping mapping;
    const char      *name = firn_arena_strdup(d->arena, PQgetvalue(rows, row, 0));
    const char      *comment = postgres_cell(rows, row, 5);
    if (!name) return firn_fail_memory(err, "a column");
    if (column_is_excluded(d->rules, name)) return FIRN_OK;
    if (!text_is_utf8((const uint8_t *) name, strlen(name)))
        return firn_fail(err, FIRN_E_TYPE_UNSUPPORTED, "a column's name is not valid UTF-8");

    postgres_column column = {
        .name = name,
        .type_oid = postgres_cell_oid(rows, row, 1),
        .typmod = (int32_t) postgres_cell_i64(rows, row, 2),
        .dimensions = (int) postgres_cell_i64(rows, row, 3),
    };
    FIRN_TRY(postgres_map_column(d->types, &column, d->rules, d->arena, &mapping, err));
    bool required = postgres_cell_true(rows, row, 4) && !(mapping.may_be_unfit && mapping.field.policy == POLICY_NULL);
    mapping.field.required = required;

    unsigned i = (*index)++;
    d->columns[i] = (schema_field){.required = required, .name = name, .type = mapping.field.type};
    if (comment) {
        d->columns[i].doc = firn_arena_strdup(d->arena, comment);
        if (!d->columns[i].doc) return firn_fail_memory(err, "a comment");
    }
    d->fields[i] = mapping.field;
    d->expressions[i] = mapping.expression;
    d->orderable[i] = orderable_expression(d->arena, &mapping, column.type_oid);
    if (!d->orderable[i]) return firn_fail_memory(err, "a column");
    d->can_be_key[i] = mapping.can_be_key;
    d->places[i] = d->row_places[row];
    d->origins[i] = (column_origin){.place = d->places[i], .has_default = postgres_cell_true(rows, row, 8)};
    if (postgres_cell(rows, row, 9)) {
        d->origins[i].missing_value = firn_arena_strdup(d->arena, postgres_cell(rows, row, 9));
        if (!d->origins[i].missing_value) return firn_fail_memory(err, "a column's default");
    }
    if (mapping.is_cast && !d->table->cast_column) d->table->cast_column = name;
    /* Generated columns can be selected but not named in COPY; a rewritten one is an expression. */
    if (postgres_cell_true(rows, row, 6) || mapping.is_cast) d->table->plain_columns = false;
    return FIRN_OK;
}

/* An array literal of texts that may hold anything. */
static firn_status
add_array_item(firn_buffer *array, const char *text, firn_error *err)
{
    FIRN_TRY(firn_buffer_add_text(array, array->size ? ",\"" : "{\"", err));
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') FIRN_TRY(firn_buffer_add_byte(array, '\\', err));
        FIRN_TRY(firn_buffer_add_byte(array, (uint8_t) *text, err));
    }
    return firn_buffer_add_byte(array, '"', err);
}

/* Whether old rows may have got a value when the column came, and which, where it is the same one in all of them. */
#define COLUMN_DEFAULTS                                                                   \
    "coalesce(a.atthasdef OR a.attidentity <> '', false),"                                \
    " CASE WHEN a.atthasmissing THEN (a.attmissingval::text::text[])[1] END"

/* The names of the relation's columns as an array. */
static firn_status
add_names(const change_relation *relation, firn_buffer *array, firn_error *err)
{
    firn_buffer_init(array, SELECT_LIST_SIZE_MAX);
    for (unsigned i = 0; i < relation->column_count; i++) FIRN_TRY(add_array_item(array, relation->columns[i].name, err));
    FIRN_TRY(firn_buffer_add_text(array, array->size ? "}" : "{}", err));
    return firn_buffer_add_byte(array, 0, err);
}

static firn_status
query_relation_columns(description_draft *d, PGresult **ret_rows, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer names = {0}, types = {0}, typmods = {0};
    firn_buffer *arrays[] = {&types, &typmods};
    FIRN_TRY(add_names(d->relation, &names, err));
    for (size_t i = 0; i < FIRN_COUNT(arrays); i++) firn_buffer_init(arrays[i], SELECT_LIST_SIZE_MAX);
    for (unsigned i = 0; i < d->relation->column_count; i++) {
        const change_column *column = &d->relation->columns[i];
        FIRN_TRY(firn_buffer_printf(&types, err, "%c%u", i ? ',' : '{', column->type_oid));
        FIRN_TRY(firn_buffer_printf(&typmods, err, "%c%d", i ? ',' : '{', (int) column->typmod));
    }
    for (size_t i = 0; i < FIRN_COUNT(arrays); i++) {
        FIRN_TRY(firn_buffer_add_text(arrays[i], arrays[i]->size ? "}" : "{}", err));
        FIRN_TRY(firn_buffer_add_byte(arrays[i], 0, err));
    }
    const char *parameters[] = {d->oid, (const char *) names.data, (const char *) types.data, (const char *) typmods.data};
    /* The column of a renamed table counts from its own place, of a dropped one from none. */
    return postgres_query(d->types->connection,
                          "SELECT x.name, x.type, x.typmod, coalesce(a.attndims, 0),"
                          " coalesce(a.attnotnull AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = a.attrelid"
                          " AND k.contype = 'n' AND NOT k.convalidated AND a.attnum = ANY (k.conkey)), false),"
                          " col_description(a.attrelid, a.attnum), false, coalesce(a.attnum, 0), " COLUMN_DEFAULTS
                          " FROM unnest($2::text[], $3::oid[], $4::int[]) WITH ORDINALITY AS x(name, type, typmod, place)"
                          " LEFT JOIN pg_attribute a ON a.attrelid = $1::oid AND a.attname = x.name AND a.attnum > 0"
                          " AND NOT a.attisdropped ORDER BY x.place",
                          parameters, 4, "reading the columns", ret_rows, err);
}

static firn_status
query_columns(description_draft *d, PGresult **ret_rows, firn_error *err)
{
    const char *parameters[] = {d->oid};
    const char *sql = d->types->connection->server_version >= 120000
                          ? "SELECT a.attname, a.atttypid, a.atttypmod, a.attndims,"
                            " a.attnotnull AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = a.attrelid"
                            " AND k.contype = 'n' AND NOT k.convalidated AND a.attnum = ANY (k.conkey)),"
                            " col_description(a.attrelid, a.attnum), a.attgenerated <> '', a.attnum, " COLUMN_DEFAULTS
                            " FROM pg_attribute a WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped"
                            " ORDER BY a.attnum"
                          : "SELECT a.attname, a.atttypid, a.atttypmod, a.attndims, a.attnotnull,"
                            " col_description(a.attrelid, a.attnum), false, a.attnum, a.atthasdef, NULL"
                            " FROM pg_attribute a WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped"
                            " ORDER BY a.attnum";
    if (d->relation) return query_relation_columns(d, ret_rows, err);
    return postgres_query(d->types->connection, sql, parameters, 1, "reading the columns", ret_rows, err);
}

/* The numbers of the columns that the table has now under names which the relation does not. */
static firn_status
query_unclaimed(const description_draft *d, PGresult **ret_unclaimed, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer names = {0};
    FIRN_TRY(add_names(d->relation, &names, err));
    const char *parameters[] = {d->oid, (const char *) names.data};
    return postgres_query(d->types->connection,
                          d->types->connection->server_version >= 120000
                              ? "SELECT attnum FROM pg_attribute WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''"
                                " AND attname <> ALL ($2::text[]) ORDER BY attnum"
                              : "SELECT attnum FROM pg_attribute WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped"
                                " AND attname <> ALL ($2::text[]) ORDER BY attnum",
                          parameters, 2, "reading the columns", ret_unclaimed, err);
}

/* Names are those of now, and may be others' than those that the relation means. */
static firn_status
infer_places(const description_draft *d, unsigned count, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *unclaimed = NULL;
    bool is_sound = true;
    for (unsigned i = 0, last = 0; i < count; i++) {
        is_sound = is_sound && d->row_places[i] && (unsigned) d->row_places[i] > last;
        last = (unsigned) d->row_places[i];
    }
    if (is_sound) return FIRN_OK;
    FIRN_TRY(query_unclaimed(d, &unclaimed, err));
    unsigned unclaimed_count = (unsigned) PQntuples(unclaimed);
    int     *numbers = firn_arena_array(d->arena, unclaimed_count + 1, sizeof *numbers);
    if (!numbers) return firn_fail_memory(err, "the columns");
    for (unsigned i = 0; i < unclaimed_count; i++) numbers[i] = (int) postgres_cell_i64(unclaimed, (int) i, 0);
    column_places_infer(d->row_places, count, numbers, unclaimed_count);
    return FIRN_OK;
}

static firn_status
read_columns(description_draft *d, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *rows = NULL;
    FIRN_TRY(query_columns(d, &rows, err));
    size_t count = (size_t) PQntuples(rows);
    d->columns = firn_arena_array(d->arena, count, sizeof *d->columns);
    d->fields = firn_arena_array(d->arena, count, sizeof *d->fields);
    d->expressions = firn_arena_array(d->arena, count, sizeof *d->expressions);
    d->orderable = firn_arena_array(d->arena, count, sizeof *d->orderable);
    d->places = firn_arena_array(d->arena, count, sizeof *d->places);
    d->origins = firn_arena_array(d->arena, count, sizeof *d->origins);
    d->can_be_key = firn_arena_array(d->arena, count, sizeof *d->can_be_key);
    d->row_places = firn_arena_array(d->arena, count, sizeof *d->row_places);
    if (count && (!d->row_places || !d->origins || !d->columns || !d->fields || !d->expressions || !d->orderable || !d->places || !d->can_be_key))
        return firn_fail_memory(err, "the columns");
    d->table->plain_columns = true;
    for (size_t i = 0; i < count; i++) d->row_places[i] = (int) postgres_cell_i64(rows, (int) i, 7);
    if (d->relation) FIRN_TRY(infer_places(d, (unsigned) count, err));
    for (int i = 0; i < (int) count; i++) FIRN_TRY(add_column(d, rows, i, &d->column_count, err));
    if (d->column_count == 0)
        return firn_fail(err, FIRN_E_TYPE_UNSUPPORTED, "table '%s.%s' has no columns to read", d->schema_name,
                         d->table_name);
    return FIRN_OK;
}

/* ---- key ---- */

static int
column_index(const description_draft *d, const char *name)
{
    for (unsigned i = 0; i < d->column_count; i++)
        if (strcmp(d->columns[i].name, name) == 0) return (int) i;
    return -1;
}

/* Takes columns[] as the key unless one is missing or cannot be in a key. */
static bool
take_key(description_draft *d, const unsigned columns[], unsigned count, key_origin origin)
{
    for (unsigned i = 0; i < count; i++)
        if (!d->can_be_key[columns[i]]) return false;
    memcpy(d->key_columns, columns, count * sizeof *columns);
    d->key_count = count;
    d->key_origin = origin;
    for (unsigned i = 0; i < count; i++) d->columns[columns[i]].required = d->fields[columns[i]].required = true;
    return true;
}

static firn_status
take_configured_key(description_draft *d, unsigned columns[], firn_error *err)
{
    for (unsigned i = 0; i < d->rules->key_count; i++) {
        int index = column_index(d, d->rules->key[i]);
        if (index < 0 || i >= d->column_count) {
            firn_fail(err, FIRN_E_ICEBERG_SCHEMA, "primary_keys names column '%s', which table '%s.%s' does not have",
                      d->rules->key[i], d->schema_name, d->table_name);
            firn_hint(err, "mend sources.%s.primary_keys.%s in %s; names are case-sensitive",
                      d->rules->source_name ? d->rules->source_name : "SOURCE", d->table_name,
                      d->rules->config_file ? d->rules->config_file : "sources.yaml");
            return err->status;
        }
        columns[i] = (unsigned) index;
    }
    if (take_key(d, columns, d->rules->key_count, KEY_CONFIGURED)) return FIRN_OK;
    return firn_fail(err, FIRN_E_ICEBERG_SCHEMA,
                     "the key configured for table '%s.%s' has a floating-point or nested column, which Iceberg refuses",
                     d->schema_name, d->table_name);
}

/* Rows are (index, primary, column, not null) in the order of preference. */
static void
take_best_index(description_draft *d, const PGresult *rows, unsigned columns[])
{
    int row_count = PQntuples(rows);
    for (int first = 0, next; first < row_count; first = next) {
        bool     usable = true, primary = postgres_cell_true(rows, first, 1);
        unsigned count = 0;
        for (next = first; next < row_count && strcmp(PQgetvalue(rows, next, 0), PQgetvalue(rows, first, 0)) == 0; next++) {
            int index = column_index(d, PQgetvalue(rows, next, 2));
            if (index < 0 || !postgres_cell_true(rows, next, 3) || count >= d->column_count)
                usable = false;
            else
                columns[count++] = (unsigned) index;
        }
        if (usable && count && take_key(d, columns, count, primary ? KEY_PRIMARY : KEY_UNIQUE_NOT_NULL)) return;
    }
}

/* Of a table that was dropped, or has no key now: what identified its rows. */
static void
take_relation_key(description_draft *d, unsigned columns[])
{
    unsigned count = 0;
    if (d->relation->identity == IDENTITY_FULL || strcmp(d->oid, "0") != 0) return;
    for (unsigned i = 0; i < d->relation->column_count; i++) {
        int index = column_index(d, d->relation->columns[i].name);
        if (d->relation->columns[i].is_key && index >= 0) columns[count++] = (unsigned) index;
    }
    if (count) (void) !take_key(d, columns, count, d->relation->identity == IDENTITY_DEFAULT ? KEY_PRIMARY : KEY_UNIQUE_NOT_NULL);
}

static firn_status
read_key(description_draft *d, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *rows = NULL;
    const char *parameters[] = {d->oid};
    unsigned   *columns = firn_arena_array(d->arena, d->column_count, sizeof *columns);
    d->key_columns = firn_arena_array(d->arena, d->column_count, sizeof *d->key_columns);
    if (!columns || !d->key_columns) return firn_fail_memory(err, "a key");
    if (d->rules->key_count) return take_configured_key(d, columns, err);

    bool old = d->types->connection->server_version < 110000;
    char sql[1024];
    snprintf(sql, sizeof sql,
             "SELECT i.indexrelid, i.indisprimary, a.attname, a.attnotnull FROM pg_index i"
             " CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, place)"
             " LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND a.attnum > 0"
             " WHERE i.indrelid = $1::oid AND i.indisunique AND i.indisvalid AND (i.indisprimary OR i.indimmediate)"
             " AND i.indpred IS NULL AND i.indexprs IS NULL AND k.place <= i.%s"
             " ORDER BY i.indisprimary DESC, i.indisreplident DESC, i.%s, i.indexrelid, k.place",
             old ? "indnatts" : "indnkeyatts", old ? "indnatts" : "indnkeyatts");
    FIRN_TRY(postgres_query(d->types->connection, sql, parameters, 1, "reading the keys", &rows, err));
    take_best_index(d, rows, columns);
    if (d->relation && PQntuples(rows) == 0) take_relation_key(d, columns);
    return FIRN_OK;
}

/* ---- relations ---- */

static const char relations_sql[] =
    "WITH RECURSIVE parts(oid) AS (SELECT $1::oid UNION ALL SELECT i.inhrelid FROM parts p"
    " JOIN pg_inherits i ON i.inhparent = p.oid JOIN pg_class k ON k.oid = i.inhrelid WHERE k.relispartition)"
    " SELECT c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind,"
    " has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE'),"
    " CASE WHEN c.relkind IN ('r','m') THEN pg_relation_size(c.oid) / current_setting('block_size')::int ELSE 0 END,"
    " CASE WHEN c.relkind NOT IN ('r','m') THEN 0 WHEN c.relpages > 0 AND c.reltuples >= 0"
    "  THEN c.reltuples / c.relpages * (pg_relation_size(c.oid) / current_setting('block_size')::int)"
    "  ELSE pg_relation_size(c.oid) / 100 END::bigint"
    " FROM parts p JOIN pg_class c ON c.oid = p.oid JOIN pg_namespace n ON n.oid = c.relnamespace"
    " ORDER BY c.oid <> $1::oid, c.relname COLLATE \"C\", c.oid";

static firn_status
fill_relation(description_draft *d, const PGresult *rows, int row, postgres_relation *relation, firn_error *err)
{
    *relation = (postgres_relation){
        .oid = postgres_cell_oid(rows, row, 0),
        .qualified = firn_arena_strdup(d->arena, PQgetvalue(rows, row, 1)),
        .block_count = (uint64_t) postgres_cell_i64(rows, row, 4),
        .row_estimate = (uint64_t) postgres_cell_i64(rows, row, 5),
    };
    return relation->qualified ? FIRN_OK : firn_fail_memory(err, "a partition");
}

static firn_status
read_relations(description_draft *d, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *rows = NULL;
    const char *parameters[] = {d->oid};
    FIRN_TRY(postgres_query(d->types->connection, relations_sql, parameters, 1, "reading the partitions", &rows, err));
    int count = PQntuples(rows);
    if (count == 0)
        return firn_fail(err, FIRN_E_POSTGRES_NOT_FOUND, "table '%s.%s' was dropped", d->schema_name, d->table_name);
    postgres_relation *relations = firn_arena_array(d->arena, (size_t) count, sizeof *relations);
    if (!relations) return firn_fail_memory(err, "the partitions");

    bool     readable = true;
    unsigned used = 0;
    for (int i = 0; i < count; i++) {
        char kind = *PQgetvalue(rows, i, 2);
        if (kind == 'f' && count > 1) {
            firn_fail(err, FIRN_E_POSTGRES_UNSUPPORTED, "partition %s of '%s.%s' is a foreign table: it cannot be read "
                      "as of the load's snapshot", PQgetvalue(rows, i, 1), d->schema_name, d->table_name);
            firn_hint(err, "detach the partition, or leave the table out with --table-filter");
            return err->status;
        }
        if (kind == 'p') continue;
        if (!postgres_cell_true(rows, i, 3)) readable = false;
        FIRN_TRY(fill_relation(d, rows, i, &relations[used++], err));
    }
    if (!readable && count > 1) {
        /* Who may read the root may read all of it, but not each partition by name. */
        FIRN_TRY(fill_relation(d, rows, 0, &relations[0], err));
        relations[0].with_descendants = true;
        for (int i = 1; i < count; i++) {
            relations[0].block_count += (uint64_t) postgres_cell_i64(rows, i, 4);
            relations[0].row_estimate += (uint64_t) postgres_cell_i64(rows, i, 5);
        }
        used = 1;
    }
    d->table->relations = relations;
    d->table->relation_count = used;
    return FIRN_OK;
}

/* ---- together ---- */

static firn_status
fill_select_list(description_draft *d, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer list = {0};
    firn_buffer_init(&list, SELECT_LIST_SIZE_MAX);
    for (unsigned i = 0; i < d->column_count; i++)
        FIRN_TRY(firn_buffer_printf(&list, err, "%s%s", i ? ", " : "", d->expressions[i]));
    d->table->select_list = firn_arena_text(d->arena, firn_buffer_slice(&list));
    return d->table->select_list ? FIRN_OK : firn_fail_memory(err, "a SELECT list");
}

static firn_status
fill_layout(description_draft *d, table_schema *schema, firn_error *err)
{
    const char *qualified = firn_arena_printf(d->arena, "%s.%s", d->schema_name, d->table_name);
    const char *name = firn_arena_strdup(d->arena, d->table_name);
    if (!qualified || !name) return firn_fail_memory(err, "a description");
    d->table->layout = (copy_layout){
        .schema = schema,
        .fields = d->fields,
        .field_count = d->column_count,
        .key_columns = d->key_columns,
        .key_count = d->key_count,
        .qualified_name = qualified,
        .table_name = name,
        .config_file = d->rules->config_file,
        .source_name = d->rules->source_name,
    };
    d->table->expressions = d->expressions;
    d->table->orderable = d->orderable;
    d->table->places = d->places;
    d->table->arena = d->arena;
    if (d->key_count) {
        copy_op op = d->fields[d->key_columns[0]].op;
        if (op == COPY_INT16 || op == COPY_INT32 || op == COPY_INT64)
            d->table->range_column = d->expressions[d->key_columns[0]];
    }
    return FIRN_OK;
}

static firn_status
make_schema(description_draft *d, table_schema **ret_schema, firn_error *err)
{
    int32_t *key_ids = firn_arena_array(d->arena, d->key_count, sizeof *key_ids);
    if (!key_ids && d->key_count) return firn_fail_memory(err, "a key");
    for (unsigned i = 0; i < d->key_count; i++) key_ids[i] = (int32_t) d->key_columns[i];
    return schema_new(0, d->columns, d->column_count, key_ids, d->key_count, true, ret_schema, err);
}

static firn_status
describe(description_draft *d, const source_table *table, source_description **ret_description, firn_error *err)
{
    FIRN_AUTO(schema_unrefp) table_schema *schema = NULL;
    source_description *description = firn_arena_alloc(d->arena, sizeof *description);
    uint64_t            oid;
    d->table = firn_arena_alloc(d->arena, sizeof *d->table);
    if (!description || !d->table) return firn_fail_memory(err, "a description");

    FIRN_TRY(d->relation ? find_relation(d, err) : find_table(d, err));
    FIRN_TRY(read_columns(d, err));
    FIRN_TRY(read_key(d, err));
    if (!d->relation) FIRN_TRY(read_relations(d, err));
    FIRN_TRY(fill_select_list(d, err));
    FIRN_TRY(make_schema(d, &schema, err));
    FIRN_TRY(fill_layout(d, schema, err));
    *description = (source_description){
        .table = table,
        .schema = FIRN_STEAL(schema),
        .key_origin = d->key_origin,
        .origins = d->origins,
        .relation_id = text_parse_u64(firn_slice_text(d->oid), &oid) ? (uint32_t) oid : 0,
        .detail = d->table,
    };
    *ret_description = description;
    return FIRN_OK;
}

firn_status
postgres_describe_table(postgres_type_catalog *types, const char *schema, const source_table *table,
                        const table_rules *rules, firn_arena *arena, source_description **ret_description,
                        firn_error *err)
{
    description_draft draft = {
        .types = types,
        .schema_name = schema,
        .table_name = table->name,
        .rules = rules,
        .arena = arena,
    };
    if (describe(&draft, table, ret_description, err))
        return firn_while(err, "describing table '%s.%s'", schema, table->name);
    return FIRN_OK;
}

firn_status
postgres_describe_relation(postgres_type_catalog *types, const change_relation *relation, const table_rules *rules,
                           firn_arena *arena, source_description **ret_description, firn_error *err)
{
    source_table     *table = firn_arena_alloc(arena, sizeof *table);
    description_draft draft = {.types = types, .rules = rules, .relation = relation, .arena = arena};
    draft.schema_name = firn_arena_strdup(arena, relation->schema);
    draft.table_name = firn_arena_strdup(arena, relation->name);
    if (!table || !draft.schema_name || !draft.table_name) return firn_fail_memory(err, "a description");
    *table = (source_table){.name = draft.table_name, .kind = TABLE_ORDINARY, .readable = true};
    if (describe(&draft, table, ret_description, err))
        return firn_while(err, "describing table '%s.%s'", relation->schema, relation->name);
    return FIRN_OK;
}

firn_status
postgres_set_order(source_description *description, const order_term terms[], unsigned term_count, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    /* detail is const for everyone but its maker. */
    union {
        const void     *seen;
        postgres_table *own;
    } table = {.seen = description->detail};

    firn_buffer_init(&text, SELECT_LIST_SIZE_MAX);
    for (unsigned i = 0; i < term_count; i++) {
        int index = schema_column_index(description->schema, terms[i].column);
        if (index < 0)
            return firn_fail(err, FIRN_E_ICEBERG_SCHEMA, "sort_by names column '%s', which table '%s' does not have",
                             terms[i].column, table.own->layout.qualified_name);
        FIRN_TRY(firn_buffer_printf(&text, err, "%s%s%s NULLS %s", i ? ", " : "", table.own->orderable[index],
                                    terms[i].descending ? " DESC" : "", terms[i].nulls_last ? "LAST" : "FIRST"));
    }
    table.own->order_by = term_count ? firn_arena_text(table.own->arena, firn_buffer_slice(&text)) : NULL;
    if (term_count && !table.own->order_by) return firn_fail_memory(err, "an order");
    return FIRN_OK;
}
