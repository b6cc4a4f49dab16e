/* postgres/tuple_decode.h with tuple_text.h: any text for a column of any type gives a row or a status, never a crash. */
#include "postgres/tuple_decode.h"

#include <stdlib.h>

#include "base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const data_type    type_int = {.kind = TYPE_INT}, type_text = {.kind = TYPE_STRING}, type_date = {.kind = TYPE_DATE},
                          type_tz = {.kind = TYPE_TIMESTAMPTZ}, type_uuid = {.kind = TYPE_UUID}, type_bool = {.kind = TYPE_BOOLEAN},
                          type_double = {.kind = TYPE_DOUBLE}, type_float = {.kind = TYPE_FLOAT}, type_time = {.kind = TYPE_TIME},
                          type_bytes = {.kind = TYPE_BINARY}, type_large = {.kind = TYPE_LONG},
                          type_decimal = {.kind = TYPE_DECIMAL, .precision = 38, .scale = 10},
                          type_short = {.kind = TYPE_DECIMAL, .precision = 10, .scale = 2};
static const schema_field element[] = {{.name = "element", .type = &type_text}};
static const data_type    type_list = {.kind = TYPE_LIST, .field_count = 1, .fields = element};
static const schema_field parts[] = {{.name = "a", .type = &type_list}, {.name = "b", .type = &type_int}};
static const data_type    type_struct = {.kind = TYPE_STRUCT, .field_count = 2, .fields = parts};
static const schema_field pair[] = {{.name = "key", .type = &type_text, .required = true}, {.name = "value", .type = &type_text}};
static const data_type    type_map = {.kind = TYPE_MAP, .field_count = 2, .fields = pair};

static const copy_field element_fields[] = {{.name = "element", .op = COPY_TEXT, .type = &type_text}};
static const copy_field part_fields[] = {
    {.name = "a", .op = COPY_LIST, .type = &type_list, .policy = POLICY_NULL, .child_count = 1, .children = element_fields},
    {.name = "b", .op = COPY_INT32, .type = &type_int},
};
static const copy_field pair_fields[] = {{.name = "key", .op = COPY_TEXT, .type = &type_text, .required = true},
                                         {.name = "value", .op = COPY_TEXT, .type = &type_text}};
static const copy_field fields[] = {
    {.name = "c", .op = COPY_INT32, .type = &type_int},
    {.name = "c", .op = COPY_INT64, .type = &type_large},
    {.name = "c", .op = COPY_BOOL, .type = &type_bool},
    {.name = "c", .op = COPY_FLOAT32, .type = &type_float},
    {.name = "c", .op = COPY_FLOAT64, .type = &type_double},
    {.name = "c", .op = COPY_DECIMAL64, .type = &type_short, .policy = POLICY_ROUND},
    {.name = "c", .op = COPY_DECIMAL128, .type = &type_decimal, .policy = POLICY_CLAMP},
    {.name = "c", .op = COPY_NUMERIC_DOUBLE, .type = &type_double, .policy = POLICY_CLAMP},
    {.name = "c", .op = COPY_DATE, .type = &type_date, .policy = POLICY_CLAMP},
    {.name = "c", .op = COPY_TIME, .type = &type_time},
    {.name = "c", .op = COPY_TIME_TEXT, .type = &type_text},
    {.name = "c", .op = COPY_TIMESTAMP, .type = &type_tz, .policy = POLICY_NULL},
    {.name = "c", .op = COPY_TEXT_VERIFY, .type = &type_text, .policy = POLICY_CLAMP},
    {.name = "c", .op = COPY_BYTES, .type = &type_bytes},
    {.name = "c", .op = COPY_JSONB, .type = &type_text, .verify_utf8 = true, .policy = POLICY_CLAMP},
    {.name = "c", .op = COPY_CHAR, .type = &type_text},
    {.name = "c", .op = COPY_INET, .type = &type_text},
    {.name = "c", .op = COPY_UUID, .type = &type_uuid},
    {.name = "c", .op = COPY_LIST, .type = &type_list, .policy = POLICY_NULL, .child_count = 1, .children = element_fields},
    {.name = "c", .op = COPY_STRUCT, .type = &type_struct, .child_count = 2, .children = part_fields},
    {.name = "c", .op = COPY_HSTORE, .type = &type_map, .child_count = 2, .children = pair_fields},
};

/* data[0]: the type; the rest: the text, of the first and, behind a row that may have failed, of a second row. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const change_column column = {.name = "c", .typmod = -1};
    static const unsigned      key[] = {0};
    change_relation            relation = {.schema = "s", .name = "t", .column_count = 1, .columns = &column, .ref_count = 1};
    firn_error                 err = {0};
    table_schema              *schema;
    row_decoder               *decoder;
    batch                      b = {0};

    if (size == 0 || size > 1 << 16) return 0;
    const copy_field *field = &fields[data[0] % FIRN_COUNT(fields)];
    schema_field      only = {.name = "c", .type = field->type};
    if (schema_new(0, &only, 1, NULL, 0, true, &schema, &err)) abort();
    copy_layout layout = {.schema = schema, .fields = field, .field_count = 1, .key_columns = key, .key_count = 1,
                          .qualified_name = "s.t", .table_name = "t"};
    if (tuple_decoder_new(&layout, &relation, &decoder, &err)) abort();

    uint8_t *bytes = malloc(size + 4);
    if (!bytes) abort();
    bytes[0] = TUPLE_TEXT;
    store_be32(bytes + 1, (uint32_t) (size - 1));
    if (size > 1) memcpy(bytes + 5, data + 1, size - 1);
    change_tuple tuple = {.bytes = firn_slice_of(bytes, size + 4), .column_count = 1};
    size_t       rows = 0;
    for (int i = 0; i < 2; i++) {
        firn_error failed = {0};
        if (!row_decoder_append(decoder, &tuple, &failed)) rows++;
    }
    if (row_decoder_take(decoder, &b, &err) || (size_t) batch_row_count(&b) != rows) abort();
    batch_done(&b);
    row_decoder_free(decoder);
    schema_unref(schema);
    free(bytes);
    return 0;
}
