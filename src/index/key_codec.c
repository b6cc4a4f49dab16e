#include "index/key_codec.h"

#include <math.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/decimal.h"
#include "base/hash.h"

#define EACH_BYTES_MAX 64 /* forms of one size up to here are made for SOME_ROWS at a time */
#define SOME_ROWS 128

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

/* ---- values of a fixed size ---- */

static void
store_integer(int64_t value, uint8_t *out)
{
    store_be64(out, (uint64_t) value ^ UINT64_C(1) << 63);
}

static void
store_double(double value, uint8_t *out)
{
    uint64_t bits = isnan(value) ? bits_of_double((double) NAN) & INT64_MAX : bits_of_double(value + 0.0);

    if (fpclassify(value) == FP_ZERO) bits = 0;
    store_be64(out, bits >> 63 ? ~bits : bits ^ UINT64_C(1) << 63);
}

static void
store_decimal(int128 value, uint8_t *out)
{
    store_be64(out, (uint64_t) ((uint128) value >> 64) ^ UINT64_C(1) << 63);
    store_be64(out + 8, (uint64_t) (uint128) value);
}

/* Of the form of a value that is not null, less the byte that says so; 0: it varies. */
static size_t
fixed_bytes(const data_type *type)
{
    switch (type->kind) {
    case TYPE_BOOLEAN: return 1;
    case TYPE_INT:
    case TYPE_DATE:
    case TYPE_LONG:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
    case TYPE_FLOAT:
    case TYPE_DOUBLE: return 8;
    case TYPE_DECIMAL: return 16;
    case TYPE_UUID:
    case TYPE_FIXED: return data_type_value_size(type);
    case TYPE_STRING:
    case TYPE_BINARY:
    case TYPE_LIST:
    case TYPE_MAP:
    case TYPE_STRUCT: break;
    }
    return 0;
}

static void
store_fixed(const data_type *type, const void *values, size_t at, uint8_t *out)
{
    switch (type->kind) {
    case TYPE_BOOLEAN: *out = bitmap_get(values, at); return;
    case TYPE_INT:
    case TYPE_DATE: store_integer(((const int32_t *) values)[at], out); return;
    case TYPE_LONG:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ: store_integer(((const int64_t *) values)[at], out); return;
    case TYPE_FLOAT: store_double((double) ((const float *) values)[at], out); return;
    case TYPE_DOUBLE: store_double(((const double *) values)[at], out); return;
    case TYPE_DECIMAL:
        store_decimal(type->precision <= 9    ? ((const int32_t *) values)[at]
                      : type->precision <= 18 ? ((const int64_t *) values)[at]
                                              : ((const int128 *) values)[at],
                      out);
        return;
    case TYPE_UUID:
    case TYPE_FIXED: {
        size_t size = data_type_value_size(type);
        memcpy(out, (const uint8_t *) values + at * size, size);
        return;
    }
    case TYPE_STRING:
    case TYPE_BINARY:
    case TYPE_LIST:
    case TYPE_MAP:
    case TYPE_STRUCT: break;
    }
    assert(false);
}

/* ---- a row ---- */

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
    const int32_t *offsets = array->n_buffers > 1 ? array->buffers[1] : NULL;
    size_t         fixed = fixed_bytes(type);
    bool           has = array->null_count == 0 || !array->buffers[0] ||
               bitmap_get(array->buffers[0], (size_t) (row + array->offset));

    row += array->offset;
    FIRN_TRY(firn_buffer_add_byte(out, has, err));
    if (!has) return FIRN_OK;
    if (fixed) {
        FIRN_TRY(firn_buffer_reserve(out, fixed, err));
        store_fixed(type, array->buffers[1], (size_t) row, out->data + out->size);
        out->size += fixed;
        return FIRN_OK;
    }
    if (type->kind == TYPE_STRING || type->kind == TYPE_BINARY)
        return add_text((const uint8_t *) array->buffers[2] + offsets[row], (size_t) (offsets[row + 1] - offsets[row]),
                        out, err);
    if (type->kind == TYPE_LIST || type->kind == TYPE_MAP) return add_elements(type, array, row, out, err);
    for (unsigned i = 0; i < type->field_count; i++)
        FIRN_TRY(add_value(type->fields[i].type, array->children[i], row, out, err));
    return FIRN_OK;
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

/* ---- many rows ---- */

/* Of each row's form, where it is the same for all of them and small; 0 otherwise. */
static size_t
bytes_of_each(const key_codec *codec, const struct ArrowArray *rows)
{
    size_t size = 0;

    for (unsigned i = 0; i < codec->column_count; i++) {
        const struct ArrowArray *column = rows->children[codec->columns[i]];
        size_t                   fixed = fixed_bytes(codec->schema->fields[codec->columns[i]].type);

        if (fixed == 0 || (column->null_count != 0 && column->buffers[0])) return 0;
        size += 1 + fixed;
        if (size > EACH_BYTES_MAX) return 0;
    }
    return size;
}

/* Column by column, some rows at a time. */
static void
hash_fixed(const key_codec *codec, const key_seed *seed, const struct ArrowArray *rows, size_t size, key_hash ret_hashes[])
{
    uint8_t bytes[SOME_ROWS * EACH_BYTES_MAX];

    for (size_t row = 0, all = (size_t) rows->length; row < all; row += SOME_ROWS) {
        size_t   count = all - row < SOME_ROWS ? all - row : SOME_ROWS;
        uint8_t *out = bytes;

        for (unsigned i = 0; i < codec->column_count; i++) {
            const data_type         *type = codec->schema->fields[codec->columns[i]].type;
            const struct ArrowArray *column = rows->children[codec->columns[i]];
            size_t                   from = row + (size_t) (rows->offset + column->offset);

            for (size_t k = 0; k < count; k++) {
                out[k * size] = 1;
                store_fixed(type, column->buffers[1], from + k, out + k * size + 1);
            }
            out += 1 + fixed_bytes(type);
        }
        key_hash_each(seed, bytes, size, count, ret_hashes + row);
    }
}

firn_status
key_codec_hash(const key_codec *codec, const key_seed *seed, const struct ArrowArray *rows, key_hash ret_hashes[],
               firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer bytes = {0};
    size_t size = bytes_of_each(codec, rows);

    if (size > 0) {
        hash_fixed(codec, seed, rows, size, ret_hashes);
        return FIRN_OK;
    }
    firn_buffer_init(&bytes, KEY_BYTES_MAX);
    for (int64_t row = 0; row < rows->length; row++) {
        firn_buffer_reset(&bytes);
        FIRN_TRY(key_codec_encode(codec, rows, row, &bytes, err));
        ret_hashes[row] = key_hash_of(seed, firn_buffer_slice(&bytes));
    }
    return FIRN_OK;
}
