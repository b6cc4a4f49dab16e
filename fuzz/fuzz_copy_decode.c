/* postgres/copy_decode.h: any bytes give rows or a status, never a crash; what comes out is whole. */
#include "postgres/copy_decode.h"

#include <stdlib.h>

#include "base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const data_type    type_int = {.kind = TYPE_INT}, type_text = {.kind = TYPE_STRING}, type_date = {.kind = TYPE_DATE},
                          type_tz = {.kind = TYPE_TIMESTAMPTZ}, type_uuid = {.kind = TYPE_UUID}, type_bool = {.kind = TYPE_BOOLEAN},
                          type_short = {.kind = TYPE_DECIMAL, .precision = 10, .scale = 2},
                          type_long = {.kind = TYPE_DECIMAL, .precision = 38, .scale = 10};
static const schema_field element[] = {{.name = "element", .type = &type_int}};
static const data_type    type_list = {.kind = TYPE_LIST, .field_count = 1, .fields = element};
static const schema_field parts[] = {{.name = "a", .type = &type_list}, {.name = "b", .type = &type_text}};
static const data_type    type_struct = {.kind = TYPE_STRUCT, .field_count = 2, .fields = parts};
static const schema_field pair[] = {{.name = "key", .type = &type_text, .required = true}, {.name = "value", .type = &type_text}};
static const data_type    type_map = {.kind = TYPE_MAP, .field_count = 2, .fields = pair};

static const copy_field element_fields[] = {{.name = "element", .op = COPY_INT32, .type = &type_int}};
static const copy_field part_fields[] = {
    {.name = "a", .op = COPY_LIST, .type = &type_list, .policy = POLICY_NULL, .child_count = 1, .children = element_fields},
    {.name = "b", .op = COPY_TEXT_VERIFY, .type = &type_text, .policy = POLICY_CLAMP},
};
static const copy_field pair_fields[] = {{.name = "key", .op = COPY_TEXT_VERIFY, .type = &type_text, .policy = POLICY_CLAMP, .required = true},
                                         {.name = "value", .op = COPY_TEXT_VERIFY, .type = &type_text, .policy = POLICY_CLAMP}};
static const copy_field fields[] = {
    {.name = "i", .op = COPY_INT32, .type = &type_int},
    {.name = "b", .op = COPY_BOOL, .type = &type_bool},
    {.name = "n", .op = COPY_DECIMAL64, .type = &type_short, .policy = POLICY_ROUND},
    {.name = "t", .op = COPY_TEXT_VERIFY, .type = &type_text, .policy = POLICY_CLAMP},
    {.name = "d", .op = COPY_DATE, .type = &type_date, .policy = POLICY_CLAMP},
    {.name = "ts", .op = COPY_TIMESTAMP, .type = &type_tz, .policy = POLICY_NULL},
    {.name = "u", .op = COPY_UUID, .type = &type_uuid},
    {.name = "a", .op = COPY_LIST, .type = &type_list, .policy = POLICY_NULL, .child_count = 1, .children = element_fields},
    {.name = "c", .op = COPY_STRUCT, .type = &type_struct, .child_count = 2, .children = part_fields},
    {.name = "h", .op = COPY_HSTORE, .type = &type_map, .child_count = 2, .children = pair_fields},
    {.name = "j", .op = COPY_JSONB, .type = &type_text, .verify_utf8 = true, .policy = POLICY_CLAMP},
    {.name = "tm", .op = COPY_TIME_TEXT, .type = &type_text},
    {.name = "ip", .op = COPY_INET, .type = &type_text},
    {.name = "w", .op = COPY_DECIMAL128, .type = &type_long, .policy = POLICY_CLAMP},
};

/* Offsets never fall and end inside the child or the bytes; every byte of a text can be read. */
static void
check_array(const copy_field *field, const struct ArrowArray *array)
{
    bool   has_offsets = field->op == COPY_LIST || field->op == COPY_HSTORE || (array->n_buffers == 3);
    size_t last = 0;
    if (has_offsets) {
        const uint8_t *offsets = array->buffers[1];
        for (int64_t row = 0; row <= array->length; row++) {
            size_t offset = load_le32(offsets + 4 * row);
            if (offset < last) abort();
            last = offset;
        }
    }
    if (field->op == COPY_LIST && array->children[0]->length != (int64_t) last) abort();
    if (array->n_buffers == 3) {
        uint8_t sum = 0;
        for (size_t i = 0; i < last; i++) sum = (uint8_t) (sum + ((const uint8_t *) array->buffers[2])[i]);
        if (sum == 1 && last > SIZE_MAX / 2) abort();
    }
    if (field->op == COPY_HSTORE) {
        if (array->children[0]->length != (int64_t) last) abort();
        for (unsigned i = 0; i < 2; i++) check_array(&field->children[i], array->children[0]->children[i]);
    } else {
        for (unsigned i = 0; i < field->child_count; i++) check_array(&field->children[i], array->children[i]);
    }
}

static table_schema *
make_schema(void)
{
    schema_field  columns[FIRN_COUNT(fields)];
    table_schema *schema;
    firn_error    err = {0};
    for (size_t i = 0; i < FIRN_COUNT(fields); i++) columns[i] = (schema_field){.name = fields[i].name, .type = fields[i].type};
    if (schema_new(0, columns, FIRN_COUNT(fields), NULL, 0, true, &schema, &err)) abort();
    return schema;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned key[] = {0, 3};
    table_schema         *schema = make_schema();
    copy_layout           layout = {.schema = schema, .fields = fields, .field_count = FIRN_COUNT(fields), .key_columns = key,
                                    .key_count = 2, .qualified_name = "s.t", .table_name = "t"};
    copy_decoder         *d;
    firn_error            err = {0};
    batch                 b = {0};

    if (copy_decoder_new(&layout, 0, 0, &d, &err)) abort();
    /* After a failure the rows so far are not for use. */
    if (!copy_decoder_add(d, data, size, &err) && !copy_decoder_take(d, &b, &err) && b.array.release) {
        for (size_t i = 0; i < FIRN_COUNT(fields); i++) check_array(&fields[i], b.array.children[i]);
        batch_done(&b);
    }
    copy_decoder_free(d);
    schema_unref(schema);
    return 0;
}
