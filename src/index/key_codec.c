#include "index/key_codec.h"

#include <math.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/decimal.h"
#include "base/hash.h"

struct key_codec {
    table_schema *schema;
    unsigned      column_count;
    unsigned     *columns; /* indexes */
};

firn_status
key_codec_new(table_schema *schema, const int32_t ids[], unsigned id_count, key_codec **ret_codec, firn_error *err)
{
    FIRN_AUTO(key_codec_freep) key_codec *codec = firn_calloc(1, sizeof *codec);
    unsigned count = id_count ? id_count : schema->field_count;

    if (!codec) return firn_fail_memory(err, "a key");
    codec->schema = schema_ref(schema);
    codec->columns = firn_calloc((size_t) count + 1, sizeof *codec->columns);
    if (!codec->columns) return firn_fail_memory(err, "a key");
    codec->column_count = count;
    for (unsigned i = 0; i < count; i++) {
        unsigned column = 0;

        while (id_count && column < schema->field_count && schema->fields[column].id != ids[i]) column++;
        if (id_count && column == schema->field_count)
            return firn_fail(err, FIRN_E_ICEBERG_UNSUPPORTED, "the key column with the field id %d is not at hand",
                             ids[i]);
        codec->columns[i] = id_count ? column : i;
    }
    *ret_codec = FIRN_STEAL(codec);
    return FIRN_OK;
}

void
key_codec_free(key_codec *codec)
{
    if (!codec) return;
    schema_unref(codec->schema);
    firn_free(codec->columns);
    firn_free(codec);
}

/* Types that one form serves are one. */
static uint64_t
add_shape(uint64_t shape, const schema_field *field)
{
    type_kind kind = field->type->kind;

    if (kind == TYPE_INT) kind = TYPE_LONG;
    if (kind == TYPE_FLOAT) kind = TYPE_DOUBLE;
    shape = firn_hash_u64(shape ^ (uint32_t) field->id) + (uint64_t) kind;
    if (kind == TYPE_DECIMAL) shape = firn_hash_u64(shape + field->type->scale);
    for (unsigned i = 0; i < field->type->field_count; i++) shape = add_shape(shape, &field->type->fields[i]);
    return firn_hash_u64(shape);
}

uint64_t
key_codec_shape(const key_codec *codec)
{
    uint64_t shape = codec->column_count;

    for (unsigned i = 0; i < codec->column_count; i++)
        shape = add_shape(shape, &codec->schema->fields[codec->columns[i]]);
    return shape;
}

static firn_status
add_integer(int64_t value, firn_buffer *out, firn_error *err)
{
    uint8_t bytes[8];

    store_be64(bytes, (uint64_t) value ^ UINT64_C(1) << 63);
    return firn_buffer_add(out, bytes, sizeof bytes, err);
}

static firn_status
add_double(double value, firn_buffer *out, firn_error *err)
{
    uint64_t bits = isnan(value) ? bits_of_double((double) NAN) & INT64_MAX : bits_of_double(value + 0.0);
    uint8_t  bytes[8];

    if (fpclassify(value) == FP_ZERO) bits = 0;
    store_be64(bytes, bits >> 63 ? ~bits : bits ^ UINT64_C(1) << 63);
    return firn_buffer_add(out, bytes, sizeof bytes, err);
}

static firn_status
add_decimal(int128 value, firn_buffer *out, firn_error *err)
{
    uint8_t bytes[16];

    store_be64(bytes, (uint64_t) ((uint128) value >> 64) ^ UINT64_C(1) << 63);
    store_be64(bytes + 8, (uint64_t) (uint128) value);
    return firn_buffer_add(out, bytes, sizeof bytes, err);
}

static firn_status
add_text(const uint8_t *bytes, size_t size, firn_buffer *out, firn_error *err)
{
    while (size > 0) {
        const uint8_t *zero = memchr(bytes, 0, size);
        size_t         part = zero ? (size_t) (zero - bytes) + 1 : size;

        FIRN_TRY(firn_buffer_add(out, bytes, part, err));
        if (zero) FIRN_TRY(firn_buffer_add_byte(out, 0xff, err));
        bytes += part;
        size -= part;
    }
    return firn_buffer_add(out, "\0", 2, err);
}

static firn_status add_value(const data_type *type, const struct ArrowArray *array, int64_t row, firn_buffer *out,
                             firn_error *err);

static firn_status
add_elements(const data_type *type, const struct ArrowArray *array, int64_t row, firn_buffer *out, firn_error *err)
{
    const int32_t           *offsets = array->buffers[1];
    const struct ArrowArray *child = array->children[0];

    for (int64_t i = offsets[row]; i < offsets[row + 1]; i++) {
        FIRN_TRY(firn_buffer_add_byte(out, 2, err));
        if (type->kind == TYPE_LIST) {
            FIRN_TRY(add_value(type->fields[0].type, child, i, out, err));
            continue;
        }
        FIRN_TRY(add_value(type->fields[0].type, child->children[0], i + child->offset, out, err));
        FIRN_TRY(add_value(type->fields[1].type, child->children[1], i + child->offset, out, err));
    }
    return firn_buffer_add_byte(out, 1, err);
}

/* `row` within the array, less its offset. */
static firn_status
add_value(const data_type *type, const struct ArrowArray *array, int64_t row, firn_buffer *out, firn_error *err)
{
    const void    *values = array->n_buffers > 1 ? array->buffers[1] : NULL;
    const int32_t *offsets = values;
    bool           has = array->null_count == 0 || !array->buffers[0] ||
               bitmap_get(array->buffers[0], (size_t) (row + array->offset));

    row += array->offset;
    FIRN_TRY(firn_buffer_add_byte(out, has, err));
    if (!has) return FIRN_OK;
    switch (type->kind) {
    case TYPE_BOOLEAN:
        return firn_buffer_add_byte(out, bitmap_get(values, (size_t) row), err);
    case TYPE_INT:
    case TYPE_DATE:
        return add_integer(((const int32_t *) values)[row], out, err);
    case TYPE_LONG:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return add_integer(((const int64_t *) values)[row], out, err);
    case TYPE_FLOAT:
        return add_double((double) ((const float *) values)[row], out, err);
    case TYPE_DOUBLE:
        return add_double(((const double *) values)[row], out, err);
    case TYPE_DECIMAL:
        if (type->precision <= 9) return add_decimal(((const int32_t *) values)[row], out, err);
        if (type->precision <= 18) return add_decimal(((const int64_t *) values)[row], out, err);
        return add_decimal(((const int128 *) values)[row], out, err);
    case TYPE_STRING:
    case TYPE_BINARY:
        return add_text((const uint8_t *) array->buffers[2] + offsets[row], (size_t) (offsets[row + 1] - offsets[row]),
                        out, err);
    case TYPE_UUID:
    case TYPE_FIXED: {
        size_t size = data_type_value_size(type);
        return firn_buffer_add(out, (const uint8_t *) values + (size_t) row * size, size, err);
    }
    case TYPE_LIST:
    case TYPE_MAP:
        return add_elements(type, array, row, out, err);
    case TYPE_STRUCT:
        for (unsigned i = 0; i < type->field_count; i++)
            FIRN_TRY(add_value(type->fields[i].type, array->children[i], row, out, err));
        return FIRN_OK;
    }
    return firn_fail(err, FIRN_E_BUG, "a key of an unknown type");
}

firn_status
key_codec_encode(const key_codec *codec, const struct ArrowArray *rows, int64_t row, firn_buffer *out, firn_error *err)
{
    for (unsigned i = 0; i < codec->column_count; i++) {
        unsigned column = codec->columns[i];

        FIRN_TRY(add_value(codec->schema->fields[column].type, rows->children[column], row + rows->offset, out, err));
    }
    return FIRN_OK;
}

firn_status
key_codec_hash(const key_codec *codec, const key_seed *seed, const struct ArrowArray *rows, key_hash ret_hashes[],
               firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer bytes = {0};

    firn_buffer_init(&bytes, KEY_BYTES_MAX);
    for (int64_t row = 0; row < rows->length; row++) {
        firn_buffer_reset(&bytes);
        FIRN_TRY(key_codec_encode(codec, rows, row, &bytes, err));
        ret_hashes[row] = key_hash_of(seed, firn_buffer_slice(&bytes));
    }
    return FIRN_OK;
}
