#include "batch/row_checksum.h"

#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/decimal.h"
#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NULL_HASH UINT64_C(0x9ae16a3b2f90404f)
#define TRUE_HASH UINT64_C(0xc3a5c85c97cb3127)
#define FALSE_HASH UINT64_C(0xb492b66fbe98f273)
#define NAN_BITS UINT64_C(0x7ff8000000000000)

/* What a value's hash is multiplied with, by its column's place: odd, so that nothing is lost. */
static inline uint64_t
place_factor(uint64_t place)
{
    return firn_hash_u64(place + 1) | 1;
}

static inline uint64_t
hash_i64(int64_t value)
{
    return firn_hash_u64((uint64_t) value ^ UINT64_C(0x2545f4914f6cdd1d));
}

/* A 128-bit value that fits 64 bits hashes as these. */
static uint64_t
hash_i128(int128 value)
{
    int64_t low = (int64_t) (uint64_t) value;

    if ((int128) low == value) return hash_i64(low);
    return firn_hash_u64((uint64_t) ((uint128) value >> 64) ^ hash_i64(low));
}

static inline uint64_t
hash_double(double value)
{
    uint64_t bits = __builtin_isnan(value) ? NAN_BITS : bits_of_double(value);

    return firn_hash_u64(bits ^ UINT64_C(0x5851f42d4c957f2d));
}

static inline bool
value_is_null(const struct ArrowArray *column, int64_t at)
{
    return column->n_buffers > 0 && column->buffers[0] && !bitmap_get(column->buffers[0], (size_t) at);
}

static uint64_t value_hash(const data_type *type, const struct ArrowArray *column, int64_t row);

static uint64_t
struct_hash(const data_type *type, const struct ArrowArray *column, int64_t row)
{
    uint64_t sum = 1;

    for (unsigned i = 0; i < type->field_count; i++)
        sum += value_hash(type->fields[i].type, column->children[i], column->offset + row) * place_factor(i);
    return firn_hash_u64(sum);
}

static uint64_t
list_hash(const data_type *type, const struct ArrowArray *column, int64_t row)
{
    const int32_t *offsets = (const int32_t *) column->buffers[1] + column->offset + row;
    uint64_t       sum = hash_i64(offsets[1] - offsets[0]);

    for (int32_t i = offsets[0]; i < offsets[1]; i++)
        sum = firn_hash_u64(sum + value_hash(type->fields[0].type, column->children[0], i));
    return sum;
}

static uint64_t
map_hash(const data_type *type, const struct ArrowArray *column, int64_t row)
{
    const int32_t           *offsets = (const int32_t *) column->buffers[1] + column->offset + row;
    const struct ArrowArray *entries = column->children[0];
    uint64_t                 sum = hash_i64(offsets[1] - offsets[0]);

    for (int32_t i = offsets[0]; i < offsets[1]; i++) {
        uint64_t key = value_hash(type->fields[0].type, entries->children[0], entries->offset + i);
        uint64_t value = value_hash(type->fields[1].type, entries->children[1], entries->offset + i);
        sum += firn_hash_u64(key + value * place_factor(1));
    }
    return firn_hash_u64(sum);
}

static uint64_t
bytes_hash(const struct ArrowArray *column, int64_t at)
{
    const int32_t *offsets = (const int32_t *) column->buffers[1] + at;

    return firn_hash_bytes((const uint8_t *) column->buffers[2] + offsets[0], (size_t) (offsets[1] - offsets[0]));
}

static uint64_t
decimal_hash(const data_type *type, const struct ArrowArray *column, int64_t at)
{
    int128 value;

    if (type->precision <= 9) return hash_i64(((const int32_t *) column->buffers[1])[at]);
    if (type->precision <= 18) return hash_i64(((const int64_t *) column->buffers[1])[at]);
    memcpy(&value, (const uint8_t *) column->buffers[1] + at * (int64_t) sizeof value, sizeof value);
    return hash_i128(value);
}

/* `row` counts without the column's own offset. */
static uint64_t
value_hash(const data_type *type, const struct ArrowArray *column, int64_t row)
{
    int64_t at = column->offset + row;

    if (value_is_null(column, at)) return NULL_HASH;
    switch (type->kind) {
    case TYPE_BOOLEAN:
        return bitmap_get(column->buffers[1], (size_t) at) ? TRUE_HASH : FALSE_HASH;
    case TYPE_INT:
    case TYPE_DATE:
        return hash_i64(((const int32_t *) column->buffers[1])[at]);
    case TYPE_LONG:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return hash_i64(((const int64_t *) column->buffers[1])[at]);
    case TYPE_FLOAT:
        return hash_double((double) ((const float *) column->buffers[1])[at]);
    case TYPE_DOUBLE:
        return hash_double(((const double *) column->buffers[1])[at]);
    case TYPE_DECIMAL:
        return decimal_hash(type, column, at);
    case TYPE_STRING:
    case TYPE_BINARY:
        return bytes_hash(column, at);
    case TYPE_UUID:
    case TYPE_FIXED: {
        unsigned size = data_type_value_size(type);
        return firn_hash_bytes((const uint8_t *) column->buffers[1] + at * (int64_t) size, size);
    }
    case TYPE_STRUCT:
        return struct_hash(type, column, row);
    case TYPE_LIST:
        return list_hash(type, column, row);
    case TYPE_MAP:
        return map_hash(type, column, row);
    }
    return 0;
}

/* ---- hot loops: columns without nulls ---- */

static void
add_i32(const int32_t *restrict values, int64_t count, uint64_t factor, uint64_t *restrict rows)
{
    for (int64_t i = 0; i < count; i++) rows[i] += hash_i64(values[i]) * factor;
}

static void
add_i64(const int64_t *restrict values, int64_t count, uint64_t factor, uint64_t *restrict rows)
{
    for (int64_t i = 0; i < count; i++) rows[i] += hash_i64(values[i]) * factor;
}

static void
add_bytes(const int32_t *restrict offsets, const uint8_t *restrict bytes, int64_t count, uint64_t factor,
          uint64_t *restrict rows)
{
    for (int64_t i = 0; i < count; i++)
        rows[i] += firn_hash_bytes(bytes + offsets[i], (size_t) (offsets[i + 1] - offsets[i])) * factor;
}

/* What add_i32 or add_i64 can take: 4, 8, or 0. */
static unsigned
integer_size(const data_type *type)
{
    unsigned size = data_type_value_size(type);
    bool     real = type->kind == TYPE_FLOAT || type->kind == TYPE_DOUBLE || type->kind == TYPE_FIXED;

    return !real && (size == 4 || size == 8) ? size : 0;
}

static void
add_column(const data_type *type, const struct ArrowArray *column, int64_t from, int64_t count, uint64_t factor,
           uint64_t *rows)
{
    bool     valid = !column->buffers[0] || column->null_count == 0;
    int64_t  at = column->offset + from;
    unsigned size = integer_size(type);

    if (valid && size == 4) {
        add_i32((const int32_t *) column->buffers[1] + at, count, factor, rows);
    } else if (valid && size == 8) {
        add_i64((const int64_t *) column->buffers[1] + at, count, factor, rows);
    } else if (valid && (type->kind == TYPE_STRING || type->kind == TYPE_BINARY)) {
        add_bytes((const int32_t *) column->buffers[1] + at, column->buffers[2], count, factor, rows);
    } else {
        for (int64_t i = 0; i < count; i++) rows[i] += value_hash(type, column, from + i) * factor;
    }
}

firn_status
row_checksum_add(row_checksum *checksum, const table_schema *schema, const struct ArrowArray *rows,
                 firn_buffer *scratch, firn_error *err)
{
    uint64_t *sums;

    if (rows->length == 0) return FIRN_OK;
    firn_buffer_reset(scratch);
    FIRN_TRY(firn_buffer_reserve(scratch, (size_t) rows->length * sizeof *sums, err));
    sums = (uint64_t *) (void *) scratch->data;
    memset(sums, 0, (size_t) rows->length * sizeof *sums);
    for (unsigned i = 0; i < schema->field_count; i++)
        add_column(schema->fields[i].type, rows->children[i], rows->offset, rows->length, place_factor(i), sums);
    for (int64_t i = 0; i < rows->length; i++) checksum->sum += firn_hash_u64(sums[i]);
    checksum->row_count += (uint64_t) rows->length;
    return FIRN_OK;
}

void
row_checksum_format(const row_checksum *checksum, char out[ROW_CHECKSUM_TEXT_MAX])
{
    (void) snprintf(out, ROW_CHECKSUM_TEXT_MAX, "%d:%" PRIu64 ":%016" PRIx64, ROW_CHECKSUM_VERSION, checksum->row_count,
                    checksum->sum);
}
