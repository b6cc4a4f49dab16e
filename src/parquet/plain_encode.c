#include "parquet/plain_encode.h"

#include "base/bitmap.h"
#include "base/decimal.h"

/* Short values are copied as two fixed 16 bytes: both sides have that much room behind them. */
enum { COPY_SIZE = 32, LENGTH_SIZE = 4, WIDE_SIZE = 16 };

static void
copy_value(uint8_t *restrict out, const uint8_t *restrict value, size_t size, const uint8_t *end)
{
    if (FIRN_LIKELY(size <= COPY_SIZE && end - value >= COPY_SIZE)) {
        memcpy(out, value, COPY_SIZE);
    } else if (size) {
        memcpy(out, value, size);
    }
}

static size_t
encode_strings(const value_view *values, uint8_t *out)
{
    const uint8_t *bytes = values->bytes, *end = bytes + values->ends[values->count - 1];
    uint8_t       *at = out;
    for (size_t i = 0; i < values->count; i++) {
        size_t size = (size_t) (values->ends[i] - values->starts[i]);
        store_le32(at, (uint32_t) size);
        at += LENGTH_SIZE;
        copy_value(at, bytes + values->starts[i], size, end);
        at += size;
    }
    return (size_t) (at - out);
}

static size_t
encode_fixed(const value_view *values, size_t size, uint8_t *out)
{
    uint8_t *at = out;
    for (size_t i = 0; i < values->count; i++, at += size)
        memcpy(at, values->bytes + values->starts[i], size);
    return (size_t) (at - out);
}

/* Big-endian in the shortest length: the high bytes left out are copies of the sign (value_stats_fit). */
static size_t
encode_wides(const int128 *restrict values, size_t count, size_t size, uint8_t *restrict out)
{
    for (size_t i = 0; i < count; i++) {
        uint128 shifted = (uint128) values[i] << (8 * (WIDE_SIZE - size));
        store_be64(out, (uint64_t) (shifted >> 64));
        store_be64(out + 8, (uint64_t) shifted);
        out += size;
    }
    return count * size;
}

size_t
plain_size_bytes(const parquet_leaf *leaf, const value_view *values)
{
    switch (leaf->lane) {
    case LANE_BOOL:
        return values->count;
    case LANE_32:
        return values->count * 4;
    case LANE_64:
        return values->count * 8;
    case LANE_128:
        return values->count * leaf->type_length;
    case LANE_BYTES:
        break;
    }
    if (leaf->type_length) return values->count * leaf->type_length;
    size_t size = values->count * LENGTH_SIZE;
    for (size_t i = 0; i < values->count; i++)
        size += (size_t) (values->ends[i] - values->starts[i]);
    return size;
}

firn_status
plain_encode(const parquet_leaf *leaf, const value_view *values, firn_buffer *out, firn_error *err)
{
    if (values->count == 0) return FIRN_OK;
    size_t size = plain_size_bytes(leaf, values);
    FIRN_TRY(firn_buffer_reserve(out, size + COPY_SIZE, err));
    uint8_t *at = out->data + out->size;
    if (leaf->lane == LANE_128) {
        (void) encode_wides(values->fixed, values->count, leaf->type_length, at);
    } else if (leaf->lane != LANE_BYTES) {
        memcpy(at, values->fixed, size);
    } else if (leaf->type_length) {
        (void) encode_fixed(values, leaf->type_length, at);
    } else {
        (void) encode_strings(values, at);
    }
    out->size += size;
    return FIRN_OK;
}

firn_status
plain_pack_bools(firn_slice bools, firn_buffer *out, firn_error *err)
{
    size_t size = bitmap_size_bytes(bools.size), whole = bools.size / 8;
    FIRN_TRY(firn_buffer_reserve(out, size + 1, err));
    uint8_t *at = out->data + out->size;
    for (size_t i = 0; i < whole; i++) {
        /* Bit k of each byte k comes together in the highest byte of the product. */
        at[i] = (uint8_t) ((load_le64(bools.data + i * 8) * UINT64_C(0x0102040810204080)) >> 56);
    }
    if (bools.size % 8) at[whole] = 0;
    for (size_t i = whole * 8; i < bools.size; i++)
        at[whole] = (uint8_t) (at[whole] | bools.data[i] << (i % 8));
    out->size += size;
    return FIRN_OK;
}
