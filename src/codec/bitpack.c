#include "codec/bitpack.h"

#include <assert.h>

#include "base/attrs.h"
#include "base/bytes.h"

/* 32 values of w bits are w whole 32-bit words: no remainder to carry from block to block. */
enum { BLOCK = 32 };

/* Inlined with a constant width, unrolled: shifts and masks become constants. */
static inline __attribute__((always_inline)) void
pack_block(const uint32_t *values, uint8_t *out, const unsigned width)
{
    uint64_t word = 0;
    unsigned used = 0;
#pragma GCC unroll 32
    for (unsigned i = 0; i < BLOCK; i++) {
        firn_dassert(width == 32 || values[i] >> width == 0);
        word |= (uint64_t) values[i] << used;
        used += width;
        if (used >= 32) {
            store_le32(out, (uint32_t) word);
            out += 4;
            word >>= 32;
            used -= 32;
        }
    }
}

static inline __attribute__((always_inline)) void
unpack_block(const uint8_t *in, uint32_t *out, const unsigned width)
{
    const uint32_t mask = width == 32 ? UINT32_MAX : (1u << width) - 1;
#pragma GCC unroll 32
    for (unsigned i = 0; i < BLOCK; i++) {
        const unsigned bit = i * width;
        const unsigned byte = bit / 32 * 4;
        uint64_t       word = load_le32(in + byte);
        if (bit % 32 + width > 32) word |= (uint64_t) load_le32(in + byte + 4) << 32;
        out[i] = (uint32_t) (word >> (bit % 32)) & mask;
    }
}

#define FOR_EACH_WIDTH(X)                                                                                              \
    X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20)     \
    X(21) X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31) X(32)

#define DEFINE_WIDTH(w)                                                                                                \
    static void pack_blocks_##w(const uint32_t *values, size_t block_count, uint8_t *out)                              \
    {                                                                                                                  \
        for (size_t i = 0; i < block_count; i++) pack_block(values + i * BLOCK, out + i * (w) * 4, w);                 \
    }                                                                                                                  \
    static void unpack_blocks_##w(const uint8_t *in, size_t block_count, uint32_t *out)                                \
    {                                                                                                                  \
        for (size_t i = 0; i < block_count; i++) unpack_block(in + i * (w) * 4, out + i * BLOCK, w);                   \
    }
FOR_EACH_WIDTH(DEFINE_WIDTH)

static void (*const pack_blocks[])(const uint32_t *, size_t, uint8_t *) = {
    NULL,
#define PACK_ENTRY(w) pack_blocks_##w,
    FOR_EACH_WIDTH(PACK_ENTRY)};

static void (*const unpack_blocks[])(const uint8_t *, size_t, uint32_t *) = {
    NULL,
#define UNPACK_ENTRY(w) unpack_blocks_##w,
    FOR_EACH_WIDTH(UNPACK_ENTRY)};

void
bitpack_pack(const uint32_t values[], size_t value_count, unsigned bit_width, uint8_t *out)
{
    assert(bit_width <= BITPACK_WIDTH_MAX);
    if (bit_width == 0) return;

    size_t block_count = value_count / BLOCK, rest = value_count % BLOCK;
    pack_blocks[bit_width](values, block_count, out);
    if (rest == 0) return;

    uint32_t last[BLOCK] = {0};
    uint8_t  packed[BLOCK * 4];
    memcpy(last, values + block_count * BLOCK, rest * sizeof last[0]);
    pack_blocks[bit_width](last, 1, packed);
    memcpy(out + block_count * bit_width * 4, packed, bitpack_size_bytes(rest, bit_width));
}

void
bitpack_unpack(const uint8_t *in, size_t value_count, unsigned bit_width, uint32_t out[])
{
    assert(bit_width <= BITPACK_WIDTH_MAX);
    if (bit_width == 0) {
        memset(out, 0, value_count * sizeof out[0]);
        return;
    }

    size_t block_count = value_count / BLOCK, rest = value_count % BLOCK;
    unpack_blocks[bit_width](in, block_count, out);
    if (rest == 0) return;

    uint32_t last[BLOCK];
    uint8_t  packed[BLOCK * 4] = {0};
    memcpy(packed, in + block_count * bit_width * 4, bitpack_size_bytes(rest, bit_width));
    unpack_blocks[bit_width](packed, 1, last);
    memcpy(out + block_count * BLOCK, last, rest * sizeof last[0]);
}
