#include "avro/avro_schema.h"

#include <limits.h>

#include "base/map.h"
#include "codec/json_reader.h"

#define DEPTH_MAX 64
#define TYPES_MAX 200000
#define DEFAULT_BYTES_MAX ((size_t) 1 << 20)

typedef struct schema_parser {
    const jdoc *doc;
    const char *name;
    firn_arena *arena;
    firn_map   *named; /* full name → avro_schema */
    unsigned    type_count;
    firn_error *err;
} schema_parser;

static firn_status parse_type(schema_parser *p, const jvalue *json, const char *space, unsigned depth,
                              const avro_schema **ret_schema);

static firn_status
fail_schema(const schema_parser *p, const char *what, const char *subject)
{
    return firn_fail(p->err, FIRN_E_AVRO_CORRUPT, "'%s' has a schema with %s '%s'", p->name, what, subject);
}

static firn_status
fail_memory(const schema_parser *p)
{
    return firn_fail_memory(p->err, "an Avro schema");
}

static bool
primitive_kind(const char *name, avro_kind *ret_kind)
{
    static const struct {
        const char *name;
        avro_kind   kind;
    } known[] = {{"null", AVRO_NULL},   {"boolean", AVRO_BOOLEAN}, {"int", AVRO_INT},     {"long", AVRO_LONG},
                 {"float", AVRO_FLOAT}, {"double", AVRO_DOUBLE},   {"bytes", AVRO_BYTES}, {"string", AVRO_STRING}};

    for (size_t i = 0; i < FIRN_COUNT(known); i++) {
        if (strcmp(name, known[i].name) == 0) {
            *ret_kind = known[i].kind;
            return true;
        }
    }
    return false;
}

static avro_logical
logical_of(const char *name)
{
    static const struct {
        const char  *name;
        avro_logical logical;
    } known[] = {{"decimal", AVRO_DECIMAL},
                 {"date", AVRO_DATE},
                 {"time-millis", AVRO_TIME_MILLIS},
                 {"time-micros", AVRO_TIME_MICROS},
                 {"timestamp-millis", AVRO_TIMESTAMP_MILLIS},
                 {"timestamp-micros", AVRO_TIMESTAMP_MICROS},
                 {"uuid", AVRO_UUID},
                 {"map", AVRO_KEY_VALUE_ARRAY}};

    for (size_t i = 0; name && i < FIRN_COUNT(known); i++) {
        if (strcmp(name, known[i].name) == 0) return known[i].logical;
    }
    return AVRO_PLAIN; // the specification wants unknown ones ignored
}

/* A small number that must be there only where it says something. */
static unsigned
number_or_zero(const jvalue *json, const char *key)
{
    int64_t number;

    return jinteger(jget(json, key), &number) && number >= 0 && number <= INT_MAX ? (unsigned) number : 0;
}

static const char *
full_name(const schema_parser *p, const char *name, const char *space)
{
    if (strchr(name, '.') || !space || !space[0]) return firn_arena_strdup(p->arena, name);
    return firn_arena_printf(p->arena, "%s.%s", space, name);
}

/* Names of a record's fields inherit what is before the last dot of its own name. */
static const char *
space_of(const schema_parser *p, const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot ? firn_arena_text(p->arena, firn_slice_of(name, (size_t) (dot - name))) : "";
}

static firn_status
find_named(schema_parser *p, const char *name, const char *space, const avro_schema **ret_schema)
{
    const char *full = full_name(p, name, space);

    if (!full) return fail_memory(p);
    *ret_schema = firn_map_get(p->named, firn_slice_text(full));
    if (!*ret_schema) *ret_schema = firn_map_get(p->named, firn_slice_text(name));
    return *ret_schema ? FIRN_OK : fail_schema(p, "the unknown type", name);
}

static firn_status
parse_fields(schema_parser *p, const jvalue *json, const char *space, unsigned depth, avro_schema *schema)
{
    const jvalue *fields;

    FIRN_TRY(jneed_array(p->doc, json, "fields", &fields, p->err));

    size_t      count = jcount(fields);
    avro_field *out = firn_arena_array(p->arena, count ? count : 1, sizeof *out);

    if (!out) return fail_memory(p);
    for (size_t i = 0; i < count; i++) {
        const jvalue *field = jat(fields, i);
        const char   *name;
        int64_t       id;

        FIRN_TRY(jneed_text(p->doc, field, "name", &name, p->err));
        out[i].name = firn_arena_strdup(p->arena, name);
        if (!out[i].name) return fail_memory(p);
        bool has_id = jinteger(jget(field, "field-id"), &id) && id >= 0 && id <= INT32_MAX;
        out[i].field_id = has_id ? (int32_t) id : -1;
        FIRN_TRY(parse_type(p, jget(field, "type"), space, depth + 1, &out[i].type));
        if (!out[i].type->may_be_empty) schema->may_be_empty = false;
    }
    schema->fields = out;
    schema->field_count = (unsigned) count;
    return FIRN_OK;
}

static firn_status
parse_symbols(schema_parser *p, const jvalue *json, avro_schema *schema)
{
    const jvalue *symbols;

    FIRN_TRY(jneed_array(p->doc, json, "symbols", &symbols, p->err));

    size_t      count = jcount(symbols);
    avro_field *out = firn_arena_array(p->arena, count ? count : 1, sizeof *out);

    if (!out) return fail_memory(p);
    for (size_t i = 0; i < count; i++) {
        const char *text = jtext(jat(symbols, i));
        if (!text) return fail_schema(p, "a bad symbol in", schema->name);
        out[i] = (avro_field){firn_arena_strdup(p->arena, text), -1, NULL};
        if (!out[i].name) return fail_memory(p);
    }
    schema->fields = out;
    schema->field_count = (unsigned) count;
    return FIRN_OK;
}

static firn_status
parse_named(schema_parser *p, const jvalue *json, const char *space, unsigned depth, avro_schema *schema)
{
    const char *name;
    const char *own_space = jtext(jget(json, "namespace"));

    FIRN_TRY(jneed_text(p->doc, json, "name", &name, p->err));
    schema->name = full_name(p, name, own_space ? own_space : space);
    if (!schema->name) return fail_memory(p);
    if (firn_map_get(p->named, firn_slice_text(schema->name))) {
        return fail_schema(p, "two types of the name", schema->name);
    }
    FIRN_TRY(firn_map_put(p->named, firn_slice_text(schema->name), schema, p->err)); // before its fields: may recur

    if (schema->kind == AVRO_FIXED) {
        int64_t size;
        FIRN_TRY(jneed_integer(p->doc, json, "size", &size, p->err));
        if (size < 0 || size > INT_MAX) return fail_schema(p, "a bad size of", schema->name);
        schema->size_bytes = (size_t) size;
        schema->may_be_empty = size == 0;
        return FIRN_OK;
    }
    if (schema->kind == AVRO_ENUM) return parse_symbols(p, json, schema);

    const char *below = space_of(p, schema->name);

    if (!below) return fail_memory(p);
    // a type inside that refers to this one is behind a union or a count, so this guess holds no one up
    schema->may_be_empty = true;
    return parse_fields(p, json, below, depth, schema);
}

static firn_status
parse_union(schema_parser *p, const jvalue *json, const char *space, unsigned depth, avro_schema *schema)
{
    size_t              count = jcount(json);
    const avro_schema **branches = firn_arena_array(p->arena, count ? count : 1, sizeof *branches);

    if (!branches) return fail_memory(p);
    for (size_t i = 0; i < count; i++) FIRN_TRY(parse_type(p, jat(json, i), space, depth + 1, &branches[i]));
    schema->kind = AVRO_UNION;
    schema->branches = branches;
    schema->field_count = (unsigned) count;
    return FIRN_OK;
}

static firn_status
copy_json(schema_parser *p, const jvalue *json, const char **ret_text)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};

    firn_buffer_init(&text, DEFAULT_BYTES_MAX);
    FIRN_TRY(jvalue_add_text(json, &text, p->err));
    *ret_text = firn_arena_text(p->arena, firn_buffer_slice(&text));
    return *ret_text ? FIRN_OK : fail_memory(p);
}

/* Attributes of no use are none: the value of a type does not depend on them. */
static firn_status
parse_connect(schema_parser *p, const jvalue *json, avro_schema *schema)
{
    const char   *name = jtext(jget(json, "connect.name"));
    const jvalue *parameters = jget(json, "connect.parameters");
    size_t        count = jkind_of(parameters) == JOBJECT ? jcount(parameters) : 0;
    const jvalue *by_default = jget(json, "connect.default");
    int64_t       version;

    if (!name && !count && !by_default) return FIRN_OK;

    avro_connect *connect = firn_arena_alloc(p->arena, sizeof *connect);
    const char  **texts = firn_arena_array(p->arena, 2 * count + 1, sizeof *texts);

    if (!connect || !texts) return fail_memory(p);
    if (name && !(connect->name = firn_arena_strdup(p->arena, name))) return fail_memory(p);
    bool has_version = jinteger(jget(json, "connect.version"), &version) && version > 0 && version <= INT32_MAX;
    connect->version = has_version ? (int32_t) version : 0;
    connect->parameters = texts;
    if (by_default) FIRN_TRY(copy_json(p, by_default, &connect->default_json));
    for (size_t i = 0; i < count; i++) {
        const char *value = jtext(jvalue_at(parameters, i));
        if (!value) continue;
        *texts = firn_arena_strdup(p->arena, jkey_at(parameters, i));
        texts[1] = firn_arena_strdup(p->arena, value);
        if (!texts[0] || !texts[1]) return fail_memory(p);
        texts += 2;
        connect->parameter_count++;
    }
    schema->connect = connect;
    return FIRN_OK;
}

static firn_status
parse_object(schema_parser *p, const jvalue *json, const char *space, unsigned depth, avro_schema *schema)
{
    const jvalue *type = jget(json, "type");
    const char   *name = jtext(type);

    schema->logical = logical_of(jtext(jget(json, "logicalType")));
    schema->precision = number_or_zero(json, "precision");
    schema->scale = number_or_zero(json, "scale");
    if (!jbool(jget(json, "adjust-to-utc"), &schema->is_utc)) schema->is_utc = false;
    FIRN_TRY(parse_connect(p, json, schema));

    if (primitive_kind(name, &schema->kind)) {
        schema->may_be_empty = schema->kind == AVRO_NULL;
        return FIRN_OK;
    }
    if (strcmp(name, "array") == 0 || strcmp(name, "map") == 0) {
        schema->kind = name[0] == 'a' ? AVRO_ARRAY : AVRO_MAP;
        return parse_type(p, jget(json, schema->kind == AVRO_ARRAY ? "items" : "values"), space, depth + 1,
                          &schema->items);
    }
    if (strcmp(name, "record") == 0 || strcmp(name, "error") == 0)
        schema->kind = AVRO_RECORD;
    else if (strcmp(name, "enum") == 0)
        schema->kind = AVRO_ENUM;
    else if (strcmp(name, "fixed") == 0)
        schema->kind = AVRO_FIXED;
    else
        return fail_schema(p, "the unknown type", name);
    return parse_named(p, json, space, depth, schema);
}

static bool
is_type_keyword(const char *name)
{
    static const char *const words[] = {"array", "map", "record", "error", "enum", "fixed"};
    avro_kind                kind;

    for (size_t i = 0; i < FIRN_COUNT(words); i++) {
        if (strcmp(name, words[i]) == 0) return true;
    }
    return primitive_kind(name, &kind);
}

static firn_status
parse_type(schema_parser *p, const jvalue *json, const char *space, unsigned depth, const avro_schema **ret_schema)
{
    const char *name = jtext(json);
    const char *inner = jtext(jget(json, "type"));

    if (depth > DEPTH_MAX) return fail_schema(p, "types nested too deep in", space);
    if (++p->type_count > TYPES_MAX) return fail_schema(p, "too many types, the last in", space);
    // {"type": {…}} and {"type": ["null", …]} and {"type": "name of an earlier type"} wrap a type
    if (jkind_of(json) == JOBJECT && (!inner || !is_type_keyword(inner))) {
        return parse_type(p, jget(json, "type"), space, depth + 1, ret_schema);
    }

    avro_schema *schema = firn_arena_alloc(p->arena, sizeof *schema);

    if (!schema) return fail_memory(p);
    if (name && !primitive_kind(name, &schema->kind)) return find_named(p, name, space, ret_schema);
    if (name) {
        schema->may_be_empty = schema->kind == AVRO_NULL;
    } else if (jkind_of(json) == JARRAY) {
        FIRN_TRY(parse_union(p, json, space, depth, schema));
    } else if (jkind_of(json) == JOBJECT) {
        FIRN_TRY(parse_object(p, json, space, depth, schema));
    } else {
        return fail_schema(p, "no type in", space);
    }
    *ret_schema = schema;
    return FIRN_OK;
}

firn_status
avro_schema_parse(firn_slice json, const char *name, firn_arena *arena, const avro_schema **ret_schema,
                  firn_error *err)
{
    return avro_schema_parse_behind(NULL, 0, json, name, arena, ret_schema, err);
}

firn_status
avro_schema_parse_behind(const firn_slice *known, unsigned known_count, firn_slice json, const char *name,
                         firn_arena *arena, const avro_schema **ret_schema, firn_error *err)
{
    FIRN_AUTO(firn_map_freep) firn_map *named = firn_map_new();
    schema_parser p = {NULL, name, arena, named, 0, err};

    if (!named) return firn_fail_memory(err, "an Avro schema");
    for (unsigned i = 0; i <= known_count; i++) {
        FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;
        const avro_schema *schema;

        FIRN_TRY(jdoc_parse(i < known_count ? known[i] : json, name, &doc, err));
        p.doc = doc;
        FIRN_TRY(parse_type(&p, jdoc_root(doc), "", 0, &schema));
        if (i == known_count) *ret_schema = schema;
    }
    return FIRN_OK;
}

const avro_schema *
avro_schema_value(const avro_schema *schema)
{
    const avro_schema *value = NULL;

    if (schema->kind != AVRO_UNION) return schema->kind == AVRO_NULL ? NULL : schema;
    for (unsigned i = 0; i < schema->field_count; i++) {
        if (schema->branches[i]->kind == AVRO_NULL) continue;
        if (value) return NULL;
        value = schema->branches[i];
    }
    return value;
}

const char *
avro_connect_parameter(const avro_schema *schema, const char *name)
{
    for (unsigned i = 0; schema->connect && i < schema->connect->parameter_count; i++) {
        if (strcmp(schema->connect->parameters[2 * (size_t) i], name) == 0) return schema->connect->parameters[2 * (size_t) i + 1];
    }
    return NULL;
}
