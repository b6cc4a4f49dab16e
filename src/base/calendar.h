/*
 * Proleptic Gregorian days and microseconds since 1970-01-01 UTC, and their ISO text.
 */
#ifndef FIRN_BASE_CALENDAR_H
#define FIRN_BASE_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/slice.h"

#define CALENDAR_TEXT_MAX 64
#define CALENDAR_US_PER_DAY INT64_C(86400000000)
/* PostgreSQL counts from 2000-01-01. */
#define CALENDAR_PG_EPOCH_DAYS 10957
#define CALENDAR_PG_EPOCH_US (INT64_C(10957) * CALENDAR_US_PER_DAY)

typedef struct calendar_date {
    int64_t year; /* astronomical: 0 = 1 BC */
    int     month, day;
} calendar_date;

calendar_date calendar_date_of_days(int64_t days);
int64_t       calendar_days_of_date(calendar_date date);

/* ISO 8601; years beyond 0000..9999 with sign and at least four digits: "-0043-03-15", "+10000-01-01". */
size_t calendar_format_date(int64_t days, char out[CALENDAR_TEXT_MAX]);
/* "13:45:30.123456"; the fraction is left out when zero, else trimmed to what is needed. */
size_t calendar_format_time(int64_t us_of_day, char out[CALENDAR_TEXT_MAX]);
/* "2024-01-31T13:45:30.123456" and, with `utc`, a trailing "Z". */
size_t calendar_format_timestamp(int64_t us, bool utc, char out[CALENDAR_TEXT_MAX]);
/* The inverse of the above, also with a blank for the T, without seconds, ±hh[:mm] for the Z. False: not
 * such a text, or beyond what the type holds. */
FIRN_MUST_USE bool calendar_parse_timestamp(firn_slice text, int64_t *ret_us);

#endif
