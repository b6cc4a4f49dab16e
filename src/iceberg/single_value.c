#include "iceberg/single_value.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/calendar.h"
#include "base/uuid.h"
#include "batch/schema.h"

#define DECIMAL_BYTES_MAX 16

static firn_status
fail_size(const data_type *type, firn_slice bytes, firn_error *err)
{
    return firn_fail(err, FIRN_E_ICEBERG_METADATA, "a bound or partition value of type %d has %zu bytes",
                     (int) type->kind, bytes.size);
}

/* 4 or 8 bytes: of a column that was an int before it became a long. */
static bool
decode_integer(firn_slice bytes, size_t wanted, int64_t *ret_value)
{
    if (bytes.size != wanted && !(wanted == 8 && bytes.size == 4)) return false;
    *ret_value = bytes.size == 4 ? (int32_t) load_le32(bytes.data) : (int64_t) load_le64(bytes.data);
    return true;
}

static bool
decode_real(firn_slice bytes, size_t wanted, double *ret_value)
{
    if (bytes.size != wanted && !(wanted == 8 && bytes.size == 4)) return false;
    *ret_value = bytes.size == 4 ? (double) float_of_bits(load_le32(bytes.data)) : double_of_bits(load_le64(bytes.data));
    return true;
}

static bool
decode_decimal(firn_slice bytes, int128 *ret_value)
{
    // other writers may leave more sign bytes than needed
    while (bytes.size > DECIMAL_BYTES_MAX && (bytes.data[0] == 0 || bytes.data[0] == 0xff) &&
           (bytes.data[0] ^ bytes.data[1]) < 0x80) {
        bytes.data++;
        bytes.size--;
    }
    if (bytes.size == 0 || bytes.size > DECIMAL_BYTES_MAX) return false;
    *ret_value = decimal_load_be(bytes.data, bytes.size);
    return true;
}

firn_status
single_value_decode(const data_type *type, firn_slice bytes, single_value *ret_value, firn_error *err)
{
    single_value v = {.is_null = bytes.data == NULL};
    bool         fits = true;

    if (v.is_null) {
        *ret_value = v;
        return FIRN_OK;
    }
    switch (type->kind) {
    case TYPE_BOOLEAN:
        fits = bytes.size == 1;
        if (fits) v.integer = bytes.data[0] != 0;
        break;
    case TYPE_INT:
    case TYPE_DATE:
        fits = decode_integer(bytes, 4, &v.integer);
        break;
    case TYPE_LONG:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        fits = decode_integer(bytes, 8, &v.integer);
        break;
    case TYPE_FLOAT:
        fits = decode_real(bytes, 4, &v.real);
        break;
    case TYPE_DOUBLE:
        fits = decode_real(bytes, 8, &v.real);
        break;
    case TYPE_DECIMAL:
        fits = decode_decimal(bytes, &v.decimal);
        break;
    case TYPE_UUID:
        fits = bytes.size == 16;
        v.bytes = bytes;
        break;
    case TYPE_STRING:
    case TYPE_FIXED: // bounds may be cut, so any size
    case TYPE_BINARY:
        v.bytes = bytes;
        break;
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP:
        fits = false;
    }
    if (!fits) return fail_size(type, bytes, err);
    *ret_value = v;
    return FIRN_OK;
}

firn_status
single_value_encode(const data_type *type, const single_value *value, firn_buffer *out, firn_error *err)
{
    uint8_t  bytes[DECIMAL_BYTES_MAX];
    unsigned size;

    if (value->is_null) return FIRN_OK;
    switch (type->kind) {
    case TYPE_BOOLEAN:
        return firn_buffer_add_byte(out, value->integer != 0, err);
    case TYPE_INT:
    case TYPE_DATE:
        store_le32(bytes, (uint32_t) value->integer);
        return firn_buffer_add(out, bytes, 4, err);
    case TYPE_LONG:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        store_le64(bytes, (uint64_t) value->integer);
        return firn_buffer_add(out, bytes, 8, err);
    case TYPE_FLOAT:
        store_le32(bytes, bits_of_float((float) value->real));
        return firn_buffer_add(out, bytes, 4, err);
    case TYPE_DOUBLE:
        store_le64(bytes, bits_of_double(value->real));
        return firn_buffer_add(out, bytes, 8, err);
    case TYPE_DECIMAL:
        size = decimal_size_min(value->decimal);
        decimal_store_be(value->decimal, bytes, size);
        return firn_buffer_add(out, bytes, size, err);
    case TYPE_STRING:
    case TYPE_UUID:
    case TYPE_FIXED:
    case TYPE_BINARY:
        return firn_buffer_add(out, value->bytes.data, value->bytes.size, err);
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP:
        break;
    }
    return firn_fail(err, FIRN_E_BUG, "a nested type has no single value");
}

firn_status
single_value_new(const data_type *type, const single_value *value, firn_arena *arena, firn_slice *ret_bytes,
                 firn_error *err)
{
    uint8_t     small[DECIMAL_BYTES_MAX];
    firn_buffer out = {small, 0, sizeof small, sizeof small}; // never grows: only texts and bytes are longer
    firn_slice  bytes = value->bytes;

    if (value->is_null) {
        *ret_bytes = firn_slice_of(NULL, 0);
        return FIRN_OK;
    }
    if (type->kind != TYPE_STRING && type->kind != TYPE_FIXED && type->kind != TYPE_BINARY && type->kind != TYPE_UUID) {
        FIRN_TRY(single_value_encode(type, value, &out, err));
        bytes = firn_buffer_slice(&out);
    }

    uint8_t *copy = firn_arena_alloc(arena, bytes.size ? bytes.size : 1);

    if (!copy) return firn_fail_memory(err, "a value");
    if (bytes.size > 0) memcpy(copy, bytes.data, bytes.size);
    *ret_bytes = firn_slice_of(copy, bytes.size);
    return FIRN_OK;
}

static int
compare_real(double a, double b)
{
    if (isnan(a) || isnan(b)) return (isnan(a) != 0) - (isnan(b) != 0);
    if (a < b) return -1;
    if (a > b) return 1;
    return (signbit(b) != 0) - (signbit(a) != 0); // -0.0 is the lesser zero
}

static int
compare_bytes(firn_slice a, firn_slice b)
{
    size_t common = a.size < b.size ? a.size : b.size;
    int    order = common ? memcmp(a.data, b.data, common) : 0;

    return order ? order : (a.size > b.size) - (a.size < b.size);
}

int
single_value_compare(const data_type *type, const single_value *a, const single_value *b)
{
    assert(!a->is_null && !b->is_null);
    switch (type->kind) {
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return compare_real(a->real, b->real);
    case TYPE_DECIMAL:
        return (a->decimal > b->decimal) - (a->decimal < b->decimal);
    case TYPE_STRING:
    case TYPE_UUID:
    case TYPE_FIXED:
    case TYPE_BINARY:
        return compare_bytes(a->bytes, b->bytes);
    case TYPE_BOOLEAN:
    case TYPE_INT:
    case TYPE_LONG:
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP:
        break;
    }
    return (a->integer > b->integer) - (a->integer < b->integer);
}

static firn_status
format_real(double value, int digits_min, int digits_max, bool is_float, firn_buffer *out, firn_error *err)
{
    char text[40];

    for (int digits = digits_min; digits <= digits_max; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        double back = strtod(text, NULL);
        if (bits_of_double(is_float ? (double) (float) back : back) == bits_of_double(value)) break;
    }
    return firn_buffer_add_text(out, text, err);
}

static firn_status
format_bytes(firn_slice bytes, firn_buffer *out, firn_error *err)
{
    for (size_t i = 0; i < bytes.size; i++) FIRN_TRY(firn_buffer_printf(out, err, "%02x", bytes.data[i]));
    return FIRN_OK;
}

static firn_status
format_uuid(firn_slice bytes, firn_buffer *out, firn_error *err)
{
    firn_uuid uuid;
    char      text[UUID_TEXT_SIZE];

    if (bytes.size != sizeof uuid.bytes) return format_bytes(bytes, out, err);
    memcpy(uuid.bytes, bytes.data, sizeof uuid.bytes);
    uuid_format(uuid, text);
    return firn_buffer_add_text(out, text, err);
}

firn_status
single_value_format(const data_type *type, const single_value *value, firn_buffer *out, firn_error *err)
{
    char text[DECIMAL_TEXT_MAX + 64];

    if (value->is_null) return firn_buffer_add_text(out, "null", err);
    switch (type->kind) {
    case TYPE_BOOLEAN:
        return firn_buffer_add_text(out, value->integer ? "true" : "false", err);
    case TYPE_INT:
    case TYPE_LONG:
        return firn_buffer_printf(out, err, "%" PRId64, value->integer);
    case TYPE_FLOAT:
        return format_real(value->real, 6, 9, true, out, err);
    case TYPE_DOUBLE:
        return format_real(value->real, 15, 17, false, out, err);
    case TYPE_DECIMAL:
        (void) decimal_format(value->decimal, (int) type->scale, text);
        return firn_buffer_add_text(out, text, err);
    case TYPE_DATE:
        (void) calendar_format_date(value->integer, text);
        return firn_buffer_add_text(out, text, err);
    case TYPE_TIME:
        (void) calendar_format_time(value->integer, text);
        return firn_buffer_add_text(out, text, err);
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        (void) calendar_format_timestamp(value->integer, type->kind == TYPE_TIMESTAMPTZ, text);
        return firn_buffer_add_text(out, text, err);
    case TYPE_STRING:
        return firn_buffer_add(out, value->bytes.data, value->bytes.size, err);
    case TYPE_UUID:
        return format_uuid(value->bytes, out, err);
    case TYPE_FIXED:
    case TYPE_BINARY:
        return format_bytes(value->bytes, out, err);
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP:
        break;
    }
    return firn_fail(err, FIRN_E_BUG, "a nested type has no single value");
}
