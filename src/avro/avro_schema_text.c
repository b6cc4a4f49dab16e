#include "avro/avro_schema_text.h"

#include "base/map.h"
#include "codec/json_writer.h"

/* The text is parsed again, by a reader of JSON with a limit of its own. */
#define DEPTH_MAX 32

typedef struct schema_text {
    jwriter     w;
    firn_map   *named; /* written so far */
    firn_error *err;
    firn_status status; /* of the map */
} schema_text;

static const char *const kind_names[] = {
    [AVRO_NULL] = "null",     [AVRO_BOOLEAN] = "boolean", [AVRO_INT] = "int",     [AVRO_LONG] = "long",   [AVRO_FLOAT] = "float",
    [AVRO_DOUBLE] = "double", [AVRO_BYTES] = "bytes",     [AVRO_STRING] = "string", [AVRO_RECORD] = "record", [AVRO_ENUM] = "enum",
    [AVRO_ARRAY] = "array",   [AVRO_MAP] = "map",         [AVRO_FIXED] = "fixed", [AVRO_UNION] = "union",
};

static const char *const logical_names[] = {
    [AVRO_DECIMAL] = "decimal",
    [AVRO_DATE] = "date",
    [AVRO_TIME_MILLIS] = "time-millis",
    [AVRO_TIME_MICROS] = "time-micros",
    [AVRO_TIMESTAMP_MILLIS] = "timestamp-millis",
    [AVRO_TIMESTAMP_MICROS] = "timestamp-micros",
    [AVRO_UUID] = "uuid",
    [AVRO_KEY_VALUE_ARRAY] = "map",
};

static void
write_attributes(schema_text *t, const avro_schema *schema)
{
    if (schema->logical != AVRO_PLAIN) jwrite_member_text(&t->w, "logicalType", logical_names[schema->logical]);
    if (schema->precision) jwrite_member_i64(&t->w, "precision", schema->precision);
    if (schema->logical == AVRO_DECIMAL) jwrite_member_i64(&t->w, "scale", schema->scale);
    if (!schema->connect) return;
    if (schema->connect->name) jwrite_member_text(&t->w, "connect.name", schema->connect->name);
    if (schema->connect->version) jwrite_member_i64(&t->w, "connect.version", schema->connect->version);
    if (schema->connect->default_json) {
        jwrite_key(&t->w, "connect.default");
        jwrite_raw(&t->w, schema->connect->default_json);
    }
    if (!schema->connect->parameter_count) return;
    jwrite_key(&t->w, "connect.parameters");
    jwrite_object(&t->w);
    for (unsigned i = 0; i < schema->connect->parameter_count; i++)
        jwrite_member_text(&t->w, schema->connect->parameters[2 * (size_t) i], schema->connect->parameters[2 * (size_t) i + 1]);
    jwrite_object_end(&t->w);
}

static void write_schema(schema_text *t, const avro_schema *schema, unsigned depth);

static void
write_parts(schema_text *t, const avro_schema *schema, unsigned depth)
{
    if (schema->kind == AVRO_ARRAY || schema->kind == AVRO_MAP) {
        jwrite_key(&t->w, schema->kind == AVRO_ARRAY ? "items" : "values");
        write_schema(t, schema->items, depth + 1);
    } else if (schema->kind == AVRO_FIXED) {
        jwrite_member_i64(&t->w, "size", (int64_t) schema->size_bytes);
    } else if (schema->kind == AVRO_ENUM) {
        jwrite_key(&t->w, "symbols");
        jwrite_array(&t->w);
        for (unsigned i = 0; i < schema->field_count; i++) jwrite_text(&t->w, schema->fields[i].name);
        jwrite_array_end(&t->w);
    } else if (schema->kind == AVRO_RECORD) {
        jwrite_key(&t->w, "fields");
        jwrite_array(&t->w);
        for (unsigned i = 0; i < schema->field_count; i++) {
            jwrite_object(&t->w);
            jwrite_member_text(&t->w, "name", schema->fields[i].name);
            jwrite_key(&t->w, "type");
            write_schema(t, schema->fields[i].type, depth + 1);
            jwrite_object_end(&t->w);
        }
        jwrite_array_end(&t->w);
    }
}

/* Types that are defined side by side, each of the one before, stand within each other here. */
static void
write_schema(schema_text *t, const avro_schema *schema, unsigned depth)
{
    if (!t->status && depth > DEPTH_MAX)
        t->status = firn_fail(t->err, FIRN_E_AVRO_CORRUPT, "a schema has types of types, more than %d deep", DEPTH_MAX);
    if (t->status) {
        jwrite_null(&t->w); // where a value has to stand
        return;
    }
    if (schema->kind == AVRO_UNION) {
        jwrite_array(&t->w);
        for (unsigned i = 0; i < schema->field_count; i++) write_schema(t, schema->branches[i], depth + 1);
        jwrite_array_end(&t->w);
        return;
    }
    if (schema->name) {
        if (firn_map_get(t->named, firn_slice_text(schema->name))) {
            jwrite_text(&t->w, schema->name);
            return;
        }
        t->status = firn_map_put(t->named, firn_slice_text(schema->name), t, t->err);
    }
    jwrite_object(&t->w);
    jwrite_member_text(&t->w, "type", kind_names[schema->kind]);
    if (schema->name) jwrite_member_text(&t->w, "name", schema->name);
    write_attributes(t, schema);
    write_parts(t, schema, depth);
    jwrite_object_end(&t->w);
}

firn_status
avro_schema_add_text(const avro_schema *schema, firn_buffer *out, firn_error *err)
{
    FIRN_AUTO(firn_map_freep) firn_map *named = firn_map_new();

    if (!named) return firn_fail_memory(err, "an Avro schema");

    schema_text t = {.named = named, .err = err};

    jwrite_begin(&t.w, out, false, err);
    write_schema(&t, schema, 0);
    return t.status ? t.status : jwrite_end(&t.w);
}
