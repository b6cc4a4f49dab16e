#include "parquet/rle_encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bitmap.h"
#include "base/hash.h"
#include "codec/bitpack.h"
#include "parquet/rle_decode.h"

static firn_buffer out;
static firn_error  err;

static int
begin(void **state)
{
    (void) state;
    firn_buffer_init(&out, 1 << 22);
    return 0;
}

static int
end(void **state)
{
    (void) state;
    firn_buffer_done(&out);
    firn_error_reset(&err);
    return 0;
}

#define ASSERT_BYTES(...)                                                                                              \
    do {                                                                                                               \
        const uint8_t golden_[] = {__VA_ARGS__};                                                                       \
        assert_int_equal(out.size, sizeof golden_);                                                                    \
        assert_memory_equal(out.data, golden_, sizeof golden_);                                                        \
    } while (0)

/* Encodings.md: a header of groups << 1 | 1, then the example of note 1. */
static void
different_values_are_packed(void **state)
{
    (void) state;
    const uint32_t values[] = {0, 1, 2, 3, 4, 5, 6, 7};

    assert_int_equal(rle_encode(values, 8, 3, &out, &err), FIRN_OK);

    ASSERT_BYTES(0x03, 0x88, 0xc6, 0xfa);
}

static void
equal_values_become_a_run(void **state)
{
    (void) state;
    uint32_t values[100];
    for (size_t i = 0; i < FIRN_COUNT(values); i++)
        values[i] = 300;

    assert_int_equal(rle_encode(values, 100, 9, &out, &err), FIRN_OK);

    ASSERT_BYTES(0xc8, 0x01, 0x2c, 0x01);
}

static void
run_between_others_is_found(void **state)
{
    (void) state;
    uint32_t values[8 + 40 + 3] = {1, 2, 3, 4, 5, 6, 7, 8};
    for (size_t i = 8; i < 48; i++)
        values[i] = 9;
    values[48] = 1, values[49] = 2, values[50] = 3;

    assert_int_equal(rle_encode(values, 51, 8, &out, &err), FIRN_OK);

    ASSERT_BYTES(0x03, 1, 2, 3, 4, 5, 6, 7, 8, 80, 9, 0x03, 1, 2, 3, 0, 0, 0, 0, 0);
}

static void
short_run_of_one_bit_stays_packed(void **state)
{
    (void) state;
    const uint32_t values[16] = {1, 1, 1, 1, 1, 1, 1, 1, 0, 1};

    assert_int_equal(rle_encode(values, 16, 1, &out, &err), FIRN_OK);

    ASSERT_BYTES(0x05, 0xff, 0x02);
}

static void
width_zero_has_no_value_bytes(void **state)
{
    (void) state;
    const uint32_t values[20] = {0};

    assert_int_equal(rle_encode(values, 20, 0, &out, &err), FIRN_OK);

    ASSERT_BYTES(40);
}

static void
nothing_gives_nothing(void **state)
{
    (void) state;
    const uint32_t values[1] = {0};

    assert_int_equal(rle_encode(values, 0, 5, &out, &err), FIRN_OK);
    assert_int_equal(rle_encode_bits((const uint8_t *) values, 0, &out, &err), FIRN_OK);

    assert_int_equal(out.size, 0);
}

static void
bits_become_words_of_runs_and_the_rest_as_they_are(void **state)
{
    (void) state;
    uint8_t bits[8 * 4] = {0xa5};
    memset(bits + 8, 0xff, 16);
    bits[24] = 0x03;

    assert_int_equal(rle_encode_bits(bits, 24 * 8 + 2, &out, &err), FIRN_OK);

    /* 8 bytes packed, 128 ones, 1 byte packed */
    ASSERT_BYTES(0x11, 0xa5, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x02, 0x01, 0x03, 0x03);
}

static void
assert_decodes(const uint32_t *values, size_t count, unsigned width)
{
    rle_decoder d;
    rle_segment segment;
    uint32_t    scratch[RLE_SEGMENT_MAX];
    rle_decoder_init(&d, firn_buffer_slice(&out), width);
    for (size_t at = 0; at < count; at += segment.count) {
        assert_true(rle_next(&d, count - at, scratch, &segment));
        for (size_t i = 0; i < segment.count; i++)
            assert_int_equal(segment.is_run ? segment.value : scratch[i], values[at + i]);
    }
}

/* Runs of random lengths, in every width. */
static void
random_values_come_back(void **state)
{
    (void) state;
    enum { COUNT = 3000 };
    uint32_t *values = malloc(COUNT * sizeof *values);
    for (uint64_t seed = 1; seed <= 200; seed++) {
        unsigned width = (unsigned) (seed % 33);
        size_t   count = firn_hash_u64(seed) % COUNT, run = 0;
        uint32_t value = 0;
        for (size_t i = 0; i < count; i++) {
            uint64_t random = firn_hash_u64(seed * COUNT + i);
            if (run == 0) {
                value = width ? (uint32_t) (random >> 32) >> (32 - width) : 0;
                run = random % 4 ? 1 : random / 4 % 100 + 1;
            }
            run--;
            values[i] = value;
        }
        firn_buffer_reset(&out);

        assert_int_equal(rle_encode(values, count, width, &out, &err), FIRN_OK);

        assert_decodes(values, count, width);
    }
    free(values);
}

static void
random_bits_come_back(void **state)
{
    (void) state;
    enum { COUNT = 5000 };
    uint8_t   bits[COUNT / 8 + 1];
    uint32_t *values = malloc(COUNT * sizeof *values);
    for (uint64_t seed = 1; seed <= 200; seed++) {
        size_t count = firn_hash_u64(seed) % COUNT;
        memset(bits, 0, sizeof bits);
        for (size_t i = 0; i < count; i++) {
            values[i] = firn_hash_u64(seed * COUNT + i / (seed % 3 ? 1 : 300)) & 1;
            if (values[i]) bitmap_set(bits, i);
        }
        firn_buffer_reset(&out);

        assert_int_equal(rle_encode_bits(bits, count, &out, &err), FIRN_OK);

        assert_decodes(values, count, 1);
    }
    free(values);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(different_values_are_packed),
        TEST(equal_values_become_a_run),
        TEST(run_between_others_is_found),
        TEST(short_run_of_one_bit_stays_packed),
        TEST(width_zero_has_no_value_bytes),
        TEST(nothing_gives_nothing),
        TEST(bits_become_words_of_runs_and_the_rest_as_they_are),
        TEST(random_values_come_back),
        TEST(random_bits_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
