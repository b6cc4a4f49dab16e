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

#define FOR_EACH_WIDTH(X)                                                                                              \
    X(1)                                                                                                               \
    X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15) X(16) X(17) X(18) X(19) X(20) X(21)    \
        X(22) X(23) X(24) X(25) X(26) X(27) X(28) X(29) X(30) X(31) X(32)

#define DEFINE_WIDTH(w)                                                                                                \
    static void pack_blocks_##w(const uint32_t *values, size_t block_count, uint8_t *out)                              \
    {                                                                                                                  \
        for (size_t i = 0; i < block_count; i++)                                                                       \
            pack_block(values + i * BLOCK, out + i * (w) *4, w);                                                       \
    }
FOR_EACH_WIDTH(DEFINE_WIDTH)

static void (*const pack_blocks[])(const uint32_t *, size_t, uint8_t *) = {NULL,
#define PACK_ENTRY(w) pack_blocks_##w,
                                                                           FOR_EACH_WIDTH(PACK_ENTRY)};

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
