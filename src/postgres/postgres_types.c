#include "postgres/postgres_types.h"

#include <stdio.h>

#include "base/decimal.h"
#include "postgres/copy_decode.h"
#include "source/unfit_value.h"

/* Type numbers that never change: src/include/catalog/pg_type.dat in the server's source. */
enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_CHAR = 18,
    OID_NAME = 19,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_OID = 26,
    OID_XID = 28,
    OID_CID = 29,
    OID_JSON = 114,
    OID_XML = 142,
    OID_CIDR = 650,
    OID_FLOAT4 = 700,
    OID_FLOAT8 = 701,
    OID_MONEY = 790,
    OID_INET = 869,
    OID_BPCHAR = 1042,
    OID_VARCHAR = 1043,
    OID_DATE = 1082,
    OID_TIME = 1083,
    OID_TIMESTAMP = 1114,
    OID_TIMESTAMPTZ = 1184,
    OID_NUMERIC = 1700,
    OID_REFCURSOR = 1790,
    OID_UUID = 2950,
    OID_JSONB = 3802,
};

#define MONEY_PRECISION 19
#define MONEY_SCALE 2
#define TYPMOD_HEADER 4 /* VARHDRSZ */
#define EXPRESSION_SIZE_MAX ((size_t) 1 << 20)

typedef struct composite_field {
    postgres_column column;
} composite_field;

struct postgres_type {
    postgres_type   *next;
    uint32_t         oid;
    const char      *name;
    const char      *extension; /* NULL: none */
    char             kind;      /* b c d e r m p */
    bool             is_array;
    char             delimiter; /* array */
    uint32_t         element_oid; /* array */
    uint32_t         base_oid;    /* domain */
    int32_t          base_typmod;
    int              base_dimensions;
    unsigned         field_count; /* composite */
    composite_field *fields;
};

void
postgres_type_catalog_init(postgres_type_catalog *types, postgres_connection *connection, bool verify_utf8)
{
    *types = (postgres_type_catalog){.connection = connection, .verify_utf8 = verify_utf8};
    firn_arena_init(&types->arena, (size_t) 256 << 20);
}

void
postgres_type_catalog_done(postgres_type_catalog *types)
{
    firn_arena_done(&types->arena);
    *types = (postgres_type_catalog){0};
}

/* ---- the catalog's side ---- */

static firn_status
load_composite(postgres_type_catalog *types, postgres_type *type, const char *relation_oid, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *rows = NULL;
    const char *parameters[] = {relation_oid};
    FIRN_TRY(postgres_query(types->connection,
                            "SELECT attname, atttypid, atttypmod, attndims FROM pg_attribute "
                            "WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
                            parameters, 1, "reading a composite type", &rows, err));
    int count = PQntuples(rows);
    type->fields = firn_arena_array(&types->arena, (size_t) count, sizeof *type->fields);
    if (!type->fields && count) return firn_fail_memory(err, "a composite type");
    for (int i = 0; i < count; i++) {
        const char *name = firn_arena_strdup(&types->arena, postgres_cell(rows, i, 0));
        if (!name) return firn_fail_memory(err, "a composite type");
        type->fields[i].column = (postgres_column){
            .name = name,
            .type_oid = postgres_cell_oid(rows, i, 1),
            .typmod = (int32_t) postgres_cell_i64(rows, i, 2),
            .dimensions = (int) postgres_cell_i64(rows, i, 3),
        };
    }
    type->field_count = (unsigned) count;
    return FIRN_OK;
}

static firn_status
find_type(postgres_type_catalog *types, uint32_t oid, const postgres_type **ret_type, firn_error *err)
{
    for (const postgres_type *known = types->first; known; known = known->next)
        if (known->oid == oid) {
            *ret_type = known;
            return FIRN_OK;
        }

    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    char        oid_text[16];
    const char *parameters[] = {oid_text};
    snprintf(oid_text, sizeof oid_text, "%u", oid);
    FIRN_TRY(postgres_query(types->connection,
                            "SELECT t.typname, t.typtype, "
                            "t.typlen = -1 AND t.typelem <> 0 AND t.typoutput = 'pg_catalog.array_out'::regproc, "
                            "t.typelem, t.typbasetype, t.typtypmod, t.typndims, t.typrelid, e.extname, t.typdelim "
                            "FROM pg_type t LEFT JOIN pg_depend d ON d.classid = 'pg_catalog.pg_type'::regclass "
                            "AND d.objid = t.oid AND d.deptype = 'e' "
                            "AND d.refclassid = 'pg_catalog.pg_extension'::regclass "
                            "LEFT JOIN pg_extension e ON e.oid = d.refobjid WHERE t.oid = $1::oid",
                            parameters, 1, "reading a type", &row, err));
    if (PQntuples(row) == 0)
        return firn_fail(err, FIRN_E_POSTGRES_NOT_FOUND, "the type with oid %u does not exist any more", oid);

    postgres_type *type = firn_arena_alloc(&types->arena, sizeof *type);
    const char    *extension = postgres_cell(row, 0, 8);
    if (!type) return firn_fail_memory(err, "a type");
    type->oid = oid;
    type->name = firn_arena_strdup(&types->arena, postgres_cell(row, 0, 0));
    type->kind = *PQgetvalue(row, 0, 1);
    type->is_array = postgres_cell_true(row, 0, 2);
    type->delimiter = *PQgetvalue(row, 0, 9);
    type->element_oid = postgres_cell_oid(row, 0, 3);
    type->base_oid = postgres_cell_oid(row, 0, 4);
    type->base_typmod = (int32_t) postgres_cell_i64(row, 0, 5);
    type->base_dimensions = (int) postgres_cell_i64(row, 0, 6);
    if (extension) type->extension = firn_arena_strdup(&types->arena, extension);
    if (!type->name || (extension && !type->extension)) return firn_fail_memory(err, "a type");
    if (type->kind == 'c') FIRN_TRY(load_composite(types, type, postgres_cell(row, 0, 7), err));
    type->next = types->first;
    types->first = type;
    *ret_type = type;
    return FIRN_OK;
}

/* ---- mapping ---- */

/* How the SELECT list must change for the decoder to fit. */
typedef enum rewrite_kind { REWRITE_NONE, REWRITE_CAST, REWRITE_EXPRESSION } rewrite_kind;

typedef struct rewrite {
    rewrite_kind kind;
    const char  *cast;       /* REWRITE_CAST: "text", "numeric": works on arrays as well */
    const char  *expression; /* REWRITE_EXPRESSION */
} rewrite;

typedef struct mapper {
    postgres_type_catalog *types;
    const table_rules     *rules;
    value_policy           policy; /* of the column */
    firn_arena            *arena;
    bool                   may_be_unfit;
} mapper;

static firn_status map_type(mapper *m, const postgres_column *column, const char *expression, unsigned depth,
                            copy_field *ret_field, rewrite *ret_rewrite, firn_error *err);

static firn_status
set_type(mapper *m, copy_field *field, copy_op op, type_kind kind, firn_error *err)
{
    data_type *type = firn_arena_alloc(m->arena, sizeof *type);
    if (!type) return firn_fail_memory(err, "a type");
    type->kind = kind;
    field->op = op;
    field->type = type;
    field->policy = m->policy;
    return FIRN_OK;
}

static firn_status
map_text(mapper *m, copy_field *field, firn_error *err)
{
    bool verify = m->types->verify_utf8;
    if (verify) m->may_be_unfit = true;
    return set_type(m, field, verify ? COPY_TEXT_VERIFY : COPY_TEXT, TYPE_STRING, err);
}

static firn_status
map_cast_text(mapper *m, copy_field *field, rewrite *ret_rewrite, firn_error *err)
{
    *ret_rewrite = (rewrite){.kind = REWRITE_CAST, .cast = "text"};
    return map_text(m, field, err);
}

/* A type with values that do not fit: under POLICY_TEXT it becomes string. True: it did, or `err` says why not. */
static bool
became_text(mapper *m, copy_field *field, rewrite *ret_rewrite, firn_error *err)
{
    if (m->policy != POLICY_TEXT) {
        m->may_be_unfit = true;
        return false;
    }
    (void) !map_cast_text(m, field, ret_rewrite, err);
    return true;
}

static firn_status
map_decimal(mapper *m, copy_field *field, unsigned precision, unsigned scale, rewrite *ret_rewrite, firn_error *err)
{
    if (became_text(m, field, ret_rewrite, err)) return err->status;
    copy_op op = precision <= 9 ? COPY_DECIMAL32 : precision <= 18 ? COPY_DECIMAL64 : COPY_DECIMAL128;
    FIRN_TRY(set_type(m, field, op, TYPE_DECIMAL, err));
    data_type *type = firn_arena_alloc(m->arena, sizeof *type);
    if (!type) return firn_fail_memory(err, "a type");
    *type = (data_type){.kind = TYPE_DECIMAL, .precision = precision, .scale = scale};
    field->type = type;
    return FIRN_OK;
}

static firn_status
map_numeric(mapper *m, int32_t typmod, copy_field *field, rewrite *ret_rewrite, firn_error *err)
{
    if (typmod >= TYPMOD_HEADER) {
        int packed = typmod - TYPMOD_HEADER;
        int precision = packed >> 16 & 0xffff, scale = ((packed & 0x7ff) ^ 1024) - 1024;
        /* numeric(3,-2) holds 12300: five digits, none behind the point; numeric(2,4) holds 0.0012. */
        if (scale < 0) {
            precision -= scale;
            scale = 0;
        }
        if (scale > precision) precision = scale;
        if (precision <= DECIMAL_PRECISION_MAX)
            return map_decimal(m, field, (unsigned) precision, (unsigned) scale, ret_rewrite, err);
    }
    switch (m->rules->unbounded_numeric) {
    case UNBOUNDED_STRING:
        return map_cast_text(m, field, ret_rewrite, err);
    case UNBOUNDED_DOUBLE:
        if (became_text(m, field, ret_rewrite, err)) return err->status;
        return set_type(m, field, COPY_NUMERIC_DOUBLE, TYPE_DOUBLE, err);
    case UNBOUNDED_DECIMAL:
        break;
    }
    unsigned precision = m->rules->unbounded_precision, scale = m->rules->unbounded_scale;
    if (precision == 0) {
        precision = 38;
        scale = 10;
    }
    if (precision > DECIMAL_PRECISION_MAX || scale > precision)
        return firn_fail(err, FIRN_E_TYPE_UNSUPPORTED, "unbounded_numeric: decimal(%u,%u) is not a decimal of Iceberg",
                         precision, scale);
    return map_decimal(m, field, precision, scale, ret_rewrite, err);
}

static firn_status
map_unfit(mapper *m, copy_field *field, copy_op op, type_kind kind, rewrite *ret_rewrite, firn_error *err)
{
    if (became_text(m, field, ret_rewrite, err)) return err->status;
    return set_type(m, field, op, kind, err);
}

/* Text in another wrapping: its bytes are looked at in a SQL_ASCII database. */
static firn_status
map_wrapped_text(mapper *m, copy_field *field, copy_op op, firn_error *err)
{
    field->verify_utf8 = m->types->verify_utf8;
    if (field->verify_utf8) m->may_be_unfit = true;
    return set_type(m, field, op, TYPE_STRING, err);
}

/* The types with fixed numbers; false: not one of them. */
static bool
map_builtin(mapper *m, const postgres_column *column, copy_field *field, rewrite *ret_rewrite, firn_status *ret_status,
            firn_error *err)
{
    firn_status status = FIRN_OK;
    switch (column->type_oid) {
    case OID_BOOL:
        status = set_type(m, field, COPY_BOOL, TYPE_BOOLEAN, err);
        break;
    case OID_BYTEA:
        status = set_type(m, field, COPY_BYTES, TYPE_BINARY, err);
        break;
    case OID_CHAR:
        status = set_type(m, field, COPY_CHAR, TYPE_STRING, err);
        break;
    case OID_INT2:
        status = set_type(m, field, COPY_INT16, TYPE_INT, err);
        break;
    case OID_INT4:
        status = set_type(m, field, COPY_INT32, TYPE_INT, err);
        break;
    case OID_INT8:
        status = set_type(m, field, COPY_INT64, TYPE_LONG, err);
        break;
    case OID_OID:
    case OID_XID:
    case OID_CID:
        status = set_type(m, field, COPY_UINT32, TYPE_LONG, err);
        break;
    case OID_TEXT:
    case OID_VARCHAR:
    case OID_BPCHAR:
    case OID_NAME:
    case OID_JSON:
    case OID_XML:
    case OID_REFCURSOR:
        status = map_text(m, field, err);
        break;
    case OID_JSONB:
        status = map_wrapped_text(m, field, COPY_JSONB, err);
        break;
    case OID_FLOAT4:
        status = set_type(m, field, COPY_FLOAT32, TYPE_FLOAT, err);
        break;
    case OID_FLOAT8:
        status = set_type(m, field, COPY_FLOAT64, TYPE_DOUBLE, err);
        break;
    case OID_MONEY:
        *ret_rewrite = (rewrite){.kind = REWRITE_CAST, .cast = "numeric"};
        status = map_decimal(m, field, MONEY_PRECISION, MONEY_SCALE, ret_rewrite, err);
        break;
    case OID_NUMERIC:
        status = map_numeric(m, column->typmod, field, ret_rewrite, err);
        break;
    case OID_INET:
    case OID_CIDR:
        status = set_type(m, field, COPY_INET, TYPE_STRING, err);
        break;
    case OID_DATE:
        status = map_unfit(m, field, COPY_DATE, TYPE_DATE, ret_rewrite, err);
        break;
    case OID_TIME:
        status = m->rules->time_as_string ? set_type(m, field, COPY_TIME_TEXT, TYPE_STRING, err)
                                          : map_unfit(m, field, COPY_TIME, TYPE_TIME, ret_rewrite, err);
        break;
    case OID_TIMESTAMP:
        status = map_unfit(m, field, COPY_TIMESTAMP, TYPE_TIMESTAMP, ret_rewrite, err);
        break;
    case OID_TIMESTAMPTZ:
        status = map_unfit(m, field, COPY_TIMESTAMP, TYPE_TIMESTAMPTZ, ret_rewrite, err);
        break;
    case OID_UUID:
        status = set_type(m, field, COPY_UUID, TYPE_UUID, err);
        break;
    default:
        return false;
    }
    *ret_status = status;
    return true;
}

/* ---- nested types ---- */

static firn_status
set_nested(mapper *m, copy_field *field, copy_op op, type_kind kind, const copy_field *children,
           const bool child_required[], unsigned child_count, firn_error *err)
{
    data_type    *type = firn_arena_alloc(m->arena, sizeof *type);
    schema_field *fields = firn_arena_array(m->arena, child_count, sizeof *fields);
    if (!type || !fields) return firn_fail_memory(err, "a nested type");
    for (unsigned i = 0; i < child_count; i++) {
        fields[i].name = children[i].name;
        fields[i].type = children[i].type;
        fields[i].required = child_required && child_required[i];
    }
    type->kind = kind;
    type->field_count = child_count;
    type->fields = fields;
    field->op = op;
    field->type = type;
    field->policy = m->policy;
    field->child_count = child_count;
    field->children = children;
    return FIRN_OK;
}

/* `array` with each element rewritten; a 2-D one stays 2-D, for the policy to see. */
static const char *
rewrite_elements(mapper *m, const char *array, const char *element, const char *index)
{
    return firn_arena_printf(m->arena,
                             "CASE WHEN %s IS NULL THEN NULL WHEN array_ndims(%s) > 1 THEN ARRAY[[NULL::record]] "
                             "ELSE ARRAY(SELECT %s FROM generate_subscripts(%s, 1) AS g(%s) ORDER BY %s) END",
                             array, array, element, array, index, index);
}

static firn_status
map_array(mapper *m, const postgres_column *column, const postgres_type *type, const char *expression, unsigned depth,
          copy_field *field, rewrite *ret_rewrite, firn_error *err)
{
    if (column->dimensions > 1 || m->policy == POLICY_TEXT) return map_cast_text(m, field, ret_rewrite, err);
    m->may_be_unfit = true;

    copy_field *element = firn_arena_alloc(m->arena, sizeof *element);
    const char *index = firn_arena_printf(m->arena, "i%u", depth);
    const char *item = firn_arena_printf(m->arena, "(%s)[%s]", expression, index ? index : "");
    rewrite     element_rewrite = {0};
    if (!element || !index || !item) return firn_fail_memory(err, "a nested type");
    postgres_column element_column = {.name = "element", .type_oid = type->element_oid, .typmod = column->typmod};
    FIRN_TRY(map_type(m, &element_column, item, depth + 1, element, &element_rewrite, err));
    /* A list of lists comes from a domain over an array only; PostgreSQL's text says it better. */
    if (element->op == COPY_LIST) return map_cast_text(m, field, ret_rewrite, err);

    if (element_rewrite.kind == REWRITE_CAST) {
        ret_rewrite->kind = REWRITE_CAST;
        ret_rewrite->cast = firn_arena_printf(m->arena, "%s[]", element_rewrite.cast);
        if (!ret_rewrite->cast) return firn_fail_memory(err, "a nested type");
    } else if (element_rewrite.kind == REWRITE_EXPRESSION) {
        ret_rewrite->kind = REWRITE_EXPRESSION;
        ret_rewrite->expression = rewrite_elements(m, expression, element_rewrite.expression, index);
        if (!ret_rewrite->expression) return firn_fail_memory(err, "a nested type");
    }
    field->delimiter = type->delimiter;
    return set_nested(m, field, COPY_LIST, TYPE_LIST, element, NULL, 1, err);
}

static firn_status
map_composite(mapper *m, const postgres_type *type, const char *expression, unsigned depth, copy_field *field,
              rewrite *ret_rewrite, firn_error *err)
{
    if (type->field_count == 0) return map_cast_text(m, field, ret_rewrite, err);
    FIRN_AUTO(firn_buffer_done) firn_buffer row = {0};
    bool        rewritten = false;
    copy_field *children = firn_arena_array(m->arena, type->field_count, sizeof *children);
    if (!children) return firn_fail_memory(err, "a composite type");

    firn_buffer_init(&row, EXPRESSION_SIZE_MAX);
    FIRN_TRY(firn_buffer_printf(&row, err, "CASE WHEN %s IS DISTINCT FROM NULL THEN ROW(", expression));
    for (unsigned i = 0; i < type->field_count; i++) {
        FIRN_AUTO(firn_buffer_done) firn_buffer name = {0};
        rewrite change = {0};
        firn_buffer_init(&name, EXPRESSION_SIZE_MAX);
        FIRN_TRY(postgres_add_identifier(&name, type->fields[i].column.name, err));
        FIRN_TRY(firn_buffer_add_byte(&name, 0, err));
        const char *item = firn_arena_printf(m->arena, "(%s).%s", expression, (const char *) name.data);
        if (!item) return firn_fail_memory(err, "a composite type");
        /* The catalog of types may go before what was mapped. */
        postgres_column column = type->fields[i].column;
        column.name = firn_arena_strdup(m->arena, column.name);
        if (!column.name) return firn_fail_memory(err, "a composite type");
        FIRN_TRY(map_type(m, &column, item, depth + 1, &children[i], &change, err));
        if (change.kind != REWRITE_NONE) rewritten = true;
        const char *cast = change.kind == REWRITE_CAST ? change.cast : NULL;
        FIRN_TRY(firn_buffer_printf(&row, err, "%s%s%s%s", i ? ", " : "",
                                    change.kind == REWRITE_EXPRESSION ? change.expression : item, cast ? "::" : "",
                                    cast ? cast : ""));
    }
    if (rewritten) {
        FIRN_TRY(firn_buffer_add_text(&row, ") END", err));
        ret_rewrite->kind = REWRITE_EXPRESSION;
        ret_rewrite->expression = firn_arena_text(m->arena, firn_buffer_slice(&row));
        if (!ret_rewrite->expression) return firn_fail_memory(err, "a composite type");
    }
    return set_nested(m, field, COPY_STRUCT, TYPE_STRUCT, children, NULL, type->field_count, err);
}

static firn_status
map_hstore(mapper *m, copy_field *field, firn_error *err)
{
    static const bool required[2] = {true, false};
    copy_field       *children = firn_arena_array(m->arena, 2, sizeof *children);
    if (!children) return firn_fail_memory(err, "a map");
    for (unsigned i = 0; i < 2; i++) {
        FIRN_TRY(map_text(m, &children[i], err));
        children[i].name = i ? "value" : "key";
        children[i].required = required[i];
    }
    return set_nested(m, field, COPY_HSTORE, TYPE_MAP, children, required, 2, err);
}

static bool
is_extension_type(const postgres_type *type, const char *extension, const char *name)
{
    return type->extension && strcmp(type->extension, extension) == 0 && strcmp(type->name, name) == 0;
}

static firn_status
map_type(mapper *m, const postgres_column *column, const char *expression, unsigned depth, copy_field *field,
         rewrite *ret_rewrite, firn_error *err)
{
    firn_status          status = FIRN_OK;
    const postgres_type *type = NULL;
    field->name = column->name;
    if (map_builtin(m, column, field, ret_rewrite, &status, err)) return status;
    FIRN_TRY(find_type(m->types, column->type_oid, &type, err));
    if (depth > COPY_NESTING_MAX - 4) return map_cast_text(m, field, ret_rewrite, err);

    if (type->kind == 'd') {
        /* A domain over numeric(10,2)[] has its dimensions, one over numeric(10,2) its typmod. */
        postgres_column base = *column;
        base.type_oid = type->base_oid;
        base.typmod = type->base_typmod;
        if (type->base_dimensions) base.dimensions = type->base_dimensions;
        return map_type(m, &base, expression, depth + 1, field, ret_rewrite, err);
    }
    if (type->kind == 'e' || is_extension_type(type, "citext", "citext")) return map_text(m, field, err);
    if (type->kind == 'c') return map_composite(m, type, expression, depth, field, ret_rewrite, err);
    if (type->is_array) return map_array(m, column, type, expression, depth, field, ret_rewrite, err);
    if (is_extension_type(type, "hstore", "hstore")) return map_hstore(m, field, err);
    /* PostGIS sends EWKB. */
    if (is_extension_type(type, "postgis", "geometry") || is_extension_type(type, "postgis", "geography"))
        return set_type(m, field, COPY_BYTES, TYPE_BINARY, err);
    return map_cast_text(m, field, ret_rewrite, err);
}

static bool
type_can_be_key(type_kind kind)
{
    return kind != TYPE_FLOAT && kind != TYPE_DOUBLE && !type_is_nested(kind);
}

firn_status
postgres_map_column(postgres_type_catalog *types, const postgres_column *column, const table_rules *rules,
                    firn_arena *arena, postgres_mapping *ret_mapping, firn_error *err)
{
    mapper m = {.types = types, .rules = rules, .policy = unfit_value_policy(rules, column->name), .arena = arena};
    FIRN_AUTO(firn_buffer_done) firn_buffer name = {0};
    rewrite change = {0};

    firn_buffer_init(&name, EXPRESSION_SIZE_MAX);
    FIRN_TRY(postgres_add_identifier(&name, column->name, err));
    const char *expression = firn_arena_text(arena, firn_buffer_slice(&name));
    if (!expression) return firn_fail_memory(err, "a column");
    *ret_mapping = (postgres_mapping){0};
    if (map_type(&m, column, expression, 0, &ret_mapping->field, &change, err))
        return firn_while(err, "mapping column '%s'", column->name);

    if (change.kind == REWRITE_CAST) expression = firn_arena_printf(arena, "%s::%s", expression, change.cast);
    if (change.kind == REWRITE_EXPRESSION) expression = change.expression;
    if (!expression) return firn_fail_memory(err, "a column");
    ret_mapping->expression = expression;
    ret_mapping->is_cast = change.kind != REWRITE_NONE;
    ret_mapping->may_be_unfit = m.may_be_unfit;
    ret_mapping->can_be_key = type_can_be_key(ret_mapping->field.type->kind);
    return FIRN_OK;
}

firn_status
postgres_type_name(postgres_connection *c, uint32_t oid, int32_t typmod, firn_arena *arena, const char **ret_name,
                   firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    char        oid_text[16], typmod_text[16];
    const char *parameters[] = {oid_text, typmod_text};
    snprintf(oid_text, sizeof oid_text, "%u", oid);
    snprintf(typmod_text, sizeof typmod_text, "%d", typmod);
    FIRN_TRY(postgres_query(c, "SELECT format_type($1::oid, $2::int)", parameters, 2, "naming a type", &row, err));
    *ret_name = firn_arena_strdup(arena, PQntuples(row) && postgres_cell(row, 0, 0) ? postgres_cell(row, 0, 0) : "?");
    return *ret_name ? FIRN_OK : firn_fail_memory(err, "a type's name");
}
