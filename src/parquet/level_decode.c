#include "parquet/level_decode.h"

#include "base/bitmap.h"
#include "base/bytes.h"

unsigned
level_bit_width(unsigned level_max)
{
    return level_max ? 32u - (unsigned) __builtin_clz(level_max) : 0;
}

void
level_decoder_init(level_decoder *d, firn_slice bytes, unsigned level_max)
{
    *d = (level_decoder){.bit_width = level_bit_width(level_max)};
    rle_decoder_init(&d->rle, bytes, d->bit_width);
}

bool
level_decoder_cut(level_decoder *d, int encoding, unsigned level_max, size_t count, firn_slice *bytes)
{
    size_t size;
    if (encoding == PARQUET_BIT_PACKED) {
        *d = (level_decoder){.is_bit_packed = true, .bit_width = level_bit_width(level_max)};
        size = (count * d->bit_width + 7) / 8;
        if (size > bytes->size) return false;
        d->packed = bytes->data;
        d->packed_count = count;
    } else if (encoding == PARQUET_RLE) {
        if (bytes->size < 4) return false;
        size = load_le32(bytes->data);
        if (size > bytes->size - 4) return false;
        level_decoder_init(d, firn_slice_of(bytes->data + 4, size), level_max);
        size += 4;
    } else {
        return false;
    }
    *bytes = firn_slice_of(bytes->data + size, bytes->size - size);
    return true;
}

/* Most significant bit first, values across bytes. */
static uint8_t
packed_level(const level_decoder *d, size_t index)
{
    unsigned level = 0;
    for (size_t bit = index * d->bit_width; bit < (index + 1) * d->bit_width; bit++)
        level = level << 1 | ((unsigned) d->packed[bit >> 3] >> (7 - (bit & 7)) & 1u);
    return (uint8_t) level;
}

bool
level_decode_u8(level_decoder *d, size_t count, uint8_t *out)
{
    if (!d->is_bit_packed) return rle_decode_u8(&d->rle, count, out);
    if (count > d->packed_count - d->packed_next) return false;
    for (size_t i = 0; i < count; i++)
        out[i] = packed_level(d, d->packed_next++);
    return true;
}

bool
level_decode_bits(level_decoder *d, size_t count, uint8_t *bits, size_t first, size_t *add_ones)
{
    if (!d->is_bit_packed) return rle_decode_bits(&d->rle, count, bits, first, add_ones);
    if (count > d->packed_count - d->packed_next) return false;
    for (size_t i = 0; i < count; i++) {
        uint8_t level = packed_level(d, d->packed_next++);
        bits_fill(bits, first + i, 1, level != 0);
        *add_ones += level;
    }
    return true;
}
