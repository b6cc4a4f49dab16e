#include "base/decimal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

#define LEAST ((int128) ((uint128) 1 << 127))

static void
powers_of_ten_follow_each_other(void **state)
{
    (void) state;

    assert_true(decimal_power_of_ten[0] == 1);
    for (unsigned i = 1; i <= DECIMAL_PRECISION_MAX; i++) {
        assert_true(decimal_power_of_ten[i] == decimal_power_of_ten[i - 1] * 10);
    }
}

static void
texts_are_exact(void **state)
{
    static const struct {
        int64_t     value;
        int         scale;
        const char *text;
    } cases[] = {
        {-12340, 3, "-12.340"}, {0, 0, "0"},  {0, 2, "0.00"},   {5, 3, "0.005"}, {-5, 1, "-0.5"},
        {123, -2, "12300"},     {0, -5, "0"}, {100, 2, "1.00"}, {-7, 0, "-7"},   {99, 2, "0.99"},
    };
    char text[DECIMAL_TEXT_MAX + 64];
    (void) state;

    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        int128 back;
        assert_int_equal(decimal_format(cases[i].value, cases[i].scale, text), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
        assert_true(decimal_parse(firn_slice_text(text), cases[i].scale, &back) && back == cases[i].value);
    }
    decimal_format(LEAST, 0, text);
    assert_string_equal(text, "-170141183460469231731687303715884105728");
    decimal_format(LEAST, 104, text);
    assert_int_equal(strlen(text), 1 + 2 + 104);
    decimal_format(LEAST, -64, text);
    assert_int_equal(strlen(text), 1 + 39 + 64);
}

static void
parsing_refuses_what_would_lose_digits(void **state)
{
    static const struct {
        const char *text;
        int         scale;
        bool        fits;
        int64_t     value;
    } cases[] = {
        {"1.5", 1, true, 15},
        {"1.50", 1, true, 15},
        {"1.55", 1, false, 0},
        {"1", 3, true, 1000},
        {"100", -2, true, 1},
        {"150", -2, false, 0},
        {"+1", 0, true, 1},
        {"-0.0", 0, true, 0},
        {".5", 1, true, 5},
        {"5.", 0, true, 5},
        {"", 0, false, 0},
        {".", 0, false, 0},
        {"-", 0, false, 0},
        {"1e5", 0, false, 0},
        {"1.2.3", 2, false, 0},
        {" 1", 0, false, 0},
        {"NaN", 0, false, 0},
        {"0000000000000000000000000000000000000000000001", 0, true, 1},
        {"0.0000000000000000000000000000000000000000000000000000000", 2, true, 0},
        {"1010", -1, true, 101},
    };
    int128 value;
    (void) state;

    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        bool fits = decimal_parse(firn_slice_text(cases[i].text), cases[i].scale, &value);
        if (fits != cases[i].fits || (fits && value != cases[i].value)) {
            fail_msg("'%s' at scale %d", cases[i].text, cases[i].scale);
        }
    }
    assert_true(decimal_parse(firn_slice_text("99999999999999999999999999999999999999"), 0, &value));
    assert_true((uint128) value == decimal_power_of_ten[38] - 1);
    assert_false(decimal_parse(firn_slice_text("100000000000000000000000000000000000000"), 0, &value));
    assert_false(decimal_parse(firn_slice_text("1"), 38, &value));
    assert_false(decimal_parse(firn_slice_text("1"), 1000000000, &value));
    assert_true(decimal_parse(firn_slice_text("0"), 1000000000, &value) && value == 0);
}

static void
precision_is_the_number_of_digits(void **state)
{
    (void) state;

    assert_true(decimal_fits(999, 3) && decimal_fits(-999, 3));
    assert_false(decimal_fits(1000, 3) || decimal_fits(-1000, 3));
    assert_true(decimal_fits((int128) decimal_power_of_ten[38] - 1, 38));
    assert_false(decimal_fits((int128) decimal_power_of_ten[38], 38));
    assert_false(decimal_fits(LEAST, 38));
}

/* Iceberg spec, appendix B, "fixed-length" table: the bytes that a precision needs. */
static void
sizes_of_precisions_are_those_of_the_spec(void **state)
{
    static const unsigned most[] = {0, 2, 4, 6, 9, 11, 14, 16, 18, 21, 23, 26, 28, 31, 33, 35, 38};
    (void) state;

    for (unsigned size = 1; size <= 16; size++) {
        assert_int_equal(decimal_size_of_precision(most[size]), size);
        if (size < 16) assert_int_equal(decimal_size_of_precision(most[size] + 1), size + 1);
    }
}

static void
bytes_are_the_least_twos_complement(void **state)
{
    static const struct {
        int64_t     value;
        unsigned    size;
        const char *bytes;
    } cases[] = {
        {0, 1, "\x00"},       {127, 1, "\x7F"},       {128, 2, "\x00\x80"},
        {-128, 1, "\x80"},    {-129, 2, "\xFF\x7F"},  {-1, 1, "\xFF"},
        {255, 2, "\x00\xFF"}, {14200, 2, "\x37\x78"}, {-65536, 3, "\xFF\x00\x00"},
    };
    uint8_t bytes[20];
    (void) state;

    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        assert_int_equal(decimal_size_min(cases[i].value), cases[i].size);
        decimal_store_be(cases[i].value, bytes, cases[i].size);
        assert_memory_equal(bytes, cases[i].bytes, cases[i].size);
    }
    assert_int_equal(decimal_size_min(LEAST), 16);
    decimal_store_be(-2, bytes, 20);
    assert_memory_equal(bytes, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE", 20);
}

static void
random_values_come_back(void **state)
{
    (void) state;
    firn_random_seed(20240731);

    for (int round = 0; round < 20000; round++) {
        unsigned shift = (unsigned) (firn_random_u64() % 127);
        int128   value = (int128) ((uint128) firn_random_u64() << 64 | firn_random_u64()) >> shift;
        int      scale = (int) (firn_random_u64() % 60) - 15;
        char     text[DECIMAL_TEXT_MAX + 64];
        uint8_t  bytes[16];
        unsigned size = decimal_size_min(value);
        int128   back;

        decimal_store_be(value, bytes, size);
        assert_true(decimal_load_be(bytes, size) == value);
        if (size > 1) {
            decimal_store_be(value, bytes, size - 1);
            assert_false(decimal_load_be(bytes, size - 1) == value); /* one less would lose it */
        }
        if (!decimal_fits(value, DECIMAL_PRECISION_MAX)) continue;
        decimal_format(value, scale, text);
        assert_true(decimal_parse(firn_slice_text(text), scale, &back));
        assert_true(back == value);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(powers_of_ten_follow_each_other),
        cmocka_unit_test(texts_are_exact),
        cmocka_unit_test(parsing_refuses_what_would_lose_digits),
        cmocka_unit_test(precision_is_the_number_of_digits),
        cmocka_unit_test(sizes_of_precisions_are_those_of_the_spec),
        cmocka_unit_test(bytes_are_the_least_twos_complement),
        cmocka_unit_test(random_values_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
