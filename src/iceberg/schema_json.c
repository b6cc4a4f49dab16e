#include "iceberg/schema_json.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

/* ---- out ---- */

static const char *const primitive_names[] = {
    [TYPE_BOOLEAN] = "boolean",     [TYPE_INT] = "int",       [TYPE_LONG] = "long",
    [TYPE_FLOAT] = "float",         [TYPE_DOUBLE] = "double", [TYPE_DATE] = "date",
    [TYPE_TIME] = "time",           [TYPE_TIMESTAMP] = "timestamp",
    [TYPE_TIMESTAMPTZ] = "timestamptz", [TYPE_STRING] = "string",
    [TYPE_UUID] = "uuid",           [TYPE_BINARY] = "binary",
};

static void
write_primitive(const data_type *type, jwriter *w)
{
    char text[64];

    if (type->kind == TYPE_DECIMAL) {
        snprintf(text, sizeof text, "decimal(%u, %u)", type->precision, type->scale);
        jwrite_text(w, text);
    } else if (type->kind == TYPE_FIXED) {
        snprintf(text, sizeof text, "fixed[%u]", type->size_bytes);
        jwrite_text(w, text);
    } else {
        jwrite_text(w, primitive_names[type->kind]);
    }
}

static void
write_fields(const schema_field fields[], unsigned field_count, jwriter *w)
{
    jwrite_key(w, "fields");
    jwrite_array(w);
    for (unsigned i = 0; i < field_count; i++) {
        const schema_field *field = &fields[i];

        jwrite_object(w);
        jwrite_member_i64(w, "id", field->id);
        jwrite_member_text(w, "name", field->name);
        jwrite_member_bool(w, "required", field->required);
        jwrite_key(w, "type");
        data_type_to_json(field->type, w);
        if (field->doc) jwrite_member_text(w, "doc", field->doc);
        if (field->initial_default) {
            jwrite_key(w, "initial-default");
            jwrite_raw(w, field->initial_default);
        }
        if (field->write_default) {
            jwrite_key(w, "write-default");
            jwrite_raw(w, field->write_default);
        }
        jwrite_object_end(w);
    }
    jwrite_array_end(w);
}

void
data_type_to_json(const data_type *type, jwriter *w)
{
    if (!type_is_nested(type->kind)) {
        write_primitive(type, w);
        return;
    }
    jwrite_object(w);
    if (type->kind == TYPE_STRUCT) {
        jwrite_member_text(w, "type", "struct");
        write_fields(type->fields, type->field_count, w);
    } else if (type->kind == TYPE_LIST) {
        jwrite_member_text(w, "type", "list");
        jwrite_member_i64(w, "element-id", type->fields[0].id);
        jwrite_key(w, "element");
        data_type_to_json(type->fields[0].type, w);
        jwrite_member_bool(w, "element-required", type->fields[0].required);
    } else {
        jwrite_member_text(w, "type", "map");
        jwrite_member_i64(w, "key-id", type->fields[0].id);
        jwrite_key(w, "key");
        data_type_to_json(type->fields[0].type, w);
        jwrite_member_i64(w, "value-id", type->fields[1].id);
        jwrite_key(w, "value");
        data_type_to_json(type->fields[1].type, w);
        jwrite_member_bool(w, "value-required", type->fields[1].required);
    }
    jwrite_object_end(w);
}

void
schema_to_json(const table_schema *schema, jwriter *w)
{
    jwrite_object(w);
    jwrite_member_text(w, "type", "struct");
    jwrite_member_i64(w, "schema-id", schema->schema_id);
    if (schema->key_count > 0) {
        jwrite_key(w, "identifier-field-ids");
        jwrite_array(w);
        for (unsigned i = 0; i < schema->key_count; i++) jwrite_i64(w, schema->key_ids[i]);
        jwrite_array_end(w);
    }
    write_fields(schema->fields, schema->field_count, w);
    jwrite_object_end(w);
}

/* ---- in ---- */

/* What one parse shares: the document for messages, memory, and the limits that hold for the whole tree. */
typedef struct parse {
    const jdoc *doc;
    firn_arena *arena;
    unsigned    field_count;
    firn_error *err;
} parse;

static firn_status read_type(parse *p, const jvalue *value, unsigned depth, data_type *ret_type);

static firn_status
need_id(parse *p, const jvalue *object, const char *key, int32_t *ret_id)
{
    int64_t id;

    FIRN_TRY(jneed_integer(p->doc, object, key, &id, p->err));
    if (id < 1 || id > INT32_MAX) {
        return firn_fail(p->err, FIRN_E_ICEBERG_METADATA, "a schema's '%s' is not a field id: %lld", key,
                         (long long) id);
    }
    *ret_id = (int32_t) id;
    return FIRN_OK;
}

static firn_status
need_bool(parse *p, const jvalue *object, const char *key, bool *ret_value)
{
    if (jbool(jget(object, key), ret_value)) return FIRN_OK;
    return firn_fail(p->err, FIRN_E_ICEBERG_METADATA, "a schema's '%s' is not true or false", key);
}

static firn_status
keep_json(parse *p, const jvalue *value, const char **ret_text)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};

    *ret_text = NULL;
    if (jkind_of(value) == JNULL) return FIRN_OK;
    firn_buffer_init(&text, 1 << 20);
    FIRN_TRY(jvalue_add_text(value, &text, p->err));
    *ret_text = firn_arena_text(p->arena, firn_buffer_slice(&text));
    return *ret_text ? FIRN_OK : firn_fail_memory(p->err, "a default value");
}

/* A child: its type is read into the arena too. */
static firn_status
read_child(parse *p, const jvalue *value, const char *type_key, unsigned depth, const data_type **ret_type)
{
    data_type *type;

    if (++p->field_count > SCHEMA_FIELDS_MAX)
        return firn_fail(p->err, FIRN_E_ICEBERG_METADATA, "a schema has more than %d fields", SCHEMA_FIELDS_MAX);
    type = firn_arena_alloc(p->arena, sizeof *type);
    if (!type) return firn_fail_memory(p->err, "a schema");
    FIRN_TRY(read_type(p, jget(value, type_key), depth, type));
    *ret_type = type;
    return FIRN_OK;
}

static firn_status
read_fields(parse *p, const jvalue *object, unsigned depth, const schema_field **ret_fields, unsigned *ret_count)
{
    const jvalue *array;
    schema_field *fields;
    size_t        count;

    FIRN_TRY(jneed_array(p->doc, object, "fields", &array, p->err));
    count = jcount(array);
    if (count > SCHEMA_FIELDS_MAX)
        return firn_fail(p->err, FIRN_E_ICEBERG_METADATA, "a schema has more than %d fields", SCHEMA_FIELDS_MAX);
    fields = firn_arena_array(p->arena, count ? count : 1, sizeof *fields);
    if (!fields) return firn_fail_memory(p->err, "a schema");

    for (size_t i = 0; i < count; i++) {
        const jvalue *member = jat(array, i);
        schema_field *field = &fields[i];
        const char   *name;

        FIRN_TRY(need_id(p, member, "id", &field->id));
        FIRN_TRY(jneed_text(p->doc, member, "name", &name, p->err));
        FIRN_TRY(need_bool(p, member, "required", &field->required));
        FIRN_TRY(read_child(p, member, "type", depth, &field->type));
        field->name = name; // borrowed from the document: schema_new or the caller copies
        field->doc = jtext(jget(member, "doc"));
        FIRN_TRY(keep_json(p, jget(member, "initial-default"), &field->initial_default));
        FIRN_TRY(keep_json(p, jget(member, "write-default"), &field->write_default));
    }
    *ret_fields = fields;
    *ret_count = (unsigned) count;
    return FIRN_OK;
}

static firn_status
read_list(parse *p, const jvalue *value, unsigned depth, data_type *ret_type)
{
    schema_field *fields = firn_arena_array(p->arena, 1, sizeof *fields);

    if (!fields) return firn_fail_memory(p->err, "a schema");
    fields[0].name = "element";
    FIRN_TRY(need_id(p, value, "element-id", &fields[0].id));
    FIRN_TRY(need_bool(p, value, "element-required", &fields[0].required));
    FIRN_TRY(read_child(p, value, "element", depth, &fields[0].type));
    *ret_type = (data_type){.kind = TYPE_LIST, .field_count = 1, .fields = fields};
    return FIRN_OK;
}

static firn_status
read_map(parse *p, const jvalue *value, unsigned depth, data_type *ret_type)
{
    schema_field *fields = firn_arena_array(p->arena, 2, sizeof *fields);

    if (!fields) return firn_fail_memory(p->err, "a schema");
    fields[0].name = "key";
    fields[0].required = true;
    FIRN_TRY(need_id(p, value, "key-id", &fields[0].id));
    FIRN_TRY(read_child(p, value, "key", depth, &fields[0].type));
    fields[1].name = "value";
    FIRN_TRY(need_id(p, value, "value-id", &fields[1].id));
    FIRN_TRY(need_bool(p, value, "value-required", &fields[1].required));
    FIRN_TRY(read_child(p, value, "value", depth, &fields[1].type));
    *ret_type = (data_type){.kind = TYPE_MAP, .field_count = 2, .fields = fields};
    return FIRN_OK;
}

/* "word ( 1 , 2 )" or "word[1]" with blanks anywhere between the parts, as the spec allows readers to meet. */
static bool
parse_parameters(const char *text, char open, char close, unsigned count, unsigned ret_values[])
{
    text += strspn(text, " ");
    if (*text++ != open) return false;
    for (unsigned i = 0; i < count; i++) {
        size_t   size;
        uint64_t value;

        text += strspn(text, " ");
        size = strspn(text, "0123456789");
        if (size > 9 || !text_parse_u64(firn_slice_of(text, size), &value)) return false;
        ret_values[i] = (unsigned) value;
        text += size + strspn(text + size, " ");
        if (*text++ != (i + 1 < count ? ',' : close)) return false;
    }
    return text[strspn(text, " ")] == '\0';
}

static firn_status
read_primitive(parse *p, const char *text, data_type *ret_type)
{
    unsigned parameters[2];

    *ret_type = (data_type){0};
    for (unsigned i = 0; i < FIRN_COUNT(primitive_names); i++) {
        if (primitive_names[i] && strcmp(primitive_names[i], text) == 0) {
            ret_type->kind = (type_kind) i;
            return FIRN_OK;
        }
    }
    if (text_starts_with(text, "decimal")) {
        if (!parse_parameters(text + 7, '(', ')', 2, parameters) || parameters[0] < 1 || parameters[0] > 38 ||
            parameters[1] > parameters[0])
            return firn_fail(p->err, FIRN_E_ICEBERG_METADATA, "a schema has the type '%.60s'", text);
        *ret_type = (data_type){.kind = TYPE_DECIMAL, .precision = parameters[0], .scale = parameters[1]};
        return FIRN_OK;
    }
    if (text_starts_with(text, "fixed")) {
        if (!parse_parameters(text + 5, '[', ']', 1, parameters) || parameters[0] < 1)
            return firn_fail(p->err, FIRN_E_ICEBERG_METADATA, "a schema has the type '%.60s'", text);
        *ret_type = (data_type){.kind = TYPE_FIXED, .size_bytes = parameters[0]};
        return FIRN_OK;
    }
    return firn_fail(p->err, FIRN_E_ICEBERG_UNSUPPORTED, "a schema has the type '%.60s', which firn does not know",
                     text);
}

static firn_status
read_type(parse *p, const jvalue *value, unsigned depth, data_type *ret_type)
{
    const char *text = jtext(value);

    if (text) return read_primitive(p, text, ret_type);
    if (depth >= SCHEMA_DEPTH_MAX)
        return firn_fail(p->err, FIRN_E_ICEBERG_METADATA, "a schema is nested deeper than %d", SCHEMA_DEPTH_MAX);
    FIRN_TRY(jneed_text(p->doc, value, "type", &text, p->err));
    if (strcmp(text, "struct") == 0) {
        *ret_type = (data_type){.kind = TYPE_STRUCT};
        return read_fields(p, value, depth + 1, &ret_type->fields, &ret_type->field_count);
    }
    if (strcmp(text, "list") == 0) return read_list(p, value, depth + 1, ret_type);
    if (strcmp(text, "map") == 0) return read_map(p, value, depth + 1, ret_type);
    return firn_fail(p->err, FIRN_E_ICEBERG_UNSUPPORTED, "a schema has the type '%.60s', which firn does not know",
                     text);
}

/* ---- checks over the whole tree ---- */

static unsigned
collect_ids(const schema_field fields[], unsigned field_count, int32_t ids[], unsigned count)
{
    for (unsigned i = 0; i < field_count; i++) {
        ids[count++] = fields[i].id;
        count = collect_ids(fields[i].type->fields, fields[i].type->field_count, ids, count);
    }
    return count;
}

static int
compare_ids(const void *a, const void *b)
{
    int32_t x = *(const int32_t *) a, y = *(const int32_t *) b;

    return (x > y) - (x < y);
}

static firn_status
check_ids(parse *p, const schema_field fields[], unsigned field_count)
{
    int32_t *ids = firn_arena_array(p->arena, (size_t) p->field_count + field_count + 1, sizeof *ids);
    unsigned count;

    if (!ids) return firn_fail_memory(p->err, "a schema");
    count = collect_ids(fields, field_count, ids, 0);
    qsort(ids, count, sizeof *ids, compare_ids);
    for (unsigned i = 1; i < count; i++) {
        if (ids[i] == ids[i - 1])
            return firn_fail(p->err, FIRN_E_ICEBERG_METADATA, "a schema has the field id %d twice", ids[i]);
    }
    return FIRN_OK;
}

static bool
has_id(const schema_field fields[], unsigned field_count, int32_t id)
{
    for (unsigned i = 0; i < field_count; i++) {
        if (fields[i].id == id || has_id(fields[i].type->fields, fields[i].type->field_count, id)) return true;
    }
    return false;
}

static firn_status
read_key_ids(parse *p, const jvalue *value, const schema_field fields[], unsigned field_count,
             const int32_t **ret_ids, unsigned *ret_count)
{
    const jvalue *array = jget(value, "identifier-field-ids");
    size_t        count = jkind_of(array) == JARRAY ? jcount(array) : 0;
    int32_t      *ids = firn_arena_array(p->arena, count + 1, sizeof *ids);

    if (!ids) return firn_fail_memory(p->err, "a schema");
    if (count > SCHEMA_FIELDS_MAX)
        return firn_fail(p->err, FIRN_E_ICEBERG_METADATA, "a schema has too many identifier fields");
    for (size_t i = 0; i < count; i++) {
        int64_t id;

        if (!jinteger(jat(array, i), &id) || id < 1 || id > INT32_MAX || !has_id(fields, field_count, (int32_t) id))
            return firn_fail(p->err, FIRN_E_ICEBERG_METADATA, "a schema's identifier-field-ids name no field");
        ids[i] = (int32_t) id;
    }
    *ret_ids = ids;
    *ret_count = (unsigned) count;
    return FIRN_OK;
}

firn_status
schema_from_json(const jdoc *doc, const jvalue *value, table_schema **ret_schema, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    parse               p = {.doc = doc, .arena = &arena, .err = err};
    const schema_field *fields;
    const int32_t      *key_ids;
    unsigned            field_count, key_count;
    int64_t             schema_id = 0;

    if (jget(value, "schema-id")) FIRN_TRY(jneed_integer(doc, value, "schema-id", &schema_id, err));
    if (schema_id < 0 || schema_id > INT32_MAX)
        return firn_fail(err, FIRN_E_ICEBERG_METADATA, "a schema-id is out of range");
    FIRN_TRY(read_fields(&p, value, 0, &fields, &field_count));
    FIRN_TRY(check_ids(&p, fields, field_count));
    FIRN_TRY(read_key_ids(&p, value, fields, field_count, &key_ids, &key_count));
    return schema_new((int32_t) schema_id, fields, field_count, key_ids, key_count, false, ret_schema, err);
}

/* Names and docs move out of the document, so that the type may outlive it. */
static firn_status
keep_names(parse *p, const data_type *type)
{
    for (unsigned i = 0; i < type->field_count; i++) {
        schema_field *field = (schema_field *) (uintptr_t) &type->fields[i]; // made above, in our arena

        field->name = firn_arena_strdup(p->arena, field->name);
        if (!field->name) return firn_fail_memory(p->err, "a type");
        if (field->doc) {
            field->doc = firn_arena_strdup(p->arena, field->doc);
            if (!field->doc) return firn_fail_memory(p->err, "a type");
        }
        FIRN_TRY(keep_names(p, field->type));
    }
    return FIRN_OK;
}

firn_status
data_type_from_json(const jdoc *doc, const jvalue *value, firn_arena *arena, data_type *ret_type, firn_error *err)
{
    parse     p = {.doc = doc, .arena = arena, .err = err};
    data_type type;

    FIRN_TRY(read_type(&p, value, 0, &type));
    FIRN_TRY(keep_names(&p, &type));
    *ret_type = type;
    return FIRN_OK;
}
