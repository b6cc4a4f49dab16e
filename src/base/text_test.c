#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/digits.h"

static void
integers_are_whole_texts_without_overflow(void **state)
{
    int64_t  i = 7;
    uint64_t u = 7;
    (void) state;

    assert_true(text_parse_i64(firn_slice_text("-9223372036854775808"), &i) && i == INT64_MIN);
    assert_true(text_parse_i64(firn_slice_text("9223372036854775807"), &i) && i == INT64_MAX);
    assert_true(text_parse_i64(firn_slice_text("+12"), &i) && i == 12);
    assert_true(text_parse_u64(firn_slice_text("18446744073709551615"), &u) && u == UINT64_MAX);
    i = 7;
    u = 7;
    static const char *const bad[] = {
        "", "-", "+", " 1", "1 ", "1.0", "0x10", "--1", "9223372036854775808", "-9223372036854775809"};
    for (size_t n = 0; n < FIRN_COUNT(bad); n++) {
        assert_false(text_parse_i64(firn_slice_text(bad[n]), &i));
    }
    assert_false(text_parse_u64(firn_slice_text("18446744073709551616"), &u));
    assert_false(text_parse_u64(firn_slice_text("-1"), &u));
    assert_false(text_parse_u64(firn_slice_of(NULL, 0), &u));
    assert_true(i == 7 && u == 7); /* untouched */
}

static void
sizes_have_binary_and_decimal_units(void **state)
{
    static const struct {
        const char *text;
        uint64_t    bytes;
    } good[] = {
        {"4096", 4096},  {"128MiB", 128 << 20},       {"512M", 512 << 20},
        {"1G", 1 << 30}, {"1GB", 1000000000},         {"2kb", 2000},
        {"2k", 2048},    {"1.5G", 3 << 29},           {"0", 0},
        {"7B", 7},       {"1TiB", UINT64_C(1) << 40}, {"18446744073709551615", UINT64_MAX},
    };
    static const char *const bad[] = {"",     "M",  "-1M",   "1 M",       "1.M",
                                      "0.3K", "1Q", "1MiBB", "99999999T", "1.0000000001G"};
    uint64_t                 bytes;
    (void) state;

    for (size_t i = 0; i < FIRN_COUNT(good); i++) {
        assert_true(text_parse_size(firn_slice_text(good[i].text), &bytes));
        assert_true(bytes == good[i].bytes);
    }
    for (size_t i = 0; i < FIRN_COUNT(bad); i++) {
        assert_false(text_parse_size(firn_slice_text(bad[i]), &bytes));
    }
}

static void
durations_need_a_unit(void **state)
{
    uint64_t ms;
    (void) state;

    assert_true(text_parse_duration(firn_slice_text("250ms"), &ms) && ms == 250);
    assert_true(text_parse_duration(firn_slice_text("10s"), &ms) && ms == 10000);
    assert_true(text_parse_duration(firn_slice_text("1.5m"), &ms) && ms == 90000);
    assert_true(text_parse_duration(firn_slice_text("2h"), &ms) && ms == 7200000);
    assert_true(text_parse_duration(firn_slice_text("3d"), &ms) && ms == 259200000);
    assert_false(text_parse_duration(firn_slice_text("10"), &ms));
    assert_false(text_parse_duration(firn_slice_text("s"), &ms));
    assert_false(text_parse_duration(firn_slice_text("10 s"), &ms));
    assert_false(text_parse_duration(firn_slice_text("0.5ms"), &ms));
}

static void
booleans_have_four_spellings_each(void **state)
{
    bool value = false;
    (void) state;

    assert_true(text_parse_bool(firn_slice_text("Yes"), &value) && value);
    assert_true(text_parse_bool(firn_slice_text("off"), &value) && !value);
    assert_true(text_parse_bool(firn_slice_text("1"), &value) && value);
    assert_false(text_parse_bool(firn_slice_text("y"), &value));
    assert_false(text_parse_bool(firn_slice_text(""), &value));
    assert_true(value);
}

static void
nearest_name_is_near(void **state)
{
    static const char *const names[] = {"bulk_load", "follow", "types", "table-filter", "parallel_tables"};
    (void) state;

    assert_string_equal(text_nearest("bulk_laod", names, FIRN_COUNT(names)), "bulk_load");
    assert_string_equal(text_nearest("FOLOW", names, FIRN_COUNT(names)), "follow");
    assert_string_equal(text_nearest("type", names, FIRN_COUNT(names)), "types");
    assert_string_equal(text_nearest("paralel_table", names, FIRN_COUNT(names)), "parallel_tables");
    assert_null(text_nearest("zebra", names, FIRN_COUNT(names)));
    assert_null(text_nearest("", names, FIRN_COUNT(names)));
}

static void
like_matches_as_sql_does(void **state)
{
    static const struct {
        const char *text, *pattern;
        bool        matches;
    } cases[] = {
        {"orders", "orders", true},
        {"orders", "order", false},
        {"orders", "ord%", true},
        {"orders", "%ers", true},
        {"orders", "%", true},
        {"", "%", true},
        {"", "", true},
        {"", "_", false},
        {"orders", "o_d%s", true},
        {"orders", "______", true},
        {"orders", "_____", false},
        {"Orders", "orders", false},
        {"a%b", "a\\%b", true},
        {"axb", "a\\%b", false},
        {"a_b", "a\\_b", true},
        {"axb", "a\\_b", false},
        {"a\\b", "a\\\\b", true},
        {"aXbXc", "a%b%c", true},
        {"aXbX", "a%b%c", false},
        {"mississippi", "m%iss%ip%i", true},
        {"Gr\xC3\xB6\xC3\x9F"
         "e",
         "Gr__e", true},
        {"Gr\xC3\xB6\xC3\x9F"
         "e",
         "Gr_e", false},
        {"a", "a%%", true},
        {"abab", "%ab", true},
        {"ab", "ab_%", false},
        {"x\\", "x\\", true},
    };
    (void) state;

    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        if (text_like(cases[i].text, cases[i].pattern) != cases[i].matches) {
            fail_msg("'%s' LIKE '%s'", cases[i].text, cases[i].pattern);
        }
    }
}

static void
like_does_not_explode(void **state)
{
    char text[4001], pattern[400];
    (void) state;

    memset(text, 'a', 4000);
    text[4000] = '\0';
    for (size_t i = 0; i + 2 < sizeof pattern; i += 2) {
        memcpy(pattern + i, "%a", 3);
    }
    pattern[sizeof pattern - 2] = 'b';
    pattern[sizeof pattern - 1] = '\0';

    assert_false(text_like(text, pattern)); /* backtracking into every % would take for ever */
}

static void
utf8_is_checked_strictly(void **state)
{
    static const char *const good[] = {"",
                                       "plain",
                                       "\xC3\xA9",
                                       "\xE2\x82\xAC",
                                       "\xF0\x9F\x98\x80",
                                       "\xEE\x80\x80",
                                       "\xED\x9F\xBF",
                                       "\xF4\x8F\xBF\xBF",
                                       "12345678\xC3\xA9"
                                       "12345678"};
    static const char *const bad[] = {"\x80",
                                      "\xC3",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xE0\x80\x80",
                                      "\xED\xA0\x80",
                                      "\xF0\x80\x80\x80",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xE2\x82",
                                      "12345678\xFF",
                                      "1234567\xE2\x28\xA1"};
    (void) state;

    for (size_t i = 0; i < FIRN_COUNT(good); i++) {
        assert_true(text_is_utf8((const uint8_t *) good[i], strlen(good[i])));
    }
    for (size_t i = 0; i < FIRN_COUNT(bad); i++) {
        assert_false(text_is_utf8((const uint8_t *) bad[i], strlen(bad[i])));
    }
}

static void
utf8_prefix_counts_characters(void **state)
{
    const uint8_t *text = (const uint8_t *) "a\xC3\xA9\xF0\x9F\x98\x80z";
    (void) state;

    assert_int_equal(text_utf8_prefix(text, 8, 0), 0);
    assert_int_equal(text_utf8_prefix(text, 8, 1), 1);
    assert_int_equal(text_utf8_prefix(text, 8, 2), 3);
    assert_int_equal(text_utf8_prefix(text, 8, 3), 7);
    assert_int_equal(text_utf8_prefix(text, 8, 4), 8);
    assert_int_equal(text_utf8_prefix(text, 8, 99), 8);
}

static void
numbers_for_people_are_short(void **state)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {.size_bytes_max = 100};
    firn_error                              err = {0};
    char                                    text[32];
    static const struct {
        uint64_t    value;
        const char *bytes, *duration;
    } cases[] = {
        {0, "0 B", "0ms"},
        {812, "812 B", "812ms"},
        {3456, "3.4 kB", "3.4s"},
        {842000, "842 kB", "14m02s"},
        {96300000000, "96.3 GB", "26750h00m"},
        {UINT64_MAX, "18.4 EB", "5124095576030h25m"},
    };
    (void) state;

    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        text_format_bytes(cases[i].value, text);
        assert_string_equal(text, cases[i].bytes);
        text_format_duration(cases[i].value, text);
        assert_string_equal(text, cases[i].duration);
    }
    assert_int_equal(text_add_grouped(&out, 1204331002, &err), FIRN_OK);
    assert_int_equal(firn_buffer_add_byte(&out, ' ', &err), FIRN_OK);
    assert_int_equal(text_add_grouped(&out, 0, &err), FIRN_OK);
    assert_int_equal(firn_buffer_add_byte(&out, ' ', &err), FIRN_OK);
    assert_int_equal(text_add_grouped(&out, UINT64_MAX, &err), FIRN_OK);
    assert_int_equal(firn_buffer_add_byte(&out, 0, &err), FIRN_OK);
    assert_string_equal((const char *) out.data, "1,204,331,002 0 18,446,744,073,709,551,615");
}

static void
percent_encoding_keeps_what_was_asked(void **state)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {.size_bytes_max = 100};
    firn_error                              err = {0};
    (void) state;

    assert_int_equal(text_add_percent_encoded(&out, firn_slice_of("a/b c\xC3\xA9=~\0x", 11), "/", &err), FIRN_OK);
    assert_int_equal(firn_buffer_add_byte(&out, 0, &err), FIRN_OK);
    assert_string_equal((const char *) out.data, "a/b%20c%C3%A9%3D%7E%00x");
}

static void
ends_and_cases(void **state)
{
    (void) state;

    assert_true(text_starts_with("orders", "ord") && !text_starts_with("or", "ord"));
    assert_true(text_ends_with("orders", "ers") && !text_ends_with("rs", "ers"));
    assert_true(text_equal_nocase("NUMERIC", "numeric") && !text_equal_nocase("numeric", "numerics"));
}

static void
digits_are_told_from_all_other_bytes(void **state)
{
    uint8_t  text[20];
    uint64_t number;
    (void) state;

    for (size_t size = 1; size <= 19; size++) {
        for (size_t at = 0; at < size; at++) {
            for (unsigned byte = 0; byte < 256; byte++) {
                uint64_t wanted = 0;
                for (size_t i = 0; i < size; i++) text[i] = (uint8_t) ('0' + (i * 7 + 1) % 10);
                text[at] = (uint8_t) byte;
                bool are_digits = byte >= '0' && byte <= '9';
                assert_ptr_equal(digits_skip(text, text + size), are_digits ? text + size : text + at);
                assert_int_equal(digits_parse(text, size, &number), are_digits);
                if (!are_digits) continue;
                for (size_t i = 0; i < size; i++) wanted = 10 * wanted + (uint64_t) (text[i] - '0');
                assert_int_equal(number, wanted);
            }
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_whole_texts_without_overflow),
        cmocka_unit_test(sizes_have_binary_and_decimal_units),
        cmocka_unit_test(durations_need_a_unit),
        cmocka_unit_test(booleans_have_four_spellings_each),
        cmocka_unit_test(nearest_name_is_near),
        cmocka_unit_test(like_matches_as_sql_does),
        cmocka_unit_test(like_does_not_explode),
        cmocka_unit_test(utf8_is_checked_strictly),
        cmocka_unit_test(utf8_prefix_counts_characters),
        cmocka_unit_test(numbers_for_people_are_short),
        cmocka_unit_test(percent_encoding_keeps_what_was_asked),
        cmocka_unit_test(ends_and_cases),
        cmocka_unit_test(digits_are_told_from_all_other_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
