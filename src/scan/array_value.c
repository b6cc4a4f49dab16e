#include "scan/array_value.h"

#include "base/bytes.h"

static int128
decimal_at(const data_type *type, const struct ArrowArray *array, int64_t at)
{
    int128 wide;

    if (type->precision <= 9) return ((const int32_t *) array->buffers[1])[at];
    if (type->precision <= 18) return ((const int64_t *) array->buffers[1])[at];
    memcpy(&wide, (const uint8_t *) array->buffers[1] + at * 16, sizeof wide);
    return wide;
}

static firn_slice
bytes_at(const struct ArrowArray *array, int64_t at)
{
    const int32_t *offsets = array->buffers[1];

    return firn_slice_of((const uint8_t *) array->buffers[2] + offsets[at], (size_t) (offsets[at + 1] - offsets[at]));
}

single_value
array_value(const data_type *type, const struct ArrowArray *array, int64_t row)
{
    int64_t      at = array->offset + row;
    single_value v = {.is_null = array_is_null(array, row)};

    if (v.is_null) return v;
    switch (type->kind) {
    case TYPE_BOOLEAN:
        v.integer = bitmap_get(array->buffers[1], (size_t) at);
        break;
    case TYPE_INT:
    case TYPE_DATE:
        v.integer = ((const int32_t *) array->buffers[1])[at];
        break;
    case TYPE_LONG:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        v.integer = ((const int64_t *) array->buffers[1])[at];
        break;
    case TYPE_FLOAT:
        v.real = (double) ((const float *) array->buffers[1])[at];
        break;
    case TYPE_DOUBLE:
        v.real = ((const double *) array->buffers[1])[at];
        break;
    case TYPE_DECIMAL:
        v.decimal = decimal_at(type, array, at);
        break;
    case TYPE_STRING:
    case TYPE_BINARY:
        v.bytes = bytes_at(array, at);
        break;
    case TYPE_UUID:
        v.bytes = firn_slice_of((const uint8_t *) array->buffers[1] + at * 16, 16);
        break;
    case TYPE_FIXED:
        v.bytes = firn_slice_of((const uint8_t *) array->buffers[1] + at * (int64_t) type->size_bytes, type->size_bytes);
        break;
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP:
        assert(!"a nested type has no single value");
    }
    return v;
}
