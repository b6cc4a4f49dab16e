#include "parquet/delta_decode.h"

#include "codec/varint.h"
#include "parquet/bit_unpack.h"

enum { PIECE = 64 };

static bool
read_varint(delta_decoder *d, uint64_t *ret_value)
{
    size_t size = varint_decode(d->at, d->end, ret_value);
    d->at += size;
    return size > 0;
}

bool
delta_decoder_init(delta_decoder *d, firn_slice bytes, unsigned bit_width_max)
{
    uint64_t block_size, miniblock_count, count, first;

    *d = (delta_decoder){.at = bytes.data, .end = bytes.data + bytes.size, .bit_width_max = bit_width_max};
    if (!read_varint(d, &block_size) || !read_varint(d, &miniblock_count) || !read_varint(d, &count) ||
        !read_varint(d, &first))
        return false;
    if (miniblock_count == 0 || miniblock_count > DELTA_MINIBLOCKS_MAX || block_size == 0 || block_size > INT32_MAX ||
        block_size % miniblock_count != 0)
        return false;
    d->miniblock_count = (uint32_t) miniblock_count;
    d->miniblock_size = (uint32_t) (block_size / miniblock_count);
    if (d->miniblock_size % 32 != 0) return false;
    d->left = count;
    d->is_first = true;
    d->last = (uint64_t) zigzag_decode(first);
    d->miniblock_at = d->miniblock_count;
    return true;
}

static bool
next_miniblock(delta_decoder *d)
{
    if (d->miniblock_at == d->miniblock_count) {
        uint64_t min_delta;
        if (!read_varint(d, &min_delta)) return false;
        d->min_delta = (uint64_t) zigzag_decode(min_delta);
        if ((size_t) (d->end - d->at) < d->miniblock_count) return false;
        memcpy(d->bit_widths, d->at, d->miniblock_count);
        d->at += d->miniblock_count;
        d->miniblock_at = 0;
    }
    d->bit_width = d->bit_widths[d->miniblock_at++];
    if (d->bit_width > d->bit_width_max) return false;
    uint64_t size = (uint64_t) d->bit_width * d->miniblock_size / 8;
    size_t   room = (size_t) (d->end - d->at);
    uint32_t values = d->miniblock_size;
    if (size > room) {
        /* The padding of the last miniblock may be missing; its values may not. */
        uint64_t whole = (uint64_t) room * 8 / d->bit_width;
        if (whole < d->left) return false;
        values = (uint32_t) (whole < values ? whole : values);
        size = room;
    }
    d->packed = d->at;
    d->packed_next = 0;
    d->packed_left = values;
    d->at += size;
    return true;
}

/* 1..PIECE values into out; 0: damaged. */
static size_t
next_piece(delta_decoder *d, size_t count, uint64_t out[PIECE])
{
    if (d->left == 0) return 0;
    if (d->is_first) {
        d->is_first = false;
        d->left--;
        out[0] = d->last;
        return 1;
    }
    if (d->packed_left == 0 && !next_miniblock(d)) return 0;
    if (count > PIECE) count = PIECE;
    if (count > d->packed_left) count = d->packed_left;
    if (count > d->left) count = (size_t) d->left;
    if (d->bit_width <= 32) {
        uint32_t narrow[PIECE];
        bit_unpack_u32(d->packed, d->end, d->bit_width, d->packed_next, count, narrow);
        for (size_t i = 0; i < count; i++)
            out[i] = narrow[i];
    } else {
        bit_unpack_u64(d->packed, d->end, d->bit_width, d->packed_next, count, out);
    }
    uint64_t last = d->last, min_delta = d->min_delta;
    for (size_t i = 0; i < count; i++) {
        last += min_delta + out[i];
        out[i] = last;
    }
    d->last = last;
    d->packed_next += (uint32_t) count;
    d->packed_left -= (uint32_t) count;
    d->left -= count;
    return count;
}

bool
delta_decode_i32(delta_decoder *d, size_t count, int32_t *out)
{
    uint64_t piece[PIECE];
    while (count > 0) {
        size_t got = next_piece(d, count, piece);
        if (got == 0) return false;
        for (size_t i = 0; i < got; i++)
            out[i] = (int32_t) (uint32_t) piece[i];
        out += got;
        count -= got;
    }
    return true;
}

bool
delta_decode_i64(delta_decoder *d, size_t count, int64_t *out)
{
    uint64_t piece[PIECE];
    while (count > 0) {
        size_t got = next_piece(d, count, piece);
        if (got == 0) return false;
        for (size_t i = 0; i < got; i++)
            out[i] = (int64_t) piece[i];
        out += got;
        count -= got;
    }
    return true;
}

bool
delta_decoder_finish(delta_decoder *d, firn_slice *ret_rest)
{
    if (d->is_first && d->left > 0) d->left--;
    d->is_first = false;
    while (d->left > 0) {
        /* Whole miniblocks are passed without unpacking. */
        if (d->packed_left == 0 && !next_miniblock(d)) return false;
        uint64_t take = d->packed_left < d->left ? d->packed_left : d->left;
        d->left -= take;
        d->packed_left -= (uint32_t) take;
    }
    *ret_rest = firn_slice_of(d->at, (size_t) (d->end - d->at));
    return true;
}
