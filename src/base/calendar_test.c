#include "base/calendar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

static void
known_days_have_known_dates(void **state)
{
    static const struct {
        int64_t     days;
        const char *text;
    } cases[] = {
        {0, "1970-01-01"},
        {-1, "1969-12-31"},
        {10957, "2000-01-01"},
        {11016, "2000-02-29"},
        {-719162, "0001-01-01"},
        {-719163, "0000-12-31"},
        {-719528, "0000-01-01"},
        {-719529, "-0001-12-31"},
        {2932896, "9999-12-31"},
        {2932897, "+10000-01-01"},
        {-2440588, "-4713-11-24"},
        {-135081, "1600-02-29"},
        /* PostgreSQL's last and first date */
        {2145031948 + INT64_C(10957), "+5874897-12-31"},
        {-735160, "-0043-03-15"},
    };
    char text[CALENDAR_TEXT_MAX];
    (void) state;

    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        calendar_format_date(cases[i].days, text);
        assert_string_equal(text, cases[i].text);
        assert_true(calendar_days_of_date(calendar_date_of_days(cases[i].days)) == cases[i].days);
    }
}

/* Walks 1200 years day by day with the rule itself, not with the formula. */
static void
days_follow_the_gregorian_rule(void **state)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    calendar_date    expected = {-400, 1, 1};
    int64_t          days = calendar_days_of_date(expected);
    (void) state;

    for (; expected.year < 800; days++) {
        calendar_date date = calendar_date_of_days(days);
        bool          leap = expected.year % 4 == 0 && (expected.year % 100 != 0 || expected.year % 400 == 0);
        assert_true(date.year == expected.year && date.month == expected.month && date.day == expected.day);
        assert_true(calendar_days_of_date(date) == days);
        if (++expected.day > lengths[expected.month - 1] + (leap && expected.month == 2)) {
            expected.day = 1;
            if (++expected.month > 12) {
                expected.month = 1;
                expected.year++;
            }
        }
    }
}

static void
any_day_is_safe(void **state)
{
    char text[CALENDAR_TEXT_MAX];
    (void) state;

    assert_true(calendar_format_date(INT64_MAX, text) < CALENDAR_TEXT_MAX);
    assert_true(calendar_format_date(INT64_MIN, text) < CALENDAR_TEXT_MAX);
    assert_true(calendar_days_of_date(calendar_date_of_days(INT64_MAX / 2)) == INT64_MAX / 2);
}

static void
times_have_the_fraction_they_need(void **state)
{
    char text[CALENDAR_TEXT_MAX];
    (void) state;

    assert_int_equal(calendar_format_time(0, text), 8);
    assert_string_equal(text, "00:00:00");
    assert_int_equal(calendar_format_time(INT64_C(49530123456), text), 15);
    assert_string_equal(text, "13:45:30.123456");
    calendar_format_time(INT64_C(49530120000), text);
    assert_string_equal(text, "13:45:30.12");
    calendar_format_time(CALENDAR_US_PER_DAY, text); /* PostgreSQL has 24:00:00 */
    assert_string_equal(text, "24:00:00");
    calendar_format_time(1, text);
    assert_string_equal(text, "00:00:00.000001");
}

static void
timestamps_reach_both_ends(void **state)
{
    static const struct {
        int64_t     us;
        bool        utc;
        const char *text;
    } cases[] = {
        {0, true, "1970-01-01T00:00:00Z"},
        {-1, false, "1969-12-31T23:59:59.999999"},
        {INT64_MAX, false, "+294247-01-10T04:00:54.775807"},
        {INT64_MIN, false, "-290308-12-21T19:59:05.224192"},
        {INT64_C(1706708730123456), false, "2024-01-31T13:45:30.123456"},
    };
    char text[CALENDAR_TEXT_MAX];
    (void) state;

    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        int64_t back;
        assert_int_equal(calendar_format_timestamp(cases[i].us, cases[i].utc, text), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
        assert_true(calendar_parse_timestamp(firn_slice_text(text), &back) && back == cases[i].us);
    }
}

static void
zones_and_blanks_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t     us;
    } good[] = {
        {"1970-01-01 00:00:01", 1000000}, {"1970-01-01 00:01", 60000000},   {"1970-01-01T00:00:00.5", 500000},
        {"1970-01-01T02:00:00+02", 0},    {"1970-01-01T02:30:00+02:30", 0}, {"1969-12-31T19:00:00-05:00", 0},
    };
    static const char *const bad[] = {
        "",
        "1970-01-01",
        "1970-01-01T",
        "1970-01-01T00",
        "1970-02-29T00:00:00",
        "1900-02-29T00:00:00",
        "1970-13-01T00:00:00",
        "1970-00-01T00:00:00",
        "1970-01-00T00:00:00",
        "1970-01-01T24:00:00",
        "1970-01-01T00:60:00",
        "1970-01-01T00:00:60",
        "1970-01-01T00:00:00.",
        "1970-01-01T00:00:00.1234567",
        "1970-01-01T00:00:00X",
        "1970-01-01T00:00:00Z ",
        "1970-01-01T00:00:00+",
        "1970-01-01T00:00:00+02:",
        "970-01-01T00:00:00",
        "10000-01-01T00:00:00",
        "+294247-01-10T04:00:54.775808",
        "-290308-12-21T19:59:05.224191",
        "+999999-01-01T00:00:00",
    };
    int64_t us;
    (void) state;

    for (size_t i = 0; i < FIRN_COUNT(good); i++) {
        assert_true(calendar_parse_timestamp(firn_slice_text(good[i].text), &us));
        assert_true(us == good[i].us);
    }
    us = 7;
    for (size_t i = 0; i < FIRN_COUNT(bad); i++) {
        if (calendar_parse_timestamp(firn_slice_text(bad[i]), &us)) fail_msg("'%s' was read", bad[i]);
    }
    assert_false(calendar_parse_timestamp(firn_slice_of(NULL, 0), &us));
    assert_int_equal(us, 7);
}

static void
random_timestamps_come_back(void **state)
{
    (void) state;
    firn_random_seed(4711);

    for (int i = 0; i < 50000; i++) {
        int64_t us = (int64_t) firn_random_u64() >> (firn_random_u64() % 63), back;
        char    text[CALENDAR_TEXT_MAX];
        size_t  size = calendar_format_timestamp(us, i & 1, text);
        assert_true(calendar_parse_timestamp(firn_slice_of(text, size), &back));
        assert_true(back == us);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_days_have_known_dates),
        cmocka_unit_test(days_follow_the_gregorian_rule),
        cmocka_unit_test(any_day_is_safe),
        cmocka_unit_test(times_have_the_fraction_they_need),
        cmocka_unit_test(timestamps_reach_both_ends),
        cmocka_unit_test(zones_and_blanks_are_read),
        cmocka_unit_test(random_timestamps_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
