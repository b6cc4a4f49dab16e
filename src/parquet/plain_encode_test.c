#include "parquet/plain_encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static firn_buffer out;
static firn_error  err;

static int
begin(void **state)
{
    (void) state;
    firn_buffer_init(&out, 4096);
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

static void
integers_are_little_endian(void **state)
{
    (void) state;
    const parquet_leaf leaf = {.lane = LANE_32, .physical = PARQUET_INT32};
    const int32_t      numbers[] = {1, -2};
    const value_view   values = {.count = 2, .fixed = numbers};

    assert_int_equal(plain_encode(&leaf, &values, &out, &err), FIRN_OK);

    ASSERT_BYTES(1, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff);
    assert_int_equal(plain_size_bytes(&leaf, &values), out.size);
}

static void
wide_decimals_are_big_endian_of_their_length(void **state)
{
    (void) state;
    const parquet_leaf leaf = {.lane = LANE_128, .physical = PARQUET_FIXED_LEN_BYTE_ARRAY, .type_length = 9};
    const int128       numbers[] = {258, -1};
    const value_view   values = {.count = 2, .fixed = numbers};

    assert_int_equal(plain_encode(&leaf, &values, &out, &err), FIRN_OK);

    ASSERT_BYTES(0, 0, 0, 0, 0, 0, 0, 1, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
}

static void
strings_have_their_length_before_them(void **state)
{
    (void) state;
    const parquet_leaf leaf = {.lane = LANE_BYTES, .physical = PARQUET_BYTE_ARRAY};
    const int32_t      offsets[] = {0, 2, 2, 5};
    const value_view values = {.count = 3, .bytes = (const uint8_t *) "abxyz", .starts = offsets, .ends = offsets + 1};

    assert_int_equal(plain_encode(&leaf, &values, &out, &err), FIRN_OK);

    ASSERT_BYTES(2, 0, 0, 0, 'a', 'b', 0, 0, 0, 0, 3, 0, 0, 0, 'x', 'y', 'z');
    assert_int_equal(plain_size_bytes(&leaf, &values), out.size);
}

static void
long_strings_are_copied_whole(void **state)
{
    (void) state;
    const parquet_leaf leaf = {.lane = LANE_BYTES, .physical = PARQUET_BYTE_ARRAY};
    const int32_t      offsets[] = {0, 33, 65, 100};
    uint8_t            bytes[100];
    const value_view   values = {.count = 3, .bytes = bytes, .starts = offsets, .ends = offsets + 1};
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t) i;

    assert_int_equal(plain_encode(&leaf, &values, &out, &err), FIRN_OK);

    assert_int_equal(out.size, 112);
    assert_memory_equal(out.data + 4, bytes, 33);
    assert_memory_equal(out.data + 41, bytes + 33, 32);
    assert_memory_equal(out.data + 77, bytes + 65, 35);
}

static void
fixed_values_have_no_length(void **state)
{
    (void) state;
    const parquet_leaf leaf = {.lane = LANE_BYTES, .physical = PARQUET_FIXED_LEN_BYTE_ARRAY, .type_length = 2};
    const int32_t      starts[] = {0, 4}, ends[] = {2, 6};
    const value_view   values = {.count = 2, .bytes = (const uint8_t *) "ab--cd", .starts = starts, .ends = ends};

    assert_int_equal(plain_encode(&leaf, &values, &out, &err), FIRN_OK);

    ASSERT_BYTES('a', 'b', 'c', 'd');
}

static void
booleans_are_bits_from_the_lowest(void **state)
{
    (void) state;
    const uint8_t bools[] = {1, 0, 1, 1, 0, 0, 0, 1, 0, 1, 1};

    assert_int_equal(plain_pack_bools(firn_slice_of(bools, sizeof bools), &out, &err), FIRN_OK);

    ASSERT_BYTES(0x8d, 0x06);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(integers_are_little_endian),
        TEST(wide_decimals_are_big_endian_of_their_length),
        TEST(strings_have_their_length_before_them),
        TEST(long_strings_are_copied_whole),
        TEST(fixed_values_have_no_length),
        TEST(booleans_are_bits_from_the_lowest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
