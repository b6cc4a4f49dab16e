#include "postgres/postgres_numeric.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static uint8_t
nibble(char c)
{
    return (uint8_t) (c <= '9' ? c - '0' : c - 'a' + 10);
}

/* Bytes from hex; the caller frees. Exactly as large as the value, so that a sanitizer sees each byte too far. */
static firn_slice
bytes_of(const char *hex)
{
    size_t   size = strlen(hex) / 2;
    uint8_t *bytes = malloc(size ? size : 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t) (nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    }
    return firn_slice_of(bytes, size);
}

static void
free_bytes(firn_slice bytes)
{
    union {
        const uint8_t *seen;
        uint8_t       *own;
    } data = {.seen = bytes.data};
    free(data.own);
}

/* numeric_send's output in PostgreSQL 15. */
static const struct {
    const char *text, *hex;
} golden[] = {
    {"0", "0000000000000000"},
    {"1", "00010000000000000001"},
    {"-1", "00010000400000000001"},
    {"12345.678", "0003000100000003000109291a7c"},
    {"0.0012", "0001ffff00000004000c"},
    {"-0.00000001", "0001fffe400000080001"},
    {"10000", "00010001000000000001"},
    {"100000000", "00010002000000000001"},
    {"9999999999999999.99", "0005000300000002270f270f270f270f26ac"},
    {"NaN", "00000000c0000000"},
    {"Infinity", "00000000d0000020"},
    {"-Infinity", "00000000f0000020"},
    {"99999999999999999999999999999999999999", "000a0009000000000063270f270f270f270f270f270f270f270f270f"},
    {"123456789012345678", "0005000400000000000c0d801ed204d2162e"},
    {"1000000000000000000000000000000", "00010007000000000064"},
    {"0.5", "0001ffff000000011388"},
    {"-2.5", "000200004000000100021388"},
    {"1.005", "000200000000000300010032"},
    {"12.3400", "0002000000000004000c0d48"},
    {"-9999999999999999999999999999.9999999999", "000a00064000000a270f270f270f270f270f270f270f270f270f26ac"},
};

static void
text_is_that_of_the_server(void **state)
{
    (void) state;
    for (size_t i = 0; i < FIRN_COUNT(golden); i++) {
        FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
        firn_slice bytes = bytes_of(golden[i].hex);
        firn_buffer_init(&out, 1 << 20);

        assert_true(numeric_format(bytes, &out));

        assert_int_equal(out.size, strlen(golden[i].text));
        assert_memory_equal(out.data, golden[i].text, out.size);
        free_bytes(bytes);
    }
}

static numeric_outcome
decimal_of(const char *hex, unsigned precision, unsigned scale, char text[DECIMAL_TEXT_MAX + 64])
{
    int128          value = 0;
    firn_slice      bytes = bytes_of(hex);
    numeric_outcome outcome = numeric_to_decimal(bytes, precision, scale, &value);
    decimal_format(value, (int) scale, text);
    free_bytes(bytes);
    return outcome;
}

static void
exact_values_keep_every_digit(void **state)
{
    (void) state;
    static const struct {
        const char *hex, *text;
        unsigned    precision, scale;
    } cases[] = {
        {"0003000100000003000109291a7c", "12345.678", 8, 3},
        {"0003000100000003000109291a7c", "12345.67800", 38, 5},
        {"0000000000000000", "0.00", 5, 2},
        {"0001ffff00000004000c", "0.0012", 4, 4},
        {"0001fffe400000080001", "-0.00000001", 38, 8},
        {"0005000300000002270f270f270f270f26ac", "9999999999999999.99", 18, 2},
        {"000a0009000000000063270f270f270f270f270f270f270f270f270f", "99999999999999999999999999999999999999", 38, 0},
        {"000a00064000000a270f270f270f270f270f270f270f270f270f26ac", "-9999999999999999999999999999.9999999999", 38, 10},
        {"00010002000000000001", "100000000", 9, 0},
    };
    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        char text[DECIMAL_TEXT_MAX + 64];
        assert_int_equal(decimal_of(cases[i].hex, cases[i].precision, cases[i].scale, text), NUMERIC_EXACT);
        assert_string_equal(text, cases[i].text);
    }
}

static void
digits_below_the_scale_round_half_away_from_zero(void **state)
{
    (void) state;
    char text[DECIMAL_TEXT_MAX + 64];
    assert_int_equal(decimal_of("000200004000000100021388", 5, 0, text), NUMERIC_INEXACT); /* -2.5 */
    assert_string_equal(text, "-3");
    assert_int_equal(decimal_of("000200000000000300010032", 5, 2, text), NUMERIC_INEXACT); /* 1.005 */
    assert_string_equal(text, "1.01");
    assert_int_equal(decimal_of("0003000100000003000109291a7c", 8, 2, text), NUMERIC_INEXACT); /* 12345.678 */
    assert_string_equal(text, "12345.68");
    assert_int_equal(decimal_of("0001fffe400000080001", 8, 4, text), NUMERIC_INEXACT);
    assert_string_equal(text, "0.0000");
    /* 99.99 in decimal(3,1) rounds to 100.0, which has four digits. */
    assert_int_equal(decimal_of("0002000000000002006326ac", 3, 1, text), NUMERIC_TOO_LARGE);
    assert_string_equal(text, "99.9");
}

static void
what_is_too_large_gives_the_nearest_value(void **state)
{
    (void) state;
    char text[DECIMAL_TEXT_MAX + 64];
    assert_int_equal(decimal_of("00010007000000000064", 29, 0, text), NUMERIC_TOO_LARGE); /* 1e30 */
    assert_string_equal(text, "99999999999999999999999999999");
    assert_int_equal(decimal_of("00010064000000000001", 38, 0, text), NUMERIC_TOO_LARGE); /* 1e400 */
    assert_int_equal(decimal_of("00000000f0000020", 5, 2, text), NUMERIC_INFINITE);
    assert_string_equal(text, "-999.99");
    assert_int_equal(decimal_of("00000000c0000000", 5, 2, text), NUMERIC_NAN);
    assert_int_equal(decimal_of("00010001000000000001", 4, 0, text), NUMERIC_TOO_LARGE); /* 10000 */
}

static void
damaged_bytes_are_refused(void **state)
{
    (void) state;
    static const char *const bad[] = {
        "",
        "00000000000000",                 /* seven bytes */
        "0001000000000000",               /* a digit is missing */
        "0000000000000000" "0001",        /* a digit too many */
        "0001000000000000" "2710",        /* the digit 10000 */
        "0001000000000000" "ffff",
        "00000000800000000000",           /* an unknown sign */
        "0000000080000000",
        "0001000" "0c0000000" "0001",     /* NaN with digits */
        "ffff00000000000000010001",
        "000000000000ffff",               /* a display scale of 65535 */
    };
    char text[DECIMAL_TEXT_MAX + 64];
    for (size_t i = 0; i < FIRN_COUNT(bad); i++) {
        FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
        double     number;
        int64_t    fast;
        firn_slice bytes = bytes_of(bad[i]);
        firn_buffer_init(&out, 1 << 20);
        assert_int_equal(decimal_of(bad[i], 38, 10, text), NUMERIC_CORRUPT);
        assert_false(numeric_format(bytes, &out));
        /* The fast ways do not look at the display scale: it is no part of the value. */
        if (strcmp(bad[i], "000000000000ffff") != 0) {
            assert_int_equal(numeric_to_double(bytes, &number), NUMERIC_CORRUPT);
            assert_false(numeric_to_i64_fast(bytes.data, bytes.size, 2, &fast));
        }
        free_bytes(bytes);
    }
}

static void
fast_way_agrees_with_the_long_one(void **state)
{
    (void) state;
    uint64_t seed = 20240229;
    unsigned taken = 0;
    for (unsigned round = 0; round < 200000; round++) {
        uint8_t  bytes[8 + 2 * 6];
        uint64_t r = seed = seed * 6364136223846793005u + 1442695040888963407u;
        unsigned digits = (unsigned) (r >> 60) % 7, scale = (unsigned) (r >> 50) % 10;
        store_be16(bytes, (uint16_t) digits);
        store_be16(bytes + 2, (uint16_t) ((int) (r >> 40) % 6 - 2));
        store_be16(bytes + 4, r >> 33 & 1 ? 0x4000 : 0);
        store_be16(bytes + 6, 4);
        for (unsigned i = 0; i < digits; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            store_be16(bytes + 8 + 2 * i, (uint16_t) ((seed >> 40) % (seed >> 63 ? 10000 : 10) * (seed >> 62 & 1 ? 1 : 1000) % 10000));
        }
        int64_t fast;
        int128  slow = 0;
        if (!numeric_to_i64_fast(bytes, 8 + 2 * digits, scale, &fast)) continue;
        taken++;

        numeric_outcome outcome = numeric_to_decimal(firn_slice_of(bytes, 8 + 2 * digits), 38, scale, &slow);

        assert_int_equal(outcome, NUMERIC_EXACT);
        assert_true(slow == (int128) fast);
    }
    assert_true(taken > 20000);
}

static double
double_of(const char *hex, numeric_outcome wanted)
{
    double     value = 0;
    firn_slice bytes = bytes_of(hex);
    assert_int_equal(numeric_to_double(bytes, &value), wanted);
    free_bytes(bytes);
    return value;
}

static void
doubles_are_the_nearest(void **state)
{
    (void) state;
    assert_true(fabs(double_of("0003000100000003000109291a7c", NUMERIC_EXACT) - 12345.678) < DBL_EPSILON);
    assert_true(isnan(double_of("00000000c0000000", NUMERIC_EXACT)));
    assert_true(double_of("00000000f0000020", NUMERIC_EXACT) < -DBL_MAX);
    assert_true(fabs(double_of("00010064000000000001", NUMERIC_TOO_LARGE) - DBL_MAX) < 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_that_of_the_server),
        cmocka_unit_test(exact_values_keep_every_digit),
        cmocka_unit_test(digits_below_the_scale_round_half_away_from_zero),
        cmocka_unit_test(what_is_too_large_gives_the_nearest_value),
        cmocka_unit_test(damaged_bytes_are_refused),
        cmocka_unit_test(fast_way_agrees_with_the_long_one),
        cmocka_unit_test(doubles_are_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
