#include "base/calendar.h"

#include <stdio.h>
#include <string.h>

#include "base/decimal.h"

/*
 * Years are counted from March 1 of year 0, so that the leap day is the last of its year, and in
 * eras of 400 years, which all have the same number of days.
 */
enum {
    DAYS_PER_ERA = 146097,
    DAYS_TO_EPOCH = 719468, /* 0000-03-01 to 1970-01-01 */
    YEAR_MAX = 999999       /* of texts: far beyond what microseconds in 64 bits reach */
};

static int64_t
floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t
floor_mod(int64_t a, int64_t b)
{
    int64_t rest = a % b;
    return rest < 0 ? rest + b : rest;
}

calendar_date
calendar_date_of_days(int64_t days)
{
    /* The rest first: days + DAYS_TO_EPOCH could overflow. */
    int64_t shifted = floor_mod(days, DAYS_PER_ERA) + DAYS_TO_EPOCH;
    int64_t era = floor_div(days, DAYS_PER_ERA) + shifted / DAYS_PER_ERA;
    int     day_of_era = (int) (shifted % DAYS_PER_ERA);
    int     year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / (DAYS_PER_ERA - 1)) / 365;
    int     day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int     month_from_march = (5 * day_of_year + 2) / 153; /* 153 days in each five months */
    int     month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;

    return (calendar_date){
        .year = era * 400 + year_of_era + (month <= 2),
        .month = month,
        .day = day_of_year - (153 * month_from_march + 2) / 5 + 1,
    };
}

int64_t
calendar_days_of_date(calendar_date date)
{
    int64_t year = date.year - (date.month <= 2);
    int64_t era = floor_div(year, 400);
    int64_t year_of_era = floor_mod(year, 400);
    int64_t month_from_march = date.month > 2 ? date.month - 3 : date.month + 9;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_EPOCH;
}

size_t
calendar_format_date(int64_t days, char out[CALENDAR_TEXT_MAX])
{
    calendar_date date = calendar_date_of_days(days);
    const char   *sign = date.year < 0 ? "-" : date.year > 9999 ? "+" : "";
    long long     year = date.year < 0 ? -date.year : date.year;

    return (size_t) snprintf(out, CALENDAR_TEXT_MAX, "%s%04lld-%02d-%02d", sign, year, date.month, date.day);
}

size_t
calendar_format_time(int64_t us_of_day, char out[CALENDAR_TEXT_MAX])
{
    int64_t seconds = us_of_day / 1000000;
    int     fraction = (int) (us_of_day % 1000000);
    int     hours = (int) (seconds / 3600), minutes = (int) (seconds / 60 % 60);
    size_t  size = (size_t) snprintf(out, CALENDAR_TEXT_MAX, "%02d:%02d:%02d", hours, minutes, (int) (seconds % 60));

    if (fraction == 0) return size;
    size += (size_t) snprintf(out + size, CALENDAR_TEXT_MAX - size, ".%06d", fraction);
    while (out[size - 1] == '0') {
        out[--size] = '\0';
    }
    return size;
}

size_t
calendar_format_timestamp(int64_t us, bool utc, char out[CALENDAR_TEXT_MAX])
{
    char   time[CALENDAR_TEXT_MAX];
    size_t size = calendar_format_date(floor_div(us, CALENDAR_US_PER_DAY), out);
    size_t time_size = calendar_format_time(floor_mod(us, CALENDAR_US_PER_DAY), time);

    out[size++] = 'T';
    memcpy(out + size, time, time_size + 1);
    size += time_size;
    if (utc) {
        out[size++] = 'Z';
        out[size] = '\0';
    }
    return size;
}

typedef struct cursor {
    const uint8_t *at, *end;
} cursor;

static bool
take(cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != (uint8_t) wanted) return false;
    c->at++;
    return true;
}

/* A number of min to max digits, at most value_max. */
static bool
take_number(cursor *c, int min, int max, int64_t value_max, int64_t *ret_value)
{
    int64_t value = 0;
    int     count = 0;

    for (; count < max && c->at < c->end && *c->at >= '0' && *c->at <= '9'; count++) {
        value = value * 10 + (*c->at++ - '0');
    }
    *ret_value = value;
    return count >= min && value <= value_max;
}

static bool
parse_date(cursor *c, int64_t *ret_days)
{
    calendar_date back, date;
    int64_t       year, month, day;
    bool          negative = take(c, '-');
    bool          is_signed = negative || take(c, '+');

    if (!take_number(c, 4, is_signed ? 6 : 4, YEAR_MAX, &year) || !take(c, '-') || !take_number(c, 2, 2, 12, &month) ||
        !take(c, '-') || !take_number(c, 2, 2, 31, &day)) {
        return false;
    }
    if (month == 0 || day == 0) return false;
    date = (calendar_date){negative ? -year : year, (int) month, (int) day};
    *ret_days = calendar_days_of_date(date);
    back = calendar_date_of_days(*ret_days); /* February 30 comes back as another day */
    return back.month == date.month && back.day == date.day;
}

static bool
parse_time(cursor *c, int64_t *ret_us)
{
    int64_t hours, minutes, seconds = 0, fraction = 0;

    if (!take_number(c, 2, 2, 23, &hours) || !take(c, ':') || !take_number(c, 2, 2, 59, &minutes)) return false;
    if (take(c, ':')) {
        if (!take_number(c, 2, 2, 59, &seconds)) return false;
        if (take(c, '.')) {
            const uint8_t *start = c->at;
            if (!take_number(c, 1, 6, 999999, &fraction)) return false;
            for (int64_t digits = c->at - start; digits < 6; digits++) {
                fraction *= 10;
            }
        }
    }
    *ret_us = ((hours * 60 + minutes) * 60 + seconds) * 1000000 + fraction;
    return true;
}

static bool
parse_zone(cursor *c, int64_t *ret_us)
{
    int64_t hours, minutes = 0;
    bool    west;

    *ret_us = 0;
    if (c->at == c->end || take(c, 'Z')) return true;
    west = take(c, '-');
    if (!west && !take(c, '+')) return false;
    if (!take_number(c, 2, 2, 23, &hours)) return false;
    if (take(c, ':') && !take_number(c, 2, 2, 59, &minutes)) return false;
    *ret_us = (hours * 60 + minutes) * 60000000 * (west ? -1 : 1);
    return true;
}

bool
calendar_parse_timestamp(firn_slice text, int64_t *ret_us)
{
    cursor  c;
    int64_t days, us, zone;
    int128  total;

    if (text.size == 0) return false;
    c = (cursor){text.data, text.data + text.size};
    if (!parse_date(&c, &days)) return false;
    if (!take(&c, 'T') && !take(&c, ' ')) return false;
    if (!parse_time(&c, &us) || !parse_zone(&c, &zone) || c.at != c.end) return false;
    /* In 64 bits the first day of the range would overflow, although its later hours do not. */
    total = (int128) days * CALENDAR_US_PER_DAY + us - zone;
    if (total < INT64_MIN || total > INT64_MAX) return false;
    *ret_us = (int64_t) total;
    return true;
}
