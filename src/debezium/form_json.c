#include "debezium/form_json.h"

#include "base/text.h"
#include "change/change.h"
#include "debezium/event.h"
#include "debezium/source_block.h"

#define FORM_DEPTH_MAX 16
#define STRUCT_FIELDS_MAX 1600

static firn_status
fail_schema(const char *what, firn_error *err)
{
    return firn_fail(err, FIRN_E_DEBEZIUM_EVENT, "the schema block of a record is not what Kafka Connect writes: %s", what);
}

/* ---- semantic types ---- */

typedef struct semantic_form {
    const char   *name;
    dbz_form_kind kind;
    uint32_t      unit_ns;
} semantic_form;

static const semantic_form semantics[] = {
    {"org.apache.kafka.connect.data.Decimal", DBZ_FORM_DECIMAL, 0},
    {"org.apache.kafka.connect.data.Date", DBZ_FORM_DATE, 0},
    {"org.apache.kafka.connect.data.Time", DBZ_FORM_TIME, 1000000},
    {"org.apache.kafka.connect.data.Timestamp", DBZ_FORM_TIMESTAMP, 1000000},
    {"io.debezium.data.VariableScaleDecimal", DBZ_FORM_VARIABLE_DECIMAL, 0},
    {"io.debezium.time.Date", DBZ_FORM_DATE, 0},
    {"io.debezium.time.IsoDate", DBZ_FORM_DATE_TEXT, 0},
    {"io.debezium.time.Time", DBZ_FORM_TIME, 1000000},
    {"io.debezium.time.MicroTime", DBZ_FORM_TIME, 1000},
    {"io.debezium.time.NanoTime", DBZ_FORM_TIME, 1},
    {"io.debezium.time.IsoTime", DBZ_FORM_TIME_TEXT, 0},
    {"io.debezium.time.ZonedTime", DBZ_FORM_ZONED_TIME, 0},
    {"io.debezium.time.Timestamp", DBZ_FORM_TIMESTAMP, 1000000},
    {"io.debezium.time.MicroTimestamp", DBZ_FORM_TIMESTAMP, 1000},
    {"io.debezium.time.NanoTimestamp", DBZ_FORM_TIMESTAMP, 1},
    {"io.debezium.time.IsoTimestamp", DBZ_FORM_TIMESTAMP_TEXT, 0},
    {"io.debezium.time.ZonedTimestamp", DBZ_FORM_ZONED_TIMESTAMP, 0},
    {"io.debezium.time.MicroDuration", DBZ_FORM_INTERVAL_NUMBER, 1000},
    {"io.debezium.time.NanoDuration", DBZ_FORM_INTERVAL_NUMBER, 1},
    {"io.debezium.time.Interval", DBZ_FORM_INTERVAL_TEXT, 0},
    {"io.debezium.time.Year", DBZ_FORM_YEAR, 0},
    {"io.debezium.data.Bits", DBZ_FORM_BITS, 0},
    {"io.debezium.data.Uuid", DBZ_FORM_UUID, 0},
    {"io.debezium.data.geometry.Point", DBZ_FORM_POINT, 0},
    {"io.debezium.data.geometry.Geometry", DBZ_FORM_GEOMETRY, 0},
    {"io.debezium.data.geometry.Geography", DBZ_FORM_GEOMETRY, 0},
    {"io.debezium.data.SparseVector", DBZ_FORM_SPARSE_VECTOR, 0},
    {"io.debezium.data.SparseDoubleVector", DBZ_FORM_SPARSE_VECTOR, 0},
};

bool
dbz_form_of_semantic(firn_slice name, dbz_form *form)
{
    for (size_t i = 0; i < FIRN_COUNT(semantics); i++) {
        if (!firn_slice_equal(name, firn_slice_text(semantics[i].name))) continue;
        form->kind = semantics[i].kind;
        form->unit_ns = semantics[i].unit_ns;
        form->is_connect = semantics[i].name[0] == 'o';
        return true;
    }
    return false;
}

/* ---- one schema ---- */

static dbz_form_kind
plain_kind(const jtoken *type)
{
    static const struct {
        const char   *name;
        dbz_form_kind kind;
    } kinds[] = {
        {"boolean", DBZ_FORM_BOOLEAN}, {"int8", DBZ_FORM_INTEGER},  {"int16", DBZ_FORM_INTEGER}, {"int32", DBZ_FORM_INTEGER},
        {"int64", DBZ_FORM_INTEGER},   {"float", DBZ_FORM_FLOAT},   {"float32", DBZ_FORM_FLOAT}, {"double", DBZ_FORM_DOUBLE},
        {"float64", DBZ_FORM_DOUBLE},  {"string", DBZ_FORM_TEXT},   {"bytes", DBZ_FORM_BYTES},   {"array", DBZ_FORM_ARRAY},
        {"map", DBZ_FORM_MAP},         {"struct", DBZ_FORM_STRUCT},
    };
    for (size_t i = 0; i < FIRN_COUNT(kinds); i++)
        if (jtoken_is(type, kinds[i].name)) return kinds[i].kind;
    return DBZ_FORM_UNKNOWN;
}

static uint32_t
integer_bits(const jtoken *type)
{
    uint64_t bits = 0;
    return type->text.size > 3 && text_parse_u64(firn_slice_of(type->text.data + 3, type->text.size - 3), &bits) ? (uint32_t) bits : 0;
}

typedef struct schema_parts {
    jtoken type, name, items, keys, values, fields, parameters, default_value;
    bool   is_optional;
} schema_parts;

static bool
take_parts(firn_slice text, schema_parts *ret_parts)
{
    jscan  s = jscan_of(text);
    jtoken name, value;
    *ret_parts = (schema_parts){0};
    if (!jscan_enter(&s, JTOKEN_OBJECT)) return false;
    while (jscan_member(&s, &name)) {
        if (!jscan_value(&s, &value)) return false;
        if (DBZ_IS(&name, "type")) ret_parts->type = value;
        if (DBZ_IS(&name, "name")) ret_parts->name = value;
        if (DBZ_IS(&name, "items")) ret_parts->items = value;
        if (DBZ_IS(&name, "keys")) ret_parts->keys = value;
        if (DBZ_IS(&name, "values")) ret_parts->values = value;
        if (DBZ_IS(&name, "fields")) ret_parts->fields = value;
        if (DBZ_IS(&name, "parameters")) ret_parts->parameters = value;
        if (DBZ_IS(&name, "default")) ret_parts->default_value = value;
        if (DBZ_IS(&name, "optional")) ret_parts->is_optional = value.kind == JTOKEN_TRUE;
    }
    return !s.failure;
}

/* A token as it stands in the message. */
static firn_slice
whole_token(const jtoken *token)
{
    if (token->kind != JTOKEN_STRING) return token->text;
    return firn_slice_of(token->text.data - 1, token->text.size + 2);
}

static bool
take_parameters(const jtoken *parameters, dbz_form *form)
{
    jscan  s = jscan_of(parameters->text);
    jtoken name, value;
    if (parameters->kind != JTOKEN_OBJECT) return true;
    if (!jscan_enter(&s, JTOKEN_OBJECT)) return false;
    while (jscan_member(&s, &name)) {
        int64_t number;
        if (!jscan_value(&s, &value)) return false;
        if (value.kind != JTOKEN_STRING || !text_parse_i64(value.text, &number)) continue;
        if (DBZ_IS(&name, "scale") && number >= INT16_MIN && number <= INT16_MAX) form->scale = (int32_t) number;
        if (DBZ_IS(&name, "length") && number >= 0 && number <= INT32_MAX) form->length = (uint32_t) number;
    }
    return !s.failure;
}

static firn_status read_form(firn_slice text, unsigned depth, firn_arena *arena, dbz_form *ret_form, firn_error *err);

static firn_status
read_children(const schema_parts *parts, unsigned depth, firn_arena *arena, dbz_form *form, firn_error *err)
{
    const jtoken *array[] = {&parts->items}, *map[] = {&parts->keys, &parts->values};
    unsigned      count = form->kind == DBZ_FORM_ARRAY ? 1 : 2;
    dbz_form     *children = firn_arena_array(arena, count, sizeof *children);
    if (!children) return firn_fail_memory(err, "a schema");
    for (unsigned i = 0; i < count; i++) {
        const jtoken *child = count == 1 ? array[i] : map[i];
        if (child->kind != JTOKEN_OBJECT) return fail_schema("no schema of elements", err);
        FIRN_TRY(read_form(child->text, depth + 1, arena, &children[i], err));
    }
    form->children = children;
    form->child_count = count;
    return FIRN_OK;
}

/* The fields of a struct's schema: names and texts. */
static firn_status
list_fields(const jtoken *fields, firn_arena *arena, schema_column **ret_fields, unsigned *ret_count, firn_error *err)
{
    unsigned       count = 0;
    jtoken         value, name;
    schema_column *list = NULL;
    for (int pass = 0; pass < 2; pass++) {
        jscan s = jscan_of(fields->text);
        if (pass) {
            if (count > CHANGE_COLUMNS_MAX) return fail_schema("more columns than any table has", err);
            list = firn_arena_array(arena, count ? count : 1, sizeof *list);
            if (!list) return firn_fail_memory(err, "a schema");
            count = 0;
        }
        if (fields->kind != JTOKEN_ARRAY || !jscan_enter(&s, JTOKEN_ARRAY)) return fail_schema("a struct without fields", err);
        while (jscan_element(&s)) {
            if (!jscan_value(&s, &value)) return fail_schema(s.failure, err);
            if (pass) {
                jscan field = jscan_of(value.text);
                list[count].text = value.text;
                if (value.kind != JTOKEN_OBJECT || !jscan_enter(&field, JTOKEN_OBJECT)) return fail_schema("a field that is no object", err);
                while (jscan_member(&field, &name)) {
                    jtoken part;
                    if (!jscan_value(&field, &part)) return fail_schema(field.failure, err);
                    if (DBZ_IS(&name, "field")) list[count].name = part;
                }
                if (list[count].name.kind != JTOKEN_STRING) return fail_schema("a field without a name", err);
            }
            count++;
        }
        if (s.failure) return fail_schema(s.failure, err);
    }
    *ret_fields = list;
    *ret_count = count;
    return FIRN_OK;
}

static firn_status
read_struct(const schema_parts *parts, unsigned depth, firn_arena *arena, dbz_form *form, firn_error *err)
{
    schema_column *fields;
    unsigned       count;
    FIRN_TRY(list_fields(&parts->fields, arena, &fields, &count, err));
    if (count > STRUCT_FIELDS_MAX) return fail_schema("more fields than any type has", err);
    dbz_form   *children = firn_arena_array(arena, count ? count : 1, sizeof *children);
    firn_slice *names = firn_arena_array(arena, count ? count : 1, sizeof *names);
    if (!children || !names) return firn_fail_memory(err, "a schema");
    for (unsigned i = 0; i < count; i++) {
        names[i] = fields[i].name.text;
        FIRN_TRY(read_form(fields[i].text, depth + 1, arena, &children[i], err));
    }
    form->children = children;
    form->names = names;
    form->child_count = count;
    return FIRN_OK;
}

static firn_status
read_form(firn_slice text, unsigned depth, firn_arena *arena, dbz_form *ret_form, firn_error *err)
{
    schema_parts parts;
    dbz_form     form = {0};
    if (depth > FORM_DEPTH_MAX) return fail_schema("types too deep within each other", err);
    if (!take_parts(text, &parts)) return fail_schema("no object", err);
    form.kind = plain_kind(&parts.type);
    form.is_optional = parts.is_optional;
    if (parts.name.kind == JTOKEN_STRING) {
        form.semantic = parts.name.text;
        if (!dbz_form_of_semantic(form.semantic, &form)) form.is_vector = firn_slice_equal(form.semantic, firn_slice_text("io.debezium.data.DoubleVector")) ||
                             firn_slice_equal(form.semantic, firn_slice_text("io.debezium.data.FloatVector"));
    }
    if (parts.default_value.kind != JTOKEN_ABSENT && parts.default_value.kind != JTOKEN_NULL) {
        form.default_value = whole_token(&parts.default_value);
        form.replaces_null = form.is_optional;
    }
    if (!take_parameters(&parts.parameters, &form)) return fail_schema("parameters", err);
    if (form.kind == DBZ_FORM_INTEGER) form.length = integer_bits(&parts.type);
    if (form.kind == DBZ_FORM_ARRAY || form.kind == DBZ_FORM_MAP) FIRN_TRY(read_children(&parts, depth, arena, &form, err));
    if (form.kind == DBZ_FORM_STRUCT) FIRN_TRY(read_struct(&parts, depth, arena, &form, err));
    *ret_form = form;
    return FIRN_OK;
}

firn_status
form_json_read(firn_slice text, firn_arena *arena, dbz_form *ret_form, firn_error *err)
{
    return read_form(text, 0, arena, ret_form, err);
}

/* ---- columns ---- */

static unsigned
drop_flattened(schema_column *columns, unsigned count)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++)
        if (!dbz_is_flattened_member(&columns[i].name)) columns[kept++] = columns[i];
    return kept;
}

firn_status
form_json_columns(firn_slice schema, bool is_flattened, firn_arena *arena, schema_column **ret_columns, unsigned *ret_count,
                  firn_error *err)
{
    schema_parts   parts;
    schema_column *fields;
    unsigned       count;
    if (!take_parts(schema, &parts)) return fail_schema("no object", err);
    FIRN_TRY(list_fields(&parts.fields, arena, &fields, &count, err));
    if (!is_flattened) {
        const schema_column *row = NULL;
        for (unsigned i = 0; i < count; i++)
            if (jtoken_is(&fields[i].name, "after") || (!row && jtoken_is(&fields[i].name, "before"))) row = &fields[i];
        if (!row || !take_parts(row->text, &parts)) return fail_schema("neither `before` nor `after`", err);
        FIRN_TRY(list_fields(&parts.fields, arena, &fields, &count, err));
    } else {
        count = drop_flattened(fields, count);
    }
    *ret_columns = fields;
    *ret_count = count;
    return FIRN_OK;
}
