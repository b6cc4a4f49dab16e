#include "parquet/rle_decode.h"

#include "base/bitmap.h"
#include "codec/varint.h"
#include "parquet/bit_unpack.h"

void
rle_decoder_init(rle_decoder *d, firn_slice bytes, unsigned bit_width)
{
    *d = (rle_decoder){.at = bytes.data, .end = bytes.data + bytes.size, .bit_width = bit_width};
}

static bool
next_run(rle_decoder *d)
{
    uint64_t header;
    size_t   size = varint_decode(d->at, d->end, &header);
    if (size == 0) return false;
    d->at += size;
    size_t left = (size_t) (d->end - d->at);
    if (header & 1) {
        uint64_t groups = header >> 1;
        if (groups == 0 || groups > UINT32_MAX) return false;
        uint64_t bytes = groups * d->bit_width;
        d->is_run = false;
        d->left = groups * 8;
        if (bytes > left) {
            /* Some writers leave the padding of the last group out. */
            d->left = (uint64_t) left * 8 / d->bit_width;
            bytes = left;
            if (d->left == 0) return false;
        }
        d->packed = d->at;
        d->packed_next = 0;
        d->at += bytes;
        return true;
    }
    unsigned value_size = (d->bit_width + 7) / 8;
    if (left < value_size || header >> 1 == 0) return false;
    d->is_run = true;
    d->left = header >> 1;
    d->value = 0;
    for (unsigned i = 0; i < value_size; i++)
        d->value |= (uint32_t) d->at[i] << (8 * i);
    if (d->bit_width < 32 && d->value >> d->bit_width) return false;
    d->at += value_size;
    return true;
}

bool
rle_next(rle_decoder *d, size_t count_max, uint32_t out[RLE_SEGMENT_MAX], rle_segment *ret_segment)
{
    if (d->left == 0 && !next_run(d)) return false;
    size_t count = count_max < d->left ? count_max : (size_t) d->left;
    if (!d->is_run) {
        if (count > RLE_SEGMENT_MAX) count = RLE_SEGMENT_MAX;
        bit_unpack_u32(d->packed, d->end, d->bit_width, d->packed_next, count, out);
        d->packed_next += count;
    }
    d->left -= count;
    *ret_segment = (rle_segment){count, d->is_run, d->value};
    return true;
}

bool
rle_decode_u8(rle_decoder *d, size_t count, uint8_t *out)
{
    while (count > 0) {
        if (d->left == 0 && !next_run(d)) return false;
        size_t take = count < d->left ? count : (size_t) d->left;
        if (d->is_run) {
            memset(out, (int) d->value, take);
        } else {
            bit_unpack_u8(d->packed, d->end, d->bit_width, d->packed_next, take, out);
            d->packed_next += take;
        }
        d->left -= take;
        out += take;
        count -= take;
    }
    return true;
}

void
bits_fill(uint8_t *bits, size_t first, size_t count, bool value)
{
    size_t end = first + count;
    while (first < end && (first & 7)) {
        if (value) {
            bitmap_set(bits, first);
        } else {
            bitmap_clear(bits, first);
        }
        first++;
    }
    size_t whole = (end - first) / 8;
    if (whole > 0) memset(bits + first / 8, value ? 0xff : 0, whole);
    for (first += whole * 8; first < end; first++) {
        if (value) {
            bitmap_set(bits, first);
        } else {
            bitmap_clear(bits, first);
        }
    }
}

static inline void
copy_bit(const uint8_t *from, size_t from_at, uint8_t *to, size_t to_at)
{
    if (bitmap_get(from, from_at)) {
        bitmap_set(to, to_at);
    } else {
        bitmap_clear(to, to_at);
    }
}

void
bits_copy(const uint8_t *from, size_t from_first, uint8_t *to, size_t to_first, size_t count)
{
    size_t i = 0;
    for (; i < count && ((to_first + i) & 7); i++)
        copy_bit(from, from_first + i, to, to_first + i);
    size_t         whole = (count - i) / 8;
    unsigned       shift = (unsigned) ((from_first + i) & 7);
    const uint8_t *in = from + (from_first + i) / 8;
    uint8_t       *out = to + (to_first + i) / 8;
    if (shift == 0) {
        if (whole > 0) memcpy(out, in, whole);
    } else {
        for (size_t k = 0; k < whole; k++)
            out[k] = (uint8_t) (in[k] >> shift | in[k + 1] << (8 - shift));
    }
    for (i += whole * 8; i < count; i++)
        copy_bit(from, from_first + i, to, to_first + i);
}

bool
rle_decode_bits(rle_decoder *d, size_t count, uint8_t *bits, size_t first, size_t *add_ones)
{
    while (count > 0) {
        if (d->left == 0 && !next_run(d)) return false;
        size_t take = count < d->left ? count : (size_t) d->left;
        if (d->is_run) {
            bits_fill(bits, first, take, d->value != 0);
            *add_ones += d->value ? take : 0;
        } else {
            bits_copy(d->packed, d->packed_next, bits, first, take);
            *add_ones += bitmap_count(bits, first, take);
            d->packed_next += take;
        }
        d->left -= take;
        first += take;
        count -= take;
    }
    return true;
}

bool
rle_skip(rle_decoder *d, size_t count)
{
    while (count > 0) {
        if (d->left == 0 && !next_run(d)) return false;
        size_t take = count < d->left ? count : (size_t) d->left;
        d->packed_next += take;
        d->left -= take;
        count -= take;
    }
    return true;
}
