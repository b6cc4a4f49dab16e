#include "print_batch.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/calendar.h"
#include "base/decimal.h"
#include "base/uuid.h"

void
print_json_text(const uint8_t *bytes, size_t size)
{
    putchar('"');
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '"' || bytes[i] == '\\')
            printf("\\%c", bytes[i]);
        else if (bytes[i] < 0x20)
            printf("\\u%04x", bytes[i]);
        else
            putchar(bytes[i]);
    }
    putchar('"');
}

static void
print_hex(const uint8_t *bytes, size_t size)
{
    printf("\"\\\\x");
    for (size_t i = 0; i < size; i++) printf("%02x", bytes[i]);
    putchar('"');
}

static void
print_real(double value)
{
    if (isnan(value))
        printf("\"NaN\"");
    else if (isinf(value))
        printf("\"%sInfinity\"", value < 0 ? "-" : "");
    else
        printf("%.17g", value);
}

static int32_t
offset_at(const struct ArrowArray *array, int64_t index)
{
    return (int32_t) load_le32((const uint8_t *) array->buffers[1] + 4 * index);
}

static void print_value(const data_type *type, const struct ArrowArray *array, int64_t index);

static void
print_nested(const data_type *type, const struct ArrowArray *array, int64_t index)
{
    if (type->kind == TYPE_STRUCT) {
        putchar('{');
        for (unsigned i = 0; i < type->field_count; i++) {
            if (i) printf(", ");
            print_json_text((const uint8_t *) type->fields[i].name, strlen(type->fields[i].name));
            printf(": ");
            print_value(type->fields[i].type, array->children[i], index);
        }
        putchar('}');
        return;
    }
    bool map = type->kind == TYPE_MAP;
    putchar(map ? '{' : '[');
    for (int32_t i = offset_at(array, index); i < offset_at(array, index + 1); i++) {
        if (i > offset_at(array, index)) printf(", ");
        if (map) {
            print_value(type->fields[0].type, array->children[0]->children[0], i);
            printf(": ");
            print_value(type->fields[1].type, array->children[0]->children[1], i);
        } else {
            print_value(type->fields[0].type, array->children[0], i);
        }
    }
    putchar(map ? '}' : ']');
}

static int128
decimal_at(const data_type *type, const uint8_t *values, int64_t index)
{
    if (type->precision <= 9) return (int32_t) load_le32(values + 4 * index);
    if (type->precision <= 18) return (int64_t) load_le64(values + 8 * index);
    int128 value;
    memcpy(&value, values + 16 * index, 16);
    return value;
}

static void
print_value(const data_type *type, const struct ArrowArray *array, int64_t index)
{
    const uint8_t *validity = array->buffers[0], *values = array->n_buffers > 1 ? array->buffers[1] : NULL;
    char           text[DECIMAL_TEXT_MAX + 64];

    if (validity && !bitmap_get(validity, (size_t) index)) {
        printf("null");
        return;
    }
    switch (type->kind) {
    case TYPE_BOOLEAN:
        printf("%s", bitmap_get(values, (size_t) index) ? "true" : "false");
        return;
    case TYPE_INT:
        printf("%" PRId32, (int32_t) load_le32(values + 4 * index));
        return;
    case TYPE_LONG:
        printf("%" PRId64, (int64_t) load_le64(values + 8 * index));
        return;
    case TYPE_FLOAT:
        print_real((double) float_of_bits(load_le32(values + 4 * index)));
        return;
    case TYPE_DOUBLE:
        print_real(double_of_bits(load_le64(values + 8 * index)));
        return;
    case TYPE_DECIMAL:
        decimal_format(decimal_at(type, values, index), (int) type->scale, text);
        printf("\"%s\"", text);
        return;
    case TYPE_DATE:
        calendar_format_date((int32_t) load_le32(values + 4 * index), text);
        printf("\"%s\"", text);
        return;
    case TYPE_TIME:
        calendar_format_time((int64_t) load_le64(values + 8 * index), text);
        printf("\"%s\"", text);
        return;
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        calendar_format_timestamp((int64_t) load_le64(values + 8 * index), type->kind == TYPE_TIMESTAMPTZ, text);
        printf("\"%s\"", text);
        return;
    case TYPE_UUID: {
        firn_uuid uuid;
        memcpy(uuid.bytes, values + 16 * index, 16);
        uuid_format(uuid, text);
        printf("\"%s\"", text);
        return;
    }
    case TYPE_STRING:
    case TYPE_BINARY: {
        const uint8_t *bytes = (const uint8_t *) array->buffers[2] + offset_at(array, index);
        size_t         size = (size_t) (offset_at(array, index + 1) - offset_at(array, index));
        if (type->kind == TYPE_STRING)
            print_json_text(bytes, size);
        else
            print_hex(bytes, size);
        return;
    }
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP:
        print_nested(type, array, index);
        return;
    case TYPE_FIXED:
        return;
    }
}

void
print_batch(const batch *b)
{
    for (int64_t row = 0; row < b->array.length; row++) {
        putchar('{');
        for (unsigned i = 0; i < b->schema->field_count; i++) {
            if (i) printf(", ");
            print_json_text((const uint8_t *) b->schema->fields[i].name, strlen(b->schema->fields[i].name));
            printf(": ");
            print_value(b->schema->fields[i].type, b->array.children[i], row);
        }
        printf("}\n");
    }
}
