#include "batch/column_copy.h"

#include "base/bitmap.h"

#include <string.h>

static bool
is_null(const struct ArrowArray *array, int64_t row)
{
    return array->null_count != 0 && array->n_buffers > 0 && array->buffers[0] &&
           !bitmap_get(array->buffers[0], (size_t) (array->offset + row));
}

static firn_status
add_decimal(column_builder *b, const data_type *type, const uint8_t *values, int64_t at, firn_error *err)
{
    unsigned size = data_type_value_size(type);
    int32_t  small;
    int64_t  middle;
    int128   large;

    if (size == sizeof small) {
        memcpy(&small, values + at * (int64_t) size, sizeof small);
        return column_add_i64(b, small, err);
    }
    if (size == sizeof middle) {
        memcpy(&middle, values + at * (int64_t) size, sizeof middle);
        return column_add_i64(b, middle, err);
    }
    memcpy(&large, values + at * (int64_t) size, sizeof large);
    return column_add_decimal(b, large, err);
}

static firn_status
add_number(column_builder *b, const data_type *type, const uint8_t *values, int64_t at, firn_error *err)
{
    unsigned size = data_type_value_size(type);
    int32_t  small;
    int64_t  large;

    if (size == sizeof small) {
        memcpy(&small, values + at * 4, sizeof small);
        return column_add_i64(b, small, err);
    }
    memcpy(&large, values + at * 8, sizeof large);
    return column_add_i64(b, large, err);
}

static firn_status
add_real(column_builder *b, type_kind kind, const uint8_t *values, int64_t at, firn_error *err)
{
    float  single;
    double wide;

    if (kind == TYPE_FLOAT) {
        memcpy(&single, values + at * 4, sizeof single);
        return column_add_double(b, (double) single, err);
    }
    memcpy(&wide, values + at * 8, sizeof wide);
    return column_add_double(b, wide, err);
}

/* Children of a list or map are those between two offsets; a struct's are the row itself. */
static firn_status
add_nested(column_builder *b, const data_type *type, const struct ArrowArray *array, int64_t at, firn_error *err)
{
    const int32_t *offsets = type->kind == TYPE_STRUCT ? NULL : array->buffers[1];
    int64_t        from = offsets ? offsets[at] : at, to = offsets ? offsets[at + 1] : at + 1;

    for (int64_t row = from; row < to; row++) {
        for (unsigned f = 0; f < type->field_count; f++) {
            const struct ArrowArray *child = type->kind == TYPE_MAP ? array->children[0]->children[f] : array->children[f];
            int64_t shift = type->kind == TYPE_MAP ? array->children[0]->offset : 0;

            FIRN_TRY(column_add_from(column_child(b, f), type->fields[f].type, child, row + shift, err));
        }
    }
    return column_end(b, err);
}

firn_status
column_add_from(column_builder *b, const data_type *type, const struct ArrowArray *array, int64_t row, firn_error *err)
{
    int64_t        at = array->offset + row;
    const uint8_t *values;

    if (is_null(array, row)) return column_add_null(b, err);
    if (type_is_nested(type->kind)) return add_nested(b, type, array, at, err);
    values = array->buffers[1];
    switch (type->kind) {
    case TYPE_BOOLEAN:
        return column_add_bool(b, bitmap_get(values, (size_t) at), err);
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return add_real(b, type->kind, values, at, err);
    case TYPE_DECIMAL:
        return add_decimal(b, type, values, at, err);
    case TYPE_STRING:
    case TYPE_BINARY: {
        const int32_t *offsets = (const int32_t *) (const void *) values;
        const uint8_t *data = array->buffers[2];
        size_t         size = (size_t) (offsets[at + 1] - offsets[at]);
        return column_add_bytes(b, firn_slice_of(size ? data + offsets[at] : (const uint8_t *) "", size), err);
    }
    case TYPE_UUID:
    case TYPE_FIXED: {
        unsigned size = data_type_value_size(type);
        return column_add_bytes(b, firn_slice_of(values + at * (int64_t) size, size), err);
    }
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
    return add_number(b, type, values, at, err);
}
