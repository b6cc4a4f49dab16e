#include "parquet/rle_decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bitmap.h"
#include "parquet/bit_unpack.h"
#include "parquet/level_decode.h"
#include "parquet/rle_encode.h"

#define BYTES(...) firn_slice_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static bool
decode_all(firn_slice bytes, unsigned bit_width, size_t count, uint32_t *out)
{
    rle_decoder d;
    rle_segment segment;
    uint32_t    scratch[RLE_SEGMENT_MAX];
    rle_decoder_init(&d, bytes, bit_width);
    for (size_t at = 0; at < count; at += segment.count) {
        if (!rle_next(&d, count - at, scratch, &segment)) return false;
        for (size_t i = 0; i < segment.count; i++) out[at + i] = segment.is_run ? segment.value : scratch[i];
    }
    return true;
}

/* Encodings.md, note 1: the numbers 0 to 7 in 3 bits are 88 C6 FA. */
static void
the_packed_example_of_the_specification_unpacks(void **state)
{
    (void) state;
    uint32_t values[8];

    assert_true(decode_all(BYTES(0x03, 0x88, 0xc6, 0xfa), 3, 8, values));

    for (uint32_t i = 0; i < 8; i++) assert_int_equal(values[i], i);
}

static void
runs_and_packed_groups_follow_each_other(void **state)
{
    (void) state;
    uint32_t values[21];

    /* 10 × 300 in 9 bits, 8 packed in 9 bits: 1, then zeros; 3 × 1 */
    assert_true(decode_all(BYTES(0x14, 0x2c, 0x01, 0x03, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0x06, 0x01, 0x00), 9, 21, values));

    assert_int_equal(values[0], 300);
    assert_int_equal(values[9], 300);
    assert_int_equal(values[10], 1);
    assert_int_equal(values[11], 0);
    assert_int_equal(values[18], 1);
    assert_int_equal(values[20], 1);
}

static void
width_zero_has_no_bytes(void **state)
{
    (void) state;
    uint32_t values[5] = {9, 9, 9, 9, 9};
    assert_true(decode_all(BYTES(0x0a), 0, 5, values));
    for (int i = 0; i < 5; i++) assert_int_equal(values[i], 0);
}

static void
damage_is_told(void **state)
{
    (void) state;
    uint32_t values[64];
    assert_false(decode_all(BYTES(0x06, 0x01), 1, 4, values));       /* three values only */
    assert_false(decode_all(BYTES(0x06, 0x02), 1, 3, values));       /* too wide a value */
    assert_false(decode_all(BYTES(0x06), 1, 3, values));             /* no value */
    assert_false(decode_all(BYTES(0x00, 0x01), 1, 1, values));       /* an empty run */
    assert_false(decode_all(BYTES(0x01), 1, 1, values));             /* an empty group */
    assert_false(decode_all(BYTES(0x05, 0xff), 1, 16, values));      /* half of the groups */
    assert_true(decode_all(BYTES(0x05, 0xff), 1, 8, values));        /* but those are there */
    assert_false(decode_all(BYTES(0x80, 0x80, 0x80), 1, 1, values)); /* a header without end */
}

static void
what_was_encoded_comes_back_in_every_width(void **state)
{
    (void) state;
    static firn_error err;
    static uint32_t   values[3000], again[3000];
    uint32_t          random = 12345;
    for (unsigned width = 0; width <= 32; width++) {
        FIRN_AUTO(firn_buffer_done) firn_buffer bytes = {0};
        firn_buffer_init(&bytes, 1 << 20);
        size_t count = 2000 + width * 31;
        for (size_t i = 0; i < count; i++) {
            random    = random * 1664525 + 1013904223;
            bool same = i > 0 && (random >> 28) < 12 && (i / 200) % 2;
            values[i] = same ? values[i - 1] : width == 32 ? random : (random >> 3) & ((1u << width) - 1);
        }
        assert_int_equal(rle_encode(values, count, width, &bytes, &err), FIRN_OK);

        assert_true(decode_all(firn_buffer_slice(&bytes), width, count, again));

        for (size_t i = 0; i < count; i++) assert_int_equal(again[i], values[i]);
        if (width > 8) continue;
        static uint8_t levels[3000];
        rle_decoder    d;
        rle_decoder_init(&d, firn_buffer_slice(&bytes), width);
        for (size_t at = 0, piece; at < count; at += piece) {
            piece = at % 53 + 1 < count - at ? at % 53 + 1 : count - at;
            assert_true(rle_decode_u8(&d, piece, levels + at));
        }
        for (size_t i = 0; i < count; i++) assert_int_equal(levels[i], values[i]);
    }
}

static void
skipping_ends_where_reading_does(void **state)
{
    (void) state;
    static firn_error err;
    FIRN_AUTO(firn_buffer_done) firn_buffer bytes = {0};
    uint32_t values[1000], out[RLE_SEGMENT_MAX];
    firn_buffer_init(&bytes, 1 << 20);
    for (uint32_t i = 0; i < 1000; i++) values[i] = i % 100 < 50 ? 7 : i % 13;
    assert_int_equal(rle_encode(values, 1000, 4, &bytes, &err), FIRN_OK);

    for (size_t from = 0; from < 1000; from += 17) {
        rle_decoder d;
        rle_segment segment;
        rle_decoder_init(&d, firn_buffer_slice(&bytes), 4);
        assert_true(rle_skip(&d, from));
        assert_true(rle_next(&d, 1, out, &segment));
        assert_int_equal(segment.is_run ? segment.value : out[0], values[from]);
    }
}

static void
bits_land_at_any_place(void **state)
{
    (void) state;
    static firn_error err;
    uint8_t           bits[64], again[80];
    uint32_t          random = 99;
    for (size_t i = 0; i < sizeof bits; i++) {
        random  = random * 1664525 + 1013904223;
        bits[i] = i / 16 % 2 ? 0xff : (uint8_t) (random >> 20);
    }
    for (size_t first = 0; first < 20; first++) {
        FIRN_AUTO(firn_buffer_done) firn_buffer bytes = {0};
        rle_decoder d;
        size_t      ones = 0, count = 509 - first;
        firn_buffer_init(&bytes, 4096);
        assert_int_equal(rle_encode_bits(bits, count, &bytes, &err), FIRN_OK);
        rle_decoder_init(&d, firn_buffer_slice(&bytes), 1);
        memset(again, first % 2 ? 0xff : 0, sizeof again);

        /* In two pieces, the second not at a byte. */
        assert_true(rle_decode_bits(&d, 101, again, first, &ones));
        assert_true(rle_decode_bits(&d, count - 101, again, first + 101, &ones));

        for (size_t i = 0; i < count; i++) assert_int_equal(bitmap_get(again, first + i), bitmap_get(bits, i));
        for (size_t i = 0; i < first; i++) assert_int_equal(bitmap_get(again, i), first % 2);
        assert_int_equal(bitmap_get(again, first + count), first % 2);
        assert_int_equal(ones, bitmap_count(bits, 0, count));
    }
}

/* Encodings.md, "Bit-packed (Deprecated)": the numbers 0 to 7 in 3 bits are 05 39 77. */
static void
levels_of_the_deprecated_encoding_are_read(void **state)
{
    (void) state;
    level_decoder d;
    uint8_t       levels[8], bytes[] = {0x05, 0x39, 0x77, 0xaa};
    firn_slice    page = firn_slice_of(bytes, sizeof bytes);

    assert_true(level_decoder_cut(&d, PARQUET_BIT_PACKED, 7, 8, &page));
    assert_true(level_decode_u8(&d, 8, levels));

    for (uint8_t i = 0; i < 8; i++) assert_int_equal(levels[i], i);
    assert_int_equal(page.size, 1);
    assert_false(level_decode_u8(&d, 1, levels));
}

static void
levels_longer_than_their_page_are_refused(void **state)
{
    (void) state;
    level_decoder d;
    firn_slice    page = BYTES(0x05, 0, 0, 0, 0x06, 0x01);
    assert_false(level_decoder_cut(&d, PARQUET_RLE, 1, 3, &page));
    page = BYTES(0x02, 0, 0);
    assert_false(level_decoder_cut(&d, PARQUET_RLE, 1, 3, &page));
    page = BYTES(0xff);
    assert_false(level_decoder_cut(&d, PARQUET_BIT_PACKED, 1, 9, &page));
    assert_false(level_decoder_cut(&d, PARQUET_PLAIN, 1, 1, &page));
    page = BYTES(0x02, 0, 0, 0, 0x06, 0x01, 0x77);
    assert_true(level_decoder_cut(&d, PARQUET_RLE, 1, 3, &page));
    assert_int_equal(page.size, 1);
}

static void
wide_values_unpack_across_words(void **state)
{
    (void) state;
    uint8_t  packed[64 * 8 + 1] = {0};
    uint64_t values[64], out[64];
    for (unsigned width = 1; width <= 64; width++) {
        uint64_t mask = width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
        memset(packed, 0, sizeof packed);
        for (size_t i = 0; i < 64; i++) {
            values[i] = (UINT64_C(0x9e3779b97f4a7c15) * (i + width)) & mask;
            for (unsigned bit = 0; bit < width; bit++)
                if (values[i] >> bit & 1) bitmap_set(packed, i * width + bit);
        }
        bit_unpack_u64(packed, packed + 8 * width, width, 3, 61, out);
        for (size_t i = 3; i < 64; i++) assert_int_equal(out[i - 3], values[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_packed_example_of_the_specification_unpacks),
        cmocka_unit_test(runs_and_packed_groups_follow_each_other),
        cmocka_unit_test(width_zero_has_no_bytes),
        cmocka_unit_test(damage_is_told),
        cmocka_unit_test(what_was_encoded_comes_back_in_every_width),
        cmocka_unit_test(skipping_ends_where_reading_does),
        cmocka_unit_test(bits_land_at_any_place),
        cmocka_unit_test(levels_of_the_deprecated_encoding_are_read),
        cmocka_unit_test(levels_longer_than_their_page_are_refused),
        cmocka_unit_test(wide_values_unpack_across_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
