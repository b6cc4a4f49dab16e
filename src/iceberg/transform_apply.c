#include "iceberg/transform.h"

#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/calendar.h"
#include "base/text.h"
#include "iceberg/murmur3.h"

static uint32_t
hash_i64(int64_t value)
{
    uint8_t bytes[8];

    store_le64(bytes, (uint64_t) value);
    return murmur3_hash(bytes, sizeof bytes);
}

static uint32_t
hash_double(double value)
{
    uint64_t bits = bits_of_double(value);

    if (__builtin_isnan(value)) bits = UINT64_C(0x7ff8000000000000); // one NaN for all
    if (bits == UINT64_C(0x8000000000000000)) bits = 0;      // -0.0 is 0.0
    return hash_i64((int64_t) bits);
}

int32_t
transform_hash(const data_type *type, const single_value *value)
{
    uint8_t  bytes[16];
    unsigned size;

    switch (type->kind) {
    case TYPE_BOOLEAN:
    case TYPE_INT:
    case TYPE_LONG:
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return (int32_t) hash_i64(value->integer); // int as long, so that a promotion keeps the bucket
    case TYPE_FLOAT:
    case TYPE_DOUBLE: return (int32_t) hash_double(value->real);
    case TYPE_DECIMAL:
        size = decimal_size_min(value->decimal);
        decimal_store_be(value->decimal, bytes, size);
        return (int32_t) murmur3_hash(bytes, size);
    case TYPE_STRING:
    case TYPE_UUID:
    case TYPE_FIXED:
    case TYPE_BINARY: return (int32_t) murmur3_hash(value->bytes.data, value->bytes.size);
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP: break;
    }
    assert(!"a nested type has no hash");
    return 0;
}

static int64_t
floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static void
truncate_value(uint32_t width, const data_type *type, single_value *v)
{
    switch (type->kind) {
    case TYPE_INT:
    case TYPE_LONG: {
        int64_t rest = v->integer % width;

        if (rest < 0) rest += width;
        // Near the minimum the result leaves the type: it wraps, as the reference implementation's does.
        v->integer = (int64_t) ((uint64_t) v->integer - (uint64_t) rest);
        if (type->kind == TYPE_INT) v->integer = (int32_t) (uint32_t) (uint64_t) v->integer;
        break;
    }
    case TYPE_DECIMAL: {
        int128 rest = v->decimal % (int128) width;

        if (rest < 0) rest += width;
        v->decimal -= rest;
        break;
    }
    case TYPE_STRING: v->bytes.size = text_utf8_prefix(v->bytes.data, v->bytes.size, width); break;
    case TYPE_BINARY:
        if (v->bytes.size > width) v->bytes.size = width;
        break;
    case TYPE_BOOLEAN:
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
    case TYPE_UUID:
    case TYPE_FIXED:
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP: assert(!"a type that truncate does not take");
    }
}

static int64_t
unit_of_time(transform_kind kind, const data_type *type, int64_t value)
{
    int64_t       days = type->kind == TYPE_DATE ? value : floor_divide(value, CALENDAR_US_PER_DAY);
    calendar_date date;

    if (kind == TRANSFORM_HOUR) return floor_divide(value, CALENDAR_US_PER_DAY / 24);
    if (kind == TRANSFORM_DAY) return days;
    date = calendar_date_of_days(days);
    if (kind == TRANSFORM_YEAR) return date.year - 1970;
    return (date.year - 1970) * 12 + date.month - 1;
}

firn_status
transform_apply_decoded(transform t, const data_type *type, const single_value *value, single_value *ret_value,
                        firn_error *err)
{
    data_type    result;
    single_value v = *value;

    if (!transform_result_type(t, type, &result))
        return firn_fail(err, FIRN_E_ICEBERG_UNSUPPORTED, "a transform does not take its column's type");
    if (t.kind == TRANSFORM_VOID) v = (single_value){.is_null = true};
    if (v.is_null || t.kind == TRANSFORM_IDENTITY) {
        *ret_value = v;
        return FIRN_OK;
    }
    if (t.kind == TRANSFORM_BUCKET) {
        v = (single_value){.integer = (transform_hash(type, value) & INT32_MAX) % (int64_t) t.parameter};
    } else if (t.kind == TRANSFORM_TRUNCATE) {
        truncate_value(t.parameter, type, &v);
    } else {
        v.integer = unit_of_time(t.kind, type, v.integer);
        if (v.integer < INT32_MIN || v.integer > INT32_MAX)
            return firn_fail(err, FIRN_E_VALUE_UNREPRESENTABLE, "a time lies too far away for a partition by hour");
    }
    *ret_value = v;
    return FIRN_OK;
}

firn_status
transform_apply_value(transform t, const data_type *type, firn_slice value, firn_buffer *out, bool *ret_null,
                      firn_error *err)
{
    single_value v = {.is_null = true};
    data_type    result;

    if (!transform_result_type(t, type, &result))
        return firn_fail(err, FIRN_E_ICEBERG_UNSUPPORTED, "a transform does not take its column's type");
    if (value.data) FIRN_TRY(single_value_decode(type, value, &v, err));
    FIRN_TRY(transform_apply_decoded(t, type, &v, &v, err));
    *ret_null = v.is_null;
    return v.is_null ? FIRN_OK : single_value_encode(&result, &v, out, err);
}

/* One row of an Arrow column, as batch/schema.h lays it out. */
static single_value
value_of_row(const data_type *type, const struct ArrowArray *column, int64_t row)
{
    size_t         at = (size_t) (column->offset + row);
    const uint8_t *valid = column->buffers[0];
    const uint8_t *data = column->buffers[1];
    single_value   v = {0};

    if (valid && !bitmap_get(valid, at)) return (single_value){.is_null = true};
    switch (type->kind) {
    case TYPE_BOOLEAN: v.integer = bitmap_get(data, at); break;
    case TYPE_INT:
    case TYPE_DATE: v.integer = (int32_t) load_le32(data + at * 4); break;
    case TYPE_LONG:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ: v.integer = (int64_t) load_le64(data + at * 8); break;
    case TYPE_FLOAT: v.real = (double) float_of_bits(load_le32(data + at * 4)); break;
    case TYPE_DOUBLE: v.real = double_of_bits(load_le64(data + at * 8)); break;
    case TYPE_DECIMAL:
        if (type->precision <= 9)
            v.decimal = (int32_t) load_le32(data + at * 4);
        else if (type->precision <= 18)
            v.decimal = (int64_t) load_le64(data + at * 8);
        else
            memcpy(&v.decimal, data + at * 16, 16);
        break;
    case TYPE_STRING:
    case TYPE_BINARY: {
        const int32_t *offsets = column->buffers[1];
        const uint8_t *bytes = column->buffers[2];

        v.bytes = firn_slice_of(bytes ? bytes + offsets[at] : (const uint8_t *) "",
                                (size_t) (offsets[at + 1] - offsets[at]));
        break;
    }
    case TYPE_UUID: v.bytes = firn_slice_of(data + at * 16, 16); break;
    case TYPE_FIXED: v.bytes = firn_slice_of(data + at * type->size_bytes, type->size_bytes); break;
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP: assert(!"a nested column has no single value");
    }
    return v;
}

firn_status
transform_apply(transform t, const data_type *type, const struct ArrowArray *column, int64_t row, firn_buffer *out,
                bool *ret_null, firn_error *err)
{
    single_value v;
    data_type    result;

    if (!transform_result_type(t, type, &result))
        return firn_fail(err, FIRN_E_ICEBERG_UNSUPPORTED, "a transform does not take its column's type");
    v = value_of_row(type, column, row);
    FIRN_TRY(transform_apply_decoded(t, type, &v, &v, err));
    *ret_null = v.is_null;
    return v.is_null ? FIRN_OK : single_value_encode(&result, &v, out, err);
}
