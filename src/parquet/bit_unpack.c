#include "parquet/bit_unpack.h"

#include <string.h>

#include "base/bytes.h"

/* Eight bytes from `at`, zeros for those at and behind `end`. */
static inline uint64_t
load_before(const uint8_t *at, const uint8_t *end)
{
    if (end - at >= 8) return load_le64(at);
    uint64_t word = 0;
    if (at < end) memcpy(&word, at, (size_t) (end - at));
    return word;
}

/* One value at a time: the ends of a run that do not fall on groups of eight. */
static void
unpack_slow(const uint8_t *in, const uint8_t *end, unsigned bit_width, size_t first, size_t count, uint32_t *out)
{
    uint64_t mask = (UINT64_C(1) << bit_width) - 1;
    for (size_t i = 0; i < count; i++) {
        size_t bit = (first + i) * bit_width;
        out[i] = (uint32_t) ((load_before(in + (bit >> 3), end) >> (bit & 7)) & mask);
    }
}

/* With a constant width all shifts and offsets are constants; reads up to 8 bytes behind the group. */
static inline __attribute__((always_inline)) void
unpack_group(const uint8_t *in, unsigned bit_width, uint32_t *restrict out)
{
    uint64_t mask = (UINT64_C(1) << bit_width) - 1;
    for (unsigned k = 0; k < 8; k++)
        out[k] = (uint32_t) ((load_le64(in + (k * bit_width) / 8) >> ((k * bit_width) % 8)) & mask);
}

#define UNPACK_CASE(W)                                                                                                 \
    case W:                                                                                                            \
        for (size_t g = 0; g < group_count; g++)                                                                       \
            unpack_group(in + g * W, W, out + g * 8);                                                                  \
        break;

static void
unpack_groups(const uint8_t *in, unsigned bit_width, size_t group_count, uint32_t *restrict out)
{
    switch (bit_width) {
        UNPACK_CASE(1)
        UNPACK_CASE(2) UNPACK_CASE(3) UNPACK_CASE(4) UNPACK_CASE(5) UNPACK_CASE(6) UNPACK_CASE(7) UNPACK_CASE(8)
            UNPACK_CASE(9) UNPACK_CASE(10) UNPACK_CASE(11) UNPACK_CASE(12) UNPACK_CASE(13) UNPACK_CASE(14)
                UNPACK_CASE(15) UNPACK_CASE(16) UNPACK_CASE(17) UNPACK_CASE(18) UNPACK_CASE(19) UNPACK_CASE(20)
                    UNPACK_CASE(21) UNPACK_CASE(22) UNPACK_CASE(23) UNPACK_CASE(24) UNPACK_CASE(25) UNPACK_CASE(26)
                        UNPACK_CASE(27) UNPACK_CASE(28) UNPACK_CASE(29) UNPACK_CASE(30) UNPACK_CASE(31)
                            UNPACK_CASE(32) default : break;
    }
}

void
bit_unpack_u32(const uint8_t *in, const uint8_t *end, unsigned bit_width, size_t first, size_t count, uint32_t *out)
{
    if (bit_width == 0) {
        memset(out, 0, count * sizeof *out);
        return;
    }
    size_t lead = (8 - (first & 7)) & 7;
    if (lead > count) lead = count;
    unpack_slow(in, end, bit_width, first, lead, out);
    first += lead;
    out += lead;
    count -= lead;

    const uint8_t *at = in + (first / 8) * bit_width;
    size_t         groups = count / 8;
    size_t         room = at < end ? (size_t) (end - at) : 0;
    size_t         safe = room > 8 ? (room - 8) / bit_width : 0;
    if (groups > safe) groups = safe;
    unpack_groups(at, bit_width, groups, out);
    unpack_slow(in, end, bit_width, first + groups * 8, count - groups * 8, out + groups * 8);
}

/* Eight values of up to eight bits are one word in and one word out. */
static inline __attribute__((always_inline)) uint64_t
spread_group(uint64_t packed, unsigned bit_width)
{
    uint64_t mask = (UINT64_C(1) << bit_width) - 1, bytes = 0;
    for (unsigned k = 0; k < 8; k++)
        bytes |= (packed >> (k * bit_width) & mask) << (8 * k);
    return bytes;
}

#define SPREAD_CASE(W)                                                                                                 \
    case W:                                                                                                            \
        for (size_t g = 0; g < group_count; g++)                                                                       \
            store_le64(out + g * 8, spread_group(load_le64(in + g * W), W));                                           \
        break;

static void
spread_groups(const uint8_t *in, unsigned bit_width, size_t group_count, uint8_t *restrict out)
{
    switch (bit_width) {
        SPREAD_CASE(1)
        SPREAD_CASE(2) SPREAD_CASE(3) SPREAD_CASE(4) SPREAD_CASE(5) SPREAD_CASE(6) SPREAD_CASE(7) SPREAD_CASE(8) default
            : break;
    }
}

static void
unpack_slow_u8(const uint8_t *in, const uint8_t *end, unsigned bit_width, size_t first, size_t count, uint8_t *out)
{
    uint64_t mask = (UINT64_C(1) << bit_width) - 1;
    for (size_t i = 0; i < count; i++) {
        size_t bit = (first + i) * bit_width;
        out[i] = (uint8_t) ((load_before(in + (bit >> 3), end) >> (bit & 7)) & mask);
    }
}

void
bit_unpack_u8(const uint8_t *in, const uint8_t *end, unsigned bit_width, size_t first, size_t count, uint8_t *out)
{
    if (bit_width == 0) {
        memset(out, 0, count);
        return;
    }
    size_t lead = (8 - (first & 7)) & 7;
    if (lead > count) lead = count;
    unpack_slow_u8(in, end, bit_width, first, lead, out);
    first += lead;
    out += lead;
    count -= lead;

    const uint8_t *at = in + (first / 8) * bit_width;
    size_t         groups = count / 8;
    size_t         room = at < end ? (size_t) (end - at) : 0;
    size_t         safe = room >= 8 ? (room - 8) / bit_width + 1 : 0;
    if (groups > safe) groups = safe;
    spread_groups(at, bit_width, groups, out);
    unpack_slow_u8(in, end, bit_width, first + groups * 8, count - groups * 8, out + groups * 8);
}

void
bit_unpack_u64(const uint8_t *in, const uint8_t *end, unsigned bit_width, size_t first, size_t count, uint64_t *out)
{
    if (bit_width == 0) {
        memset(out, 0, count * sizeof *out);
        return;
    }
    uint64_t mask = bit_width == 64 ? UINT64_MAX : (UINT64_C(1) << bit_width) - 1;
    for (size_t i = 0; i < count; i++) {
        size_t         bit = (first + i) * bit_width;
        const uint8_t *at = in + (bit >> 3);
        unsigned       shift = (unsigned) (bit & 7);
        uint64_t       value = load_before(at, end) >> shift;
        if (shift + bit_width > 64) value |= load_before(at + 8, end) << (64 - shift);
        out[i] = value & mask;
    }
}
