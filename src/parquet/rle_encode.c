#include "parquet/rle_encode.h"

#include "base/bytes.h"
#include "codec/bitpack.h"
#include "codec/varint.h"

enum { GROUP = 8 };

static size_t
put_run(uint32_t value, size_t value_count, unsigned bit_width, uint8_t *out)
{
    size_t   size = varint_encode((uint64_t) value_count << 1, out);
    unsigned value_size = (bit_width + 7) / 8;
    for (unsigned i = 0; i < value_size; i++)
        out[size++] = (uint8_t) (value >> (8 * i));
    return size;
}

firn_status
rle_encode_run(uint32_t value, size_t value_count, unsigned bit_width, firn_buffer *out, firn_error *err)
{
    FIRN_TRY(firn_buffer_reserve(out, VARINT_SIZE_MAX + 4, err));
    out->size += put_run(value, value_count, bit_width, out->data + out->size);
    return FIRN_OK;
}

static firn_status
add_packed(const uint32_t *values, size_t value_count, unsigned bit_width, firn_buffer *out, firn_error *err)
{
    if (value_count == 0) return FIRN_OK;
    size_t group_count = (value_count + GROUP - 1) / GROUP;
    size_t size = bitpack_size_bytes(value_count, bit_width);
    FIRN_TRY(firn_buffer_reserve(out, VARINT_SIZE_MAX + size, err));
    out->size += varint_encode((uint64_t) group_count << 1 | 1, out->data + out->size);
    bitpack_pack(values, value_count, bit_width, out->data + out->size);
    out->size += size;
    return FIRN_OK;
}

static inline bool
group_is_equal(const uint32_t *values)
{
    uint32_t different = 0;
    for (unsigned i = 1; i < GROUP; i++)
        different |= values[i] ^ values[0];
    return different == 0;
}

/* A run costs its header, its value and mostly another header behind it. */
static size_t
run_length_min(unsigned bit_width)
{
    size_t run_size = 4 + (bit_width + 7) / 8;
    size_t length = (run_size * 8 + bit_width - 1) / bit_width;
    return length < GROUP ? GROUP : length;
}

firn_status
rle_encode(const uint32_t values[], size_t value_count, unsigned bit_width, firn_buffer *out, firn_error *err)
{
    if (value_count == 0) return FIRN_OK;
    if (bit_width == 0) return rle_encode_run(0, value_count, 0, out, err);

    const size_t length_min = run_length_min(bit_width);
    size_t       packed_from = 0, at = 0;
    while (at + GROUP <= value_count) {
        if (FIRN_LIKELY(!group_is_equal(values + at))) {
            at += GROUP;
            continue;
        }
        size_t run_end = at + GROUP;
        while (run_end < value_count && values[run_end] == values[at])
            run_end++;
        if (run_end - at >= length_min) {
            FIRN_TRY(add_packed(values + packed_from, at - packed_from, bit_width, out, err));
            FIRN_TRY(rle_encode_run(values[at], run_end - at, bit_width, out, err));
            packed_from = at = run_end;
        } else {
            at += (run_end - at) / GROUP * GROUP;
        }
    }
    return add_packed(values + packed_from, value_count - packed_from, bit_width, out, err);
}

/* Words of 64 equal bits become runs; all between is copied, since packed bits are the bitmap itself. */
firn_status
rle_encode_bits(const uint8_t *bits, size_t bit_count, firn_buffer *out, firn_error *err)
{
    size_t byte_count = (bit_count + 7) / 8, word_count = bit_count / 64;
    size_t packed_from = 0, word = 0; /* in bytes and words */

    for (;;) {
        uint64_t value = 0;
        while (word < word_count && (value = load_le64(bits + word * 8)) != 0 && value != UINT64_MAX)
            word++;
        size_t run_from = word;
        while (word < word_count && load_le64(bits + word * 8) == value)
            word++;

        size_t packed_size = (run_from < word_count ? run_from * 8 : byte_count) - packed_from;
        if (packed_size) {
            FIRN_TRY(firn_buffer_reserve(out, VARINT_SIZE_MAX + packed_size, err));
            out->size += varint_encode((uint64_t) packed_size << 1 | 1, out->data + out->size);
            FIRN_TRY(firn_buffer_add(out, bits + packed_from, packed_size, err));
        }
        if (run_from >= word_count) return FIRN_OK;
        FIRN_TRY(rle_encode_run(value != 0, (word - run_from) * 64, 1, out, err));
        packed_from = word * 8;
    }
}
