#include "sample_rows.h"

#include "base/bitmap.h"
#include "base/hash.h"
#include "batch/column_builder.h"

#include <stdio.h>
#include <stdlib.h>

#define COLUMN_BYTES_MAX ((size_t) 256 << 20)
#define COLUMNS_MAX 64

static const data_type    sample_int = {.kind = TYPE_INT}, sample_text = {.kind = TYPE_STRING};
static const schema_field pair_fields[] = {{.name = "x", .type = &sample_int}, {.name = "y", .type = &sample_text}};
static const data_type    sample_pair = {.kind = TYPE_STRUCT, .field_count = 2, .fields = pair_fields};
static const schema_field texts_fields[] = {{.name = "element", .type = &sample_text}};
static const data_type    sample_texts = {.kind = TYPE_LIST, .field_count = 1, .fields = texts_fields};
static const schema_field pairs_fields[] = {{.name = "element", .type = &sample_pair}};
static const data_type    sample_pairs = {.kind = TYPE_LIST, .field_count = 1, .fields = pairs_fields};
static const schema_field map_fields[] = {{.name = "key", .required = true, .type = &sample_text},
                                          {.name = "value", .type = &sample_texts}};
static const data_type    sample_map = {.kind = TYPE_MAP, .field_count = 2, .fields = map_fields};
static const schema_field deep_fields[] = {{.name = "list", .type = &sample_texts}, {.name = "map", .type = &sample_map}};
static const data_type    sample_deep = {.kind = TYPE_STRUCT, .field_count = 2, .fields = deep_fields};

static const data_type sample_types[] = {
    {.kind = TYPE_BOOLEAN},
    {.kind = TYPE_INT},
    {.kind = TYPE_LONG},
    {.kind = TYPE_FLOAT},
    {.kind = TYPE_DOUBLE},
    {.kind = TYPE_DECIMAL, .precision = 9, .scale = 2},
    {.kind = TYPE_DECIMAL, .precision = 18, .scale = 2},
    {.kind = TYPE_DECIMAL, .precision = 38, .scale = 2},
    {.kind = TYPE_DATE},
    {.kind = TYPE_TIME},
    {.kind = TYPE_TIMESTAMP},
    {.kind = TYPE_TIMESTAMPTZ},
    {.kind = TYPE_STRING},
    {.kind = TYPE_BINARY},
    {.kind = TYPE_UUID},
    {.kind = TYPE_FIXED, .size_bytes = 7},
};
static const data_type *const nested_types[] = {&sample_pair, &sample_texts, &sample_pairs, &sample_map, &sample_deep};

static void
must(firn_status status, const firn_error *err)
{
    if (status == FIRN_OK) return;
    (void) fprintf(stderr, "sample rows: %s\n", err->cause);
    abort();
}

table_schema *
sample_schema(void)
{
    schema_field  fields[COLUMNS_MAX] = {0};
    char          names[COLUMNS_MAX][8];
    unsigned      count = 0;
    table_schema *schema = NULL;
    firn_error    err = {0};

    for (unsigned i = 0; i < FIRN_COUNT(sample_types) + FIRN_COUNT(nested_types); i++, count++) {
        (void) snprintf(names[i], sizeof names[i], "c%u", i);
        fields[i].name = names[i];
        fields[i].type = i < FIRN_COUNT(sample_types) ? &sample_types[i] : nested_types[i - FIRN_COUNT(sample_types)];
    }
    must(schema_new(0, fields, count, NULL, 0, true, &schema, &err), &err);
    return schema;
}

/* ---- random values ---- */

static uint64_t
draw(uint64_t *seed)
{
    return firn_hash_u64(*seed += UINT64_C(0x9e3779b97f4a7c15));
}

static void
add_text(column_builder *b, uint64_t *seed, size_t size_max, firn_error *err)
{
    char   text[64];
    size_t size = draw(seed) % (size_max + 1);

    for (size_t i = 0; i < size; i++) text[i] = (char) ('a' + draw(seed) % 26);
    must(column_add_bytes(b, firn_slice_of(text, size), err), err);
}

static void add_value(column_builder *b, const data_type *type, bool required, uint64_t *seed, firn_error *err);

static void
add_nested(column_builder *b, const data_type *type, uint64_t *seed, firn_error *err)
{
    uint64_t count = type->kind == TYPE_STRUCT ? 1 : draw(seed) % 4;

    for (uint64_t i = 0; i < count; i++) {
        for (unsigned f = 0; f < type->field_count; f++)
            add_value(column_child(b, f), type->fields[f].type, type->fields[f].required, seed, err);
    }
    must(column_end(b, err), err);
}

static void
add_primitive(column_builder *b, const data_type *type, uint64_t *seed, firn_error *err)
{
    uint64_t bits = draw(seed);
    int64_t  small = (int64_t) (bits % 2000000) - 1000000;

    if (type->kind == TYPE_BOOLEAN) must(column_add_bool(b, bits & 1, err), err);
    else if (type->kind == TYPE_FLOAT || type->kind == TYPE_DOUBLE)
        must(column_add_double(b, (double) small / 8, err), err);
    else if (type->kind == TYPE_DECIMAL)
        must(column_add_decimal(b, type->precision > 18 ? (int128) small * 1000000007 * 1000000007 : small, err), err);
    else if (type->kind == TYPE_UUID || type->kind == TYPE_FIXED)
        must(column_add_bytes(b, firn_slice_of((uint64_t[2]){bits, draw(seed)}, data_type_value_size(type)), err), err);
    else if (type->kind == TYPE_STRING || type->kind == TYPE_BINARY)
        add_text(b, seed, 40, err);
    else
        must(column_add_i64(b, small, err), err);
}

static void
add_value(column_builder *b, const data_type *type, bool required, uint64_t *seed, firn_error *err)
{
    if (!required && draw(seed) % 5 == 0) must(column_add_null(b, err), err);
    else if (type_is_nested(type->kind))
        add_nested(b, type, seed, err);
    else
        add_primitive(b, type, seed, err);
}

void
sample_rows(table_schema *schema, int64_t row_count, uint64_t seed, batch *ret_batch)
{
    column_builder *builders[COLUMNS_MAX];
    firn_error      err = {0};

    for (unsigned c = 0; c < schema->field_count; c++) {
        uint64_t column_seed = seed * 1000 + c;

        must(column_builder_new(schema->fields[c].type, COLUMN_BYTES_MAX, &builders[c], &err), &err);
        for (int64_t i = 0; i < row_count; i++)
            add_value(builders[c], schema->fields[c].type, schema->fields[c].required, &column_seed, &err);
    }
    must(batch_from_builders(schema, builders, ret_batch, &err), &err);
    for (unsigned c = 0; c < schema->field_count; c++) column_builder_free(builders[c]);
}

/* ---- rows as text ---- */

static void value_text(const data_type *type, const struct ArrowArray *column, int64_t row, firn_buffer *out,
                       firn_error *err);

static void
elements_text(const data_type *type, const struct ArrowArray *column, int64_t at, firn_buffer *out, firn_error *err)
{
    const int32_t           *offsets = (const int32_t *) column->buffers[1] + at;
    const struct ArrowArray *child = column->children[0];

    must(firn_buffer_add_byte(out, '[', err), err);
    for (int32_t i = offsets[0]; i < offsets[1]; i++) {
        if (type->kind == TYPE_LIST) {
            value_text(type->fields[0].type, child, i, out, err);
        } else {
            value_text(type->fields[0].type, child->children[0], child->offset + i, out, err);
            must(firn_buffer_add_byte(out, '=', err), err);
            value_text(type->fields[1].type, child->children[1], child->offset + i, out, err);
        }
        must(firn_buffer_add_byte(out, ',', err), err);
    }
    must(firn_buffer_add_byte(out, ']', err), err);
}

static void
value_text(const data_type *type, const struct ArrowArray *column, int64_t row, firn_buffer *out, firn_error *err)
{
    int64_t        at = column->offset + row;
    unsigned       size = data_type_value_size(type);
    const uint8_t *values = column->n_buffers > 1 ? column->buffers[1] : NULL;

    if (column->buffers[0] && !bitmap_get(column->buffers[0], (size_t) at)) {
        must(firn_buffer_add_text(out, "null", err), err);
    } else if (type->kind == TYPE_STRUCT) {
        for (unsigned f = 0; f < type->field_count; f++) {
            value_text(type->fields[f].type, column->children[f], at, out, err);
            must(firn_buffer_add_byte(out, '|', err), err);
        }
    } else if (type->kind == TYPE_LIST || type->kind == TYPE_MAP) {
        elements_text(type, column, at, out, err);
    } else if (type->kind == TYPE_BOOLEAN) {
        must(firn_buffer_add_text(out, bitmap_get(values, (size_t) at) ? "t" : "f", err), err);
    } else if (type->kind == TYPE_STRING || type->kind == TYPE_BINARY) {
        const int32_t *offsets = (const int32_t *) column->buffers[1] + at;
        const uint8_t *bytes = column->buffers[2];
        must(firn_buffer_printf(out, err, "\"%.*s\"", offsets[1] - offsets[0], offsets[1] > offsets[0] ? (const char *) bytes + offsets[0] : ""), err);
    } else {
        for (unsigned i = 0; i < size; i++) must(firn_buffer_printf(out, err, "%02x", values[(size_t) at * size + i]), err);
    }
}

void
sample_row_text(const table_schema *schema, const struct ArrowArray *rows, int64_t row, firn_buffer *out)
{
    data_type  type = {.kind = TYPE_STRUCT, .field_count = schema->field_count, .fields = schema->fields};
    firn_error err = {0};

    firn_buffer_reset(out);
    value_text(&type, rows, row, out, &err);
    must(firn_buffer_add_byte(out, 0, &err), &err);
}
