#include "debezium/form_avro.h"

#include "base/bytes.h"
#include "base/text.h"
#include "codec/json_reader.h"
#include "codec/varint.h"
#include "debezium/form_json.h"

#define FORM_DEPTH_MAX 16
#define STRUCT_FIELDS_MAX 1600

static firn_status
fail_schema(const char *what, firn_error *err)
{
    return firn_fail(err, FIRN_E_DEBEZIUM_EVENT, "an Avro schema is not what Debezium's converter writes: %s", what);
}

static dbz_form_kind
plain_kind(avro_kind kind)
{
    static const dbz_form_kind kinds[] = {
        [AVRO_NULL] = DBZ_FORM_UNKNOWN, [AVRO_BOOLEAN] = DBZ_FORM_BOOLEAN, [AVRO_INT] = DBZ_FORM_INTEGER,
        [AVRO_LONG] = DBZ_FORM_INTEGER, [AVRO_FLOAT] = DBZ_FORM_FLOAT,     [AVRO_DOUBLE] = DBZ_FORM_DOUBLE,
        [AVRO_BYTES] = DBZ_FORM_BYTES,  [AVRO_STRING] = DBZ_FORM_TEXT,     [AVRO_RECORD] = DBZ_FORM_STRUCT,
        [AVRO_ENUM] = DBZ_FORM_TEXT,    [AVRO_ARRAY] = DBZ_FORM_ARRAY,     [AVRO_MAP] = DBZ_FORM_MAP,
        [AVRO_FIXED] = DBZ_FORM_BYTES,  [AVRO_UNION] = DBZ_FORM_UNKNOWN,
    };

    return kinds[kind];
}

/* Without `connect.name` (a converter that keeps none of Connect's metadata) Avro's own types say what can be said. */
static void
set_logical(const avro_schema *type, dbz_form *form)
{
    static const struct {
        const char *semantic;
    } semantics[] = {
        [AVRO_DECIMAL] = {"org.apache.kafka.connect.data.Decimal"},
        [AVRO_DATE] = {"org.apache.kafka.connect.data.Date"},
        [AVRO_TIME_MILLIS] = {"io.debezium.time.Time"},
        [AVRO_TIME_MICROS] = {"io.debezium.time.MicroTime"},
        [AVRO_TIMESTAMP_MILLIS] = {"io.debezium.time.Timestamp"},
        [AVRO_TIMESTAMP_MICROS] = {"io.debezium.time.MicroTimestamp"},
        [AVRO_KEY_VALUE_ARRAY] = {NULL},
    };

    const char *semantic = semantics[type->logical].semantic;

    if (semantic && dbz_form_of_semantic(firn_slice_text(semantic), form)) form->is_connect = false;
}

static bool
parameter(const avro_schema *type, const char *name, int64_t min, int64_t max, int64_t *ret_value)
{
    const char *text = avro_connect_parameter(type, name);

    return text && text_parse_i64(firn_slice_text(text), ret_value) && *ret_value >= min && *ret_value <= max;
}

/* ---- defaults ---- */

static firn_status
copy_bytes(const void *bytes, size_t size, firn_arena *arena, firn_slice *ret_slice, firn_error *err)
{
    uint8_t *copy = firn_arena_alloc(arena, size + 1);

    if (!copy) return firn_fail_memory(err, "a schema");
    if (size > 0) memcpy(copy, bytes, size);
    *ret_slice = firn_slice_of(copy, size);
    return FIRN_OK;
}

/* Bytes stand in Avro's JSON as characters U+0000 … U+00FF. */
static firn_status
copy_latin(const char *text, firn_arena *arena, firn_slice *ret_slice, firn_error *err)
{
    const uint8_t *at = (const uint8_t *) text;
    size_t         size = 0;
    uint8_t       *out = firn_arena_alloc(arena, strlen(text) + 1);

    if (!out) return firn_fail_memory(err, "a schema");
    while (*at) {
        bool is_wide = (*at & 0xfc) == 0xc0 && at[1];
        out[size++] = is_wide ? (uint8_t) ((*at & 3) << 6 | (at[1] & 63)) : *at;
        at += is_wide ? 2 : 1;
    }
    *ret_slice = firn_slice_of(out, size);
    return FIRN_OK;
}

static firn_status
encode_default(const avro_schema *type, const jvalue *json, firn_arena *arena, firn_slice *ret_slice, firn_error *err)
{
    uint8_t bytes[VARINT_SIZE_MAX];
    int64_t integer;
    double  real;
    bool    truth;

    if ((type->kind == AVRO_INT || type->kind == AVRO_LONG) && jinteger(json, &integer))
        return copy_bytes(bytes, varint_encode(zigzag_encode(integer), bytes), arena, ret_slice, err);
    if (type->kind == AVRO_STRING && jtext(json)) return copy_bytes(jtext(json), strlen(jtext(json)), arena, ret_slice, err);
    if (type->kind == AVRO_BYTES && jtext(json)) return copy_latin(jtext(json), arena, ret_slice, err);
    if (type->kind == AVRO_BOOLEAN && jbool(json, &truth)) {
        bytes[0] = truth;
        return copy_bytes(bytes, 1, arena, ret_slice, err);
    }
    if (type->kind == AVRO_DOUBLE && jreal(json, &real)) {
        store_le64(bytes, bits_of_double(real));
        return copy_bytes(bytes, 8, arena, ret_slice, err);
    }
    if (type->kind == AVRO_FLOAT && jreal(json, &real)) {
        store_le32(bytes, bits_of_float((float) real));
        return copy_bytes(bytes, 4, arena, ret_slice, err);
    }
    return FIRN_OK;
}

static firn_status
set_default(const avro_schema *type, firn_arena *arena, dbz_form *form, firn_error *err)
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;
    FIRN_AUTO(firn_arena_done) firn_arena wrapped = {0};

    if (!type->connect || !type->connect->default_json) return FIRN_OK;

    const char *text = firn_arena_printf(&wrapped, "[%s]", type->connect->default_json);

    if (!text) return firn_fail_memory(err, "a schema");
    FIRN_TRY(jdoc_parse(firn_slice_text(text), "connect.default", &doc, err));

    const jvalue *json = jat(jdoc_root(doc), 0);

    if (jkind_of(json) == JNULL) return FIRN_OK;
    form->replaces_null = form->is_optional;
    return encode_default(type, json, arena, &form->default_value, err);
}

/* ---- types ---- */

static firn_status read_form(const avro_schema *schema, unsigned depth, firn_arena *arena, dbz_form *ret_form, firn_error *err);

static firn_status
read_children(const avro_schema *type, unsigned depth, firn_arena *arena, dbz_form *form, firn_error *err)
{
    bool      is_map = type->kind == AVRO_MAP;
    dbz_form *children = firn_arena_array(arena, 2, sizeof *children);

    if (!children) return firn_fail_memory(err, "a schema");
    if (is_map) children[0].kind = DBZ_FORM_TEXT;
    FIRN_TRY(read_form(type->items, depth + 1, arena, &children[is_map], err));
    form->children = children;
    form->child_count = is_map ? 2 : 1;
    return FIRN_OK;
}

static firn_status
read_struct(const avro_schema *type, unsigned depth, firn_arena *arena, dbz_form *form, firn_error *err)
{
    unsigned    count = type->field_count;
    dbz_form   *children = firn_arena_array(arena, count + 1, sizeof *children);
    firn_slice *names = firn_arena_array(arena, count + 1, sizeof *names);

    if (!children || !names) return firn_fail_memory(err, "a schema");
    if (count > STRUCT_FIELDS_MAX) return fail_schema("more fields than any type has", err);
    for (unsigned i = 0; i < count; i++) {
        names[i] = firn_slice_text(type->fields[i].name);
        FIRN_TRY(read_form(type->fields[i].type, depth + 1, arena, &children[i], err));
    }
    form->children = children;
    form->names = names;
    form->child_count = count;
    return FIRN_OK;
}

static void
set_semantic(const avro_schema *type, dbz_form *form)
{
    int64_t number;

    if (!type->connect || !type->connect->name) {
        set_logical(type, form);
    } else {
        form->semantic = firn_slice_text(type->connect->name);
        if (!dbz_form_of_semantic(form->semantic, form))
            form->is_vector = firn_slice_equal(form->semantic, firn_slice_text("io.debezium.data.DoubleVector")) ||
                              firn_slice_equal(form->semantic, firn_slice_text("io.debezium.data.FloatVector"));
    }
    if (type->logical == AVRO_DECIMAL) form->scale = (int32_t) type->scale;
    if (parameter(type, "scale", INT16_MIN, INT16_MAX, &number)) form->scale = (int32_t) number;
    if (parameter(type, "length", 0, INT32_MAX, &number)) form->length = (uint32_t) number;
}

static firn_status
read_form(const avro_schema *schema, unsigned depth, firn_arena *arena, dbz_form *ret_form, firn_error *err)
{
    const avro_schema *type = avro_schema_value(schema);
    dbz_form           form = {.is_optional = schema->kind == AVRO_UNION};

    if (depth > FORM_DEPTH_MAX) return fail_schema("types too deep within each other", err);
    if (!type) { // nothing but null
        *ret_form = (dbz_form){.is_optional = true};
        return schema->kind == AVRO_NULL ? FIRN_OK : fail_schema("a union of several types", err);
    }
    form.kind = plain_kind(type->kind);
    set_semantic(type, &form);
    FIRN_TRY(set_default(type, arena, &form, err));
    if (form.kind == DBZ_FORM_ARRAY || form.kind == DBZ_FORM_MAP) FIRN_TRY(read_children(type, depth, arena, &form, err));
    if (form.kind == DBZ_FORM_STRUCT) FIRN_TRY(read_struct(type, depth, arena, &form, err));
    *ret_form = form;
    return FIRN_OK;
}

firn_status
form_avro_read(const avro_schema *schema, firn_arena *arena, dbz_form *ret_form, firn_error *err)
{
    return read_form(schema, 0, arena, ret_form, err);
}
