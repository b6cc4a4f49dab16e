#include <stdio.h>

#include "base/calendar.h"
#include "base/text.h"
#include "debezium/decoding.h"

#define NS_PER_DAY (INT64_C(86400) * 1000000000)
#define NS_PER_SECOND INT64_C(1000000000)

/* What Debezium makes of PostgreSQL's infinities: Java's ends of time in milliseconds, cut to 32 bits of days, or taken for
 * microseconds. */
#define INFINITE_DAYS (-2147472692)
#define MINUS_INFINITE_DAYS (-2147472691)
#define INFINITE_US INT64_C(9223372036825200000)
#define MINUS_INFINITE_US INT64_C(-9223372036832400000)

/* PostgreSQL's first day is Julian day 0, its last one is in the year 5874897. */
#define POSTGRES_DAYS_MIN (-2440588)
#define POSTGRES_DAYS_MAX INT64_C(2145042905)
#define POSTGRES_US_MIN (POSTGRES_DAYS_MIN * CALENDAR_US_PER_DAY)

/* As the load clamps: every reader can show these. */
#define CLAMPED_DAYS_MIN (-719162)
#define CLAMPED_DAYS_MAX 2932896
#define CLAMPED_US_MIN (CLAMPED_DAYS_MIN * CALENDAR_US_PER_DAY)
#define CLAMPED_US_MAX ((CLAMPED_DAYS_MAX + 1) * CALENDAR_US_PER_DAY - 1)

/* ---- texts ---- */

typedef struct text_cursor {
    const uint8_t *at, *end;
} text_cursor;

static bool
take_char(text_cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != (uint8_t) wanted) return false;
    c->at++;
    return true;
}

static bool
take_number(text_cursor *c, unsigned least, unsigned most, int64_t *ret_value)
{
    int64_t  value = 0;
    unsigned count = 0;
    for (; c->at < c->end && (unsigned) (*c->at - '0') <= 9; c->at++, count++) {
        if (count == most) return false;
        value = 10 * value + (*c->at - '0');
    }
    *ret_value = value;
    return count >= least;
}

/* "2024-02-29", "-4712-01-01", "+294276-12-31"; false and nothing taken: a time stands there. */
static bool
take_date(text_cursor *c, dbz_instant *instant)
{
    text_cursor   d = *c;
    calendar_date date;
    int64_t       month, day;
    bool          is_negative = take_char(&d, '-');
    if (!is_negative) (void) take_char(&d, '+');
    if (!take_number(&d, 4, 10, &date.year) || !take_char(&d, '-') || !take_number(&d, 2, 2, &month) || !take_char(&d, '-') ||
        !take_number(&d, 2, 2, &day) || month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    date.month = (int) month;
    date.day = (int) day;
    if (is_negative) date.year = -date.year;
    if (d.end - d.at >= 3 && memcmp(d.end - 3, " BC", 3) == 0) {
        date.year = 1 - date.year;
        d.end -= 3;
    }
    instant->days = calendar_days_of_date(date);
    instant->has_date = true;
    *c = d;
    return true;
}

static bool
take_clock(text_cursor *c, dbz_instant *instant)
{
    int64_t hour, minute, second = 0, fraction = 0;
    if (!take_number(c, 2, 2, &hour) || !take_char(c, ':') || !take_number(c, 2, 2, &minute) || hour > 24 || minute > 59) return false;
    if (take_char(c, ':')) {
        if (!take_number(c, 2, 2, &second) || second > 60) return false;
        if (take_char(c, '.')) {
            const uint8_t *start = c->at;
            if (!take_number(c, 1, 9, &fraction)) return false;
            for (ptrdiff_t i = c->at - start; i < 9; i++) fraction *= 10;
        }
    }
    instant->nanoseconds = ((hour * 60 + minute) * 60 + second) * NS_PER_SECOND + fraction;
    instant->has_time = true;
    return instant->nanoseconds <= NS_PER_DAY;
}

/* Z, +00, +05:30, -15:59:00 */
static bool
take_offset(text_cursor *c, dbz_instant *instant)
{
    int64_t hour, minute = 0, second = 0;
    if (c->at == c->end) return true;
    instant->has_offset = true;
    if (take_char(c, 'Z')) return true;
    bool is_negative = take_char(c, '-');
    if (!is_negative && !take_char(c, '+')) return false;
    if (!take_number(c, 2, 2, &hour) || hour > 18) return false;
    if (take_char(c, ':') && (!take_number(c, 2, 2, &minute) || minute > 59)) return false;
    if (take_char(c, ':') && (!take_number(c, 2, 2, &second) || second > 59)) return false;
    int64_t offset = ((hour * 60 + minute) * 60 + second) * NS_PER_SECOND;
    instant->nanoseconds -= is_negative ? -offset : offset;
    if (instant->nanoseconds < 0) {
        instant->nanoseconds += NS_PER_DAY;
        instant->days--;
    } else if (instant->nanoseconds >= NS_PER_DAY && offset) {
        instant->nanoseconds -= NS_PER_DAY;
        instant->days++;
    }
    return true;
}

bool
dbz_parse_instant(firn_slice text, dbz_instant *ret_instant)
{
    text_cursor c = {text.data, text.data + text.size};
    dbz_instant instant = {0};
    if (firn_slice_equal(text, firn_slice_text("infinity"))) instant.infinity = 1;
    if (firn_slice_equal(text, firn_slice_text("-infinity"))) instant.infinity = -1;
    if (instant.infinity) return *ret_instant = instant, true;
    if (text.size == 0) return false;
    if (take_date(&c, &instant)) {
        if (take_char(&c, 'T') || take_char(&c, ' ')) {
            if (!take_clock(&c, &instant)) return false;
        }
    } else if (!take_clock(&c, &instant)) {
        return false;
    }
    *ret_instant = instant;
    if (!take_offset(&c, ret_instant)) return false;
    return c.at == c.end;
}

/* ---- what both columns of days and of microseconds share ---- */

/* Into the column, or its text where that is a string. */
static firn_status
add_text(dbz_cell *cell, const char *text, size_t size, firn_error *err)
{
    return column_add_bytes(cell->builder, firn_slice_of(text, size), err);
}

static bool
is_string(const dbz_cell *cell)
{
    return cell->type->kind == TYPE_STRING;
}

/* PostgreSQL's text of a day: "2024-02-29", "0044-03-15 BC" without the end. */
static size_t
put_day(char *out, size_t size, int64_t days, bool *ret_is_bc)
{
    calendar_date date = calendar_date_of_days(days);
    *ret_is_bc = date.year <= 0;
    int length = snprintf(out, size, "%04lld-%02d-%02d", (long long) (date.year <= 0 ? 1 - date.year : date.year), date.month, date.day);
    return (size_t) length;
}

static size_t
put_clock(char *out, size_t size, int64_t us)
{
    int64_t seconds = us / 1000000;
    int     fraction = (int) (us % 1000000);
    int length = snprintf(out, size, "%02lld:%02d:%02d", (long long) (seconds / 3600), (int) (seconds / 60 % 60), (int) (seconds % 60));
    if (!fraction) return (size_t) length;
    length += snprintf(out + length, size - (size_t) length, ".%06d", fraction);
    while (out[length - 1] == '0') length--;
    return (size_t) length;
}

/* ±infinity, restored: PostgreSQL's own word in a string. */
static firn_status
add_infinity(dbz_row *row, dbz_cell *cell, int sign, const char *problem, firn_error *err)
{
    bool        is_null;
    const char *text = sign < 0 ? "-infinity" : "infinity";
    if (is_string(cell)) return add_text(cell, text, strlen(text), err);
    FIRN_TRY(dbz_settle(row, cell, REMEDY_CLAMP, text, problem, &is_null, err));
    if (is_null) return column_add_null(cell->builder, err);
    if (cell->type->kind == TYPE_DATE) return column_add_i64(cell->builder, sign < 0 ? CLAMPED_DAYS_MIN : CLAMPED_DAYS_MAX, err);
    return column_add_i64(cell->builder, sign < 0 ? CLAMPED_US_MIN : CLAMPED_US_MAX, err);
}

/* ---- dates ---- */

static firn_status
add_days(dbz_row *row, dbz_cell *cell, const dbz_value *value, int64_t days, firn_error *err)
{
    if (row->connector == DBZ_POSTGRES) {
        if (days == INFINITE_DAYS) return add_infinity(row, cell, 1, "there is no infinity in date", err);
        if (days == MINUS_INFINITE_DAYS) return add_infinity(row, cell, -1, "there is no infinity in date", err);
        if (days < POSTGRES_DAYS_MIN || days > POSTGRES_DAYS_MAX)
            return dbz_add_damaged(row, cell, "a day that PostgreSQL does not have", err);
    }
    if (days < INT32_MIN || days > INT32_MAX) return dbz_fail_corrupt(row, cell, value, err);
    if (is_string(cell)) {
        char   text[64];
        bool   is_bc;
        size_t size = put_day(text, sizeof text - 4, days, &is_bc);
        if (is_bc) memcpy(text + size, " BC", 3);
        return add_text(cell, text, size + (is_bc ? 3 : 0), err);
    }
    return column_add_i64(cell->builder, days, err);
}

firn_status
dbz_add_date(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err)
{
    dbz_instant instant;
    if (value->kind == DBZ_VALUE_INTEGER) {
        if (cell->form.kind == DBZ_FORM_TIMESTAMP && cell->form.unit_ns) {
            /* Oracle's DATE in a column that was made a date. */
            int64_t per_day = NS_PER_DAY / cell->form.unit_ns;
            if (value->integer % per_day) return dbz_fail_corrupt(row, cell, value, err);
            return add_days(row, cell, value, value->integer / per_day, err);
        }
        return add_days(row, cell, value, value->integer, err);
    }
    if (value->kind != DBZ_VALUE_TEXT || !dbz_parse_instant(value->text, &instant)) return dbz_fail_corrupt(row, cell, value, err);
    if (instant.infinity) return add_infinity(row, cell, instant.infinity, "there is no infinity in date", err);
    if (!instant.has_date || instant.nanoseconds) return dbz_fail_corrupt(row, cell, value, err);
    return add_days(row, cell, value, instant.days, err);
}

/* ---- fractions ---- */

/* Milliseconds where the column has more digits. */
static bool
has_lost_digits(const dbz_cell *cell)
{
    const dbz_form *form = &cell->form;
    if (form->unit_ns != 1000000) return false;
    if (form->has_fraction_digits) return form->fraction_digits > 3;
    return form->is_connect;
}

/* Nanoseconds → microseconds; *ret_null: the policy's answer. Rounds half away from zero where the policy says so. */
static firn_status
narrow_ns(dbz_row *row, dbz_cell *cell, const dbz_value *value, int64_t ns, int64_t *ret_us, bool *ret_null, firn_error *err)
{
    int64_t us = ns / 1000, rest = ns % 1000;
    *ret_null = false;
    if (rest) {
        char shown[96];
        dbz_value_show(value, shown, sizeof shown);
        FIRN_TRY(dbz_settle(row, cell, REMEDY_CLAMP_OR_ROUND, shown, "more digits than microseconds", ret_null, err));
        if (rest >= 500) us++;
        if (rest <= -500) us--;
    }
    *ret_us = us;
    return FIRN_OK;
}

static firn_status
fail_unit(dbz_row *row, dbz_cell *cell, firn_error *err)
{
    return dbz_fail_unclear(row, cell, "a number of milliseconds, microseconds or nanoseconds", err);
}

/* ---- times ---- */

static firn_status
add_us_of_day(dbz_row *row, dbz_cell *cell, const dbz_value *value, int64_t us, firn_error *err)
{
    bool is_null = false;
    bool is_of_day = us >= 0 && us <= CALENDAR_US_PER_DAY;
    char text[64], shown[96];
    if (is_string(cell)) {
        if (!is_of_day && row->connector != DBZ_MYSQL) return dbz_fail_corrupt(row, cell, value, err);
        if (us == INT64_MIN) return dbz_fail_corrupt(row, cell, value, err);
        text[0] = '-';
        size_t size = put_clock(text + 1, sizeof text - 1, us < 0 ? -us : us);
        return us < 0 ? add_text(cell, text, size + 1, err) : add_text(cell, text + 1, size, err);
    }
    if (!is_of_day && row->connector != DBZ_MYSQL) return dbz_fail_corrupt(row, cell, value, err);
    if (us < 0 || us >= CALENDAR_US_PER_DAY) {
        dbz_value_show(value, shown, sizeof shown);
        FIRN_TRY(dbz_settle(row, cell, REMEDY_CLAMP, shown, "a time ends before 24:00", &is_null, err));
        us = us < 0 ? 0 : CALENDAR_US_PER_DAY - 1;
    }
    return is_null ? column_add_null(cell->builder, err) : column_add_i64(cell->builder, us, err);
}

firn_status
dbz_add_time(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err)
{
    dbz_instant instant;
    int64_t     ns, us;
    bool        is_null;
    if (cell->form.kind == DBZ_FORM_ZONED_TIME) return dbz_add_damaged(row, cell, "a time's offset from UTC", err);
    if (value->kind == DBZ_VALUE_INTEGER) {
        if (!cell->form.unit_ns) return fail_unit(row, cell, err);
        if (has_lost_digits(cell)) return dbz_add_damaged(row, cell, "microseconds; time.precision.mode other than connect keeps them", err);
        if (cell->form.unit_ns == 1) {
            FIRN_TRY(narrow_ns(row, cell, value, value->integer, &us, &is_null, err));
            return is_null ? column_add_null(cell->builder, err) : add_us_of_day(row, cell, value, us, err);
        }
        if (__builtin_mul_overflow(value->integer, (int64_t) (cell->form.unit_ns / 1000), &us)) return dbz_fail_corrupt(row, cell, value, err);
        return add_us_of_day(row, cell, value, us, err);
    }
    if (value->kind != DBZ_VALUE_TEXT || !dbz_parse_instant(value->text, &instant) || instant.has_date || instant.infinity)
        return dbz_fail_corrupt(row, cell, value, err);
    ns = instant.nanoseconds;
    FIRN_TRY(narrow_ns(row, cell, value, ns, &us, &is_null, err));
    return is_null ? column_add_null(cell->builder, err) : add_us_of_day(row, cell, value, us, err);
}

/* ---- timestamps ---- */

static firn_status
add_too_late(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err)
{
    bool is_null;
    char shown[96];
    if (is_string(cell)) return dbz_add_damaged(row, cell, "a time after the year 294246; time.precision.mode=isostring keeps it", err);
    dbz_value_show(value, shown, sizeof shown);
    FIRN_TRY(dbz_settle(row, cell, REMEDY_CLAMP, shown, "too late for microseconds in 64 bits", &is_null, err));
    return is_null ? column_add_null(cell->builder, err) : column_add_i64(cell->builder, INT64_MAX, err);
}

static firn_status
add_us(dbz_row *row, dbz_cell *cell, int64_t days, int64_t us_of_day, bool is_utc, firn_error *err)
{
    if (is_string(cell)) {
        char   text[96];
        bool   is_bc;
        size_t size = put_day(text, 32, days, &is_bc);
        text[size++] = ' ';
        size += put_clock(text + size, 32, us_of_day);
        if (is_utc) size = (memcpy(text + size, "+00", 3), size + 3);
        if (is_bc) size = (memcpy(text + size, " BC", 3), size + 3);
        return add_text(cell, text, size, err);
    }
    (void) row;
    return column_add_i64(cell->builder, days * CALENDAR_US_PER_DAY + us_of_day, err);
}

/* Days and the rest, which is of the day also before 1970. */
static void
split_days(int64_t value, int64_t per_day, int64_t *ret_days, int64_t *ret_rest)
{
    *ret_days = value / per_day;
    *ret_rest = value % per_day;
    if (*ret_rest < 0) {
        *ret_rest += per_day;
        (*ret_days)--;
    }
}

static bool
is_in_us(int64_t days, int64_t us_of_day)
{
    int64_t us;
    return !__builtin_mul_overflow(days, CALENDAR_US_PER_DAY, &us) && !__builtin_add_overflow(us, us_of_day, &us);
}

/* What arithmetic in Java makes of PostgreSQL's ends: known numbers are restored. */
static int
infinity_of(const dbz_cell *cell, int64_t number)
{
    if (cell->form.unit_ns == 1) return 0;
    if (cell->form.unit_ns == 1000000 && (number == INFINITE_US / 1000 || number == MINUS_INFINITE_US / 1000)) return number < 0 ? -1 : 1;
    if (number == INFINITE_US || number == MINUS_INFINITE_US) return number < 0 ? -1 : 1;
    return 0;
}

static firn_status
add_number(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err)
{
    int64_t days, rest, number = value->integer, us;
    int64_t per_us = cell->form.unit_ns / 1000;
    bool    is_postgres = row->connector == DBZ_POSTGRES, is_null;
    if (!cell->form.unit_ns) return fail_unit(row, cell, err);
    if (is_postgres) {
        int sign = infinity_of(cell, number);
        if (sign) return add_infinity(row, cell, sign, "there is no infinity in timestamp", err);
        /* Seconds beyond 64 bits of microseconds are Long.MAX_VALUE, and the fraction is added to that. */
        if (per_us == 1 && number < INT64_MIN + 1000000) return add_too_late(row, cell, value, err);
        if (per_us == 1 && number == INT64_MAX) return dbz_add_damaged(row, cell, "a time after the year 294246", err);
    }
    if (has_lost_digits(cell)) return dbz_add_damaged(row, cell, "microseconds; time.precision.mode other than connect keeps them", err);
    split_days(number, NS_PER_DAY / cell->form.unit_ns, &days, &rest);
    if (is_postgres && days < POSTGRES_DAYS_MIN) return dbz_add_damaged(row, cell, "a time that PostgreSQL does not have", err);
    if (per_us == 0) {
        FIRN_TRY(narrow_ns(row, cell, value, rest, &us, &is_null, err));
        if (is_null) return column_add_null(cell->builder, err);
        if (us == CALENDAR_US_PER_DAY) days++, us = 0;
    } else {
        us = rest * per_us;
    }
    if (!is_string(cell) && !is_in_us(days, us)) return add_too_late(row, cell, value, err);
    return add_us(row, cell, days, us, cell->form.kind == DBZ_FORM_ZONED_TIMESTAMP, err);
}

firn_status
dbz_add_timestamp(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err)
{
    dbz_instant instant;
    int64_t     us;
    bool        is_null, is_utc = cell->type->kind == TYPE_TIMESTAMPTZ || cell->form.kind == DBZ_FORM_ZONED_TIMESTAMP;
    if (value->kind == DBZ_VALUE_INTEGER) return add_number(row, cell, value, err);
    if (value->kind != DBZ_VALUE_TEXT || !dbz_parse_instant(value->text, &instant)) return dbz_fail_corrupt(row, cell, value, err);
    if (instant.infinity) return add_infinity(row, cell, instant.infinity, "there is no infinity in timestamp", err);
    if (!instant.has_date || (is_utc && !instant.has_offset)) return dbz_fail_corrupt(row, cell, value, err);
    FIRN_TRY(narrow_ns(row, cell, value, instant.nanoseconds, &us, &is_null, err));
    if (is_null) return column_add_null(cell->builder, err);
    if (us == CALENDAR_US_PER_DAY) instant.days++, us = 0;
    if (row->connector == DBZ_POSTGRES && instant.days < POSTGRES_DAYS_MIN)
        return dbz_add_damaged(row, cell, "a time that PostgreSQL does not have", err);
    if (!is_string(cell) && !is_in_us(instant.days, us)) return add_too_late(row, cell, value, err);
    return add_us(row, cell, instant.days, us, is_utc, err);
}

/* ---- intervals ---- */

typedef struct interval_parts {
    int64_t years, months, days, hours, minutes;
    int128  seconds_us;
} interval_parts;

/* A part's number with sign; only seconds have a fraction. */
static bool
take_part(text_cursor *c, firn_slice *ret_number, char *ret_unit)
{
    const uint8_t *start = c->at;
    while (c->at < c->end && ((unsigned) (*c->at - '0') <= 9 || *c->at == '-' || *c->at == '+' || *c->at == '.' || *c->at == 'E')) c->at++;
    if (c->at == start || c->at == c->end) return false;
    *ret_number = firn_slice_of(start, (size_t) (c->at - start));
    *ret_unit = (char) *c->at++;
    return true;
}

static bool
parse_interval(firn_slice text, interval_parts *ret_parts)
{
    text_cursor c = {text.data, text.data + text.size};
    bool        is_clock = false, has_part = false;
    *ret_parts = (interval_parts){0};
    if (!take_char(&c, 'P')) return false;
    while (c.at < c.end) {
        firn_slice number;
        char       unit;
        if (!is_clock && take_char(&c, 'T')) {
            is_clock = true;
            continue;
        }
        if (!take_part(&c, &number, &unit)) return false;
        has_part = true;
        if (is_clock && unit == 'S') {
            if (dbz_decimal_of_text(number, 30, 6, &ret_parts->seconds_us) != DECIMAL_EXACT) return false;
            continue;
        }
        int64_t *part = !is_clock && unit == 'Y'   ? &ret_parts->years
                        : !is_clock && unit == 'M' ? &ret_parts->months
                        : !is_clock && unit == 'D' ? &ret_parts->days
                        : is_clock && unit == 'H'  ? &ret_parts->hours
                        : is_clock && unit == 'M'  ? &ret_parts->minutes
                                                   : NULL;
        if (!part || !text_parse_i64(number, part)) return false;
    }
    return has_part;
}

static size_t
put_part(char *out, size_t size, int64_t number, char unit)
{
    return number ? (size_t) snprintf(out, size, "%lld%c", (long long) number, unit) : 0;
}

firn_status
dbz_add_interval(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err)
{
    interval_parts p;
    char           text[200];
    size_t         size = 1, max = 24;
    if (cell->form.kind == DBZ_FORM_INTERVAL_NUMBER || value->kind == DBZ_VALUE_INTEGER)
        return dbz_add_damaged(row, cell, "months and days of an interval; interval.handling.mode=string keeps them", err);
    if (value->kind != DBZ_VALUE_TEXT || !parse_interval(value->text, &p)) return dbz_fail_corrupt(row, cell, value, err);
    text[0] = 'P';
    size += put_part(text + size, max, p.years, 'Y');
    size += put_part(text + size, max, p.months, 'M');
    size += put_part(text + size, max, p.days, 'D');
    if (p.hours || p.minutes || p.seconds_us) {
        text[size++] = 'T';
        size += put_part(text + size, max, p.hours, 'H');
        size += put_part(text + size, max, p.minutes, 'M');
        if (p.seconds_us) {
            uint128 us = p.seconds_us < 0 ? -(uint128) p.seconds_us : (uint128) p.seconds_us;
            size += (size_t) snprintf(text + size, 40, "%s%llu.%06u", p.seconds_us < 0 ? "-" : "", (unsigned long long) (us / 1000000),
                                      (unsigned) (us % 1000000));
            while (text[size - 1] == '0') size--;
            if (text[size - 1] == '.') size--;
            text[size++] = 'S';
        }
    }
    if (size == 1) size = (memcpy(text, "PT0S", 4), 4);
    return add_text(cell, text, size, err);
}
