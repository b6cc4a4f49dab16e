#include "batch/row_checksum.h"

#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/decimal.h"
#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Rows at a time: their sums stay in the first level cache while the columns pass. */
#define BLOCK_ROWS 512

/* A value becomes 64 bits by its meaning ("image"), and is mixed into its row with the key of its place. */
#define NULL_IMAGE UINT64_C(0x9ae16a3b2f90404f)
#define NAN_IMAGE UINT64_C(0x7ff8000000000000)

typedef struct place_key {
    uint64_t mask, factor;
} place_key;

static inline place_key
key_of_place(uint64_t place)
{
    return (place_key){firn_hash_u64(2 * place + 1), firn_hash_u64(2 * place + 2) | 1};
}

/* One wide multiplication; its upper half makes it nonlinear, so that differences in two columns do not cancel. */
static inline uint64_t
mix(uint64_t image, place_key key)
{
    return firn_hash_fold(image ^ key.mask, key.factor);
}

/* A 128-bit value that fits 64 bits counts as these. */
static uint64_t
image_of_i128(int128 value)
{
    int64_t low = (int64_t) (uint64_t) value;

    if ((int128) low == value) return (uint64_t) low;
    return firn_hash_u64((uint64_t) ((uint128) value >> 64) ^ firn_hash_u64((uint64_t) low));
}

static inline uint64_t
image_of_double(double value)
{
    return __builtin_isnan(value) ? NAN_IMAGE : bits_of_double(value);
}

static inline bool
value_is_null(const struct ArrowArray *column, int64_t at)
{
    return column->n_buffers > 0 && column->buffers[0] && !bitmap_get(column->buffers[0], (size_t) at);
}

static uint64_t value_image(const data_type *type, const struct ArrowArray *column, int64_t row);

static uint64_t
struct_image(const data_type *type, const struct ArrowArray *column, int64_t row)
{
    uint64_t sum = 1;

    for (unsigned i = 0; i < type->field_count; i++)
        sum += mix(value_image(type->fields[i].type, column->children[i], column->offset + row), key_of_place(i));
    return firn_hash_u64(sum);
}

static uint64_t
list_image(const data_type *type, const struct ArrowArray *column, int64_t row)
{
    const int32_t *offsets = (const int32_t *) column->buffers[1] + column->offset + row;
    uint64_t       state = (uint64_t) (offsets[1] - offsets[0]) + 1;

    for (int32_t i = offsets[0]; i < offsets[1]; i++)
        state = firn_hash_u64(state + mix(value_image(type->fields[0].type, column->children[0], i), key_of_place(0)));
    return firn_hash_u64(state);
}

static uint64_t
map_image(const data_type *type, const struct ArrowArray *column, int64_t row)
{
    const int32_t           *offsets = (const int32_t *) column->buffers[1] + column->offset + row;
    const struct ArrowArray *entries = column->children[0];
    uint64_t                 sum = (uint64_t) (offsets[1] - offsets[0]) + 1;

    for (int32_t i = offsets[0]; i < offsets[1]; i++) {
        uint64_t key = value_image(type->fields[0].type, entries->children[0], entries->offset + i);
        uint64_t value = value_image(type->fields[1].type, entries->children[1], entries->offset + i);
        sum += firn_hash_u64(mix(key, key_of_place(0)) + mix(value, key_of_place(1)));
    }
    return firn_hash_u64(sum);
}

static uint64_t
bytes_image(const struct ArrowArray *column, int64_t at)
{
    const int32_t *offsets = (const int32_t *) column->buffers[1] + at;
    size_t         size = (size_t) (offsets[1] - offsets[0]);

    return firn_hash_bytes(size ? (const uint8_t *) column->buffers[2] + offsets[0] : NULL, size);
}

static uint64_t
decimal_image(const data_type *type, const struct ArrowArray *column, int64_t at)
{
    int128 value;

    if (type->precision <= 9) return (uint64_t) ((const int32_t *) column->buffers[1])[at];
    if (type->precision <= 18) return (uint64_t) ((const int64_t *) column->buffers[1])[at];
    memcpy(&value, (const uint8_t *) column->buffers[1] + at * (int64_t) sizeof value, sizeof value);
    return image_of_i128(value);
}

/* `row` counts without the column's own offset. */
static uint64_t
value_image(const data_type *type, const struct ArrowArray *column, int64_t row)
{
    int64_t at = column->offset + row;

    if (value_is_null(column, at)) return NULL_IMAGE;
    switch (type->kind) {
    case TYPE_BOOLEAN:
        return bitmap_get(column->buffers[1], (size_t) at);
    case TYPE_INT:
    case TYPE_DATE:
        return (uint64_t) ((const int32_t *) column->buffers[1])[at];
    case TYPE_LONG:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return (uint64_t) ((const int64_t *) column->buffers[1])[at];
    case TYPE_FLOAT:
        return image_of_double((double) ((const float *) column->buffers[1])[at]);
    case TYPE_DOUBLE:
        return image_of_double(((const double *) column->buffers[1])[at]);
    case TYPE_DECIMAL:
        return decimal_image(type, column, at);
    case TYPE_STRING:
    case TYPE_BINARY:
        return bytes_image(column, at);
    case TYPE_UUID:
    case TYPE_FIXED: {
        unsigned size = data_type_value_size(type);
        return firn_hash_bytes((const uint8_t *) column->buffers[1] + at * (int64_t) size, size);
    }
    case TYPE_STRUCT:
        return struct_image(type, column, row);
    case TYPE_LIST:
        return list_image(type, column, row);
    case TYPE_MAP:
        return map_image(type, column, row);
    }
    return 0;
}

/* ---- hot loops; budget 2 ns a value ---- */

/* All ones where the value is there, else zero. */
static inline uint64_t
mask_of_valid(const uint8_t *valid, int64_t at)
{
    bool is_there = bitmap_get(valid, (size_t) at);

    return UINT64_C(0) - is_there;
}

static void
add_i32(const int32_t *restrict values, int64_t count, place_key key, uint64_t *restrict rows)
{
    for (int64_t i = 0; i < count; i++) rows[i] += mix((uint64_t) values[i], key);
}

static void
add_i64(const int64_t *restrict values, int64_t count, place_key key, uint64_t *restrict rows)
{
    for (int64_t i = 0; i < count; i++) rows[i] += mix((uint64_t) values[i], key);
}

static void
add_nullable_i32(const int32_t *restrict values, const uint8_t *restrict valid, int64_t at, int64_t count,
                 place_key key, uint64_t *restrict rows)
{
    for (int64_t i = 0; i < count; i++) {
        uint64_t mask = mask_of_valid(valid, at + i);
        rows[i] += mix(((uint64_t) values[i] & mask) | (NULL_IMAGE & ~mask), key);
    }
}

static void
add_nullable_i64(const int64_t *restrict values, const uint8_t *restrict valid, int64_t at, int64_t count,
                 place_key key, uint64_t *restrict rows)
{
    for (int64_t i = 0; i < count; i++) {
        uint64_t mask = mask_of_valid(valid, at + i);
        rows[i] += mix(((uint64_t) values[i] & mask) | (NULL_IMAGE & ~mask), key);
    }
}

static void
add_bytes(const int32_t *restrict offsets, const uint8_t *restrict bytes, int64_t count, place_key key,
          uint64_t *restrict rows)
{
    for (int64_t i = 0; i < count; i++)
        rows[i] += mix(firn_hash_bytes(bytes + offsets[i], (size_t) (offsets[i + 1] - offsets[i])), key);
}

static void
add_nullable_bytes(const int32_t *restrict offsets, const uint8_t *restrict bytes, const uint8_t *restrict valid,
                   int64_t at, int64_t count, place_key key, uint64_t *restrict rows)
{
    for (int64_t i = 0; i < count; i++) {
        uint64_t mask = mask_of_valid(valid, at + i);
        /* Hashed also where it is null: a branch by the bit would be mispredicted, and a null is short. */
        uint64_t image = firn_hash_bytes(bytes + offsets[i], (size_t) (offsets[i + 1] - offsets[i]));
        rows[i] += mix((image & mask) | (NULL_IMAGE & ~mask), key);
    }
}

/* The width of values that are integers: 4, 8, or 0 for all else. */
static unsigned
integer_size(const data_type *type)
{
    unsigned size = data_type_value_size(type);
    bool     other = type->kind == TYPE_FLOAT || type->kind == TYPE_DOUBLE || type->kind == TYPE_FIXED;

    return !other && (size == 4 || size == 8) ? size : 0;
}

static void
add_column(const data_type *type, const struct ArrowArray *column, int64_t from, int64_t count, place_key key,
           uint64_t *rows)
{
    const uint8_t *valid = column->null_count == 0 || column->n_buffers < 1 ? NULL : column->buffers[0];
    int64_t        at = column->offset + from;
    unsigned       size = integer_size(type);
    bool           bytes = (type->kind == TYPE_STRING || type->kind == TYPE_BINARY) && column->buffers[2];

    if (size == 4 && !valid) add_i32((const int32_t *) column->buffers[1] + at, count, key, rows);
    else if (size == 4)
        add_nullable_i32((const int32_t *) column->buffers[1] + at, valid, at, count, key, rows);
    else if (size == 8 && !valid)
        add_i64((const int64_t *) column->buffers[1] + at, count, key, rows);
    else if (size == 8)
        add_nullable_i64((const int64_t *) column->buffers[1] + at, valid, at, count, key, rows);
    else if (bytes && !valid)
        add_bytes((const int32_t *) column->buffers[1] + at, column->buffers[2], count, key, rows);
    else if (bytes)
        add_nullable_bytes((const int32_t *) column->buffers[1] + at, column->buffers[2], valid, at, count, key, rows);
    else
        for (int64_t i = 0; i < count; i++) rows[i] += mix(value_image(type, column, from + i), key);
}

void
row_checksum_add(row_checksum *checksum, const table_schema *schema, const struct ArrowArray *rows)
{
    uint64_t sums[BLOCK_ROWS];
    uint64_t total = 0;

    for (int64_t from = 0; from < rows->length; from += BLOCK_ROWS) {
        int64_t count = rows->length - from < BLOCK_ROWS ? rows->length - from : BLOCK_ROWS;

        memset(sums, 0, (size_t) count * sizeof *sums);
        for (unsigned i = 0; i < schema->field_count; i++)
            add_column(schema->fields[i].type, rows->children[i], rows->offset + from, count, key_of_place(i), sums);
        for (int64_t i = 0; i < count; i++) total += firn_hash_u64(sums[i]);
    }
    checksum->sum += total;
    checksum->row_count += (uint64_t) rows->length;
}

void
row_hashes(const table_schema *schema, const struct ArrowArray *rows, const unsigned columns[], unsigned column_count,
           uint64_t hashes[])
{
    for (int64_t from = 0; from < rows->length; from += BLOCK_ROWS) {
        int64_t   count = rows->length - from < BLOCK_ROWS ? rows->length - from : BLOCK_ROWS;
        uint64_t *sums = hashes + from;

        memset(sums, 0, (size_t) count * sizeof *sums);
        for (unsigned k = 0; k < column_count; k++)
            add_column(schema->fields[columns[k]].type, rows->children[columns[k]], rows->offset + from, count,
                       key_of_place(k), sums);
        for (int64_t i = 0; i < count; i++) sums[i] = firn_hash_u64(sums[i]);
    }
}

void
row_checksum_format(const row_checksum *checksum, char out[ROW_CHECKSUM_TEXT_MAX])
{
    (void) snprintf(out, ROW_CHECKSUM_TEXT_MAX, "%d:%" PRIu64 ":%016" PRIx64, ROW_CHECKSUM_VERSION, checksum->row_count,
                    checksum->sum);
}
