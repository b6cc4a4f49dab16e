#include "postgres/tuple_text.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/calendar.h"
#include "base/text.h"
#include "base/uuid.h"
#include "postgres/copy_text.h"
#include "postgres/copy_value.h"
#include "postgres/tuple_text_nested.h"

#define NUMERIC_DIGITS_MAX 140000 /* 131072 before the point, 16383 behind it */
#define REAL_TEXT_MAX 64

/* ---- numbers ---- */

static firn_status
add_be(firn_buffer *out, uint64_t value, size_t size, firn_error *err)
{
    uint8_t bytes[8];
    store_be64(bytes, value);
    return firn_buffer_add(out, bytes + 8 - size, size, err);
}

static firn_status
convert_integer(firn_slice text, int64_t least, int64_t most, size_t size, firn_buffer *out, bool *ret_valid, firn_error *err)
{
    int64_t value;
    *ret_valid = text_parse_i64(text, &value) && value >= least && value <= most;
    return *ret_valid ? add_be(out, (uint64_t) value, size, err) : FIRN_OK;
}

static firn_status
convert_real(firn_slice text, size_t size, firn_buffer *out, bool *ret_valid, firn_error *err)
{
    char copy[REAL_TEXT_MAX], *end = copy;
    *ret_valid = false;
    if (text.size == 0 || text.size >= sizeof copy) return FIRN_OK;
    memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    /* strtod knows more than float8out writes: hexadecimal numbers, blanks, "inf". */
    char first = copy[0] == '-' ? copy[1] : copy[0];
    if ((first < '0' || first > '9') && strcmp(copy, "NaN") != 0 && strcmp(copy, "Infinity") != 0 &&
        strcmp(copy, "-Infinity") != 0)
        return FIRN_OK;
    if (strpbrk(copy, "xX")) return FIRN_OK;
    double wide = size == 8 ? strtod(copy, &end) : 0;
    float  narrow = size == 4 ? strtof(copy, &end) : 0;
    *ret_valid = *end == 0;
    if (!*ret_valid) return FIRN_OK;
    return size == 8 ? add_be(out, bits_of_double(wide), 8, err) : add_be(out, bits_of_float(narrow), 4, err);
}

static firn_status
add_numeric_header(firn_buffer *out, size_t digit_count, int weight, unsigned sign, size_t scale, firn_error *err)
{
    FIRN_TRY(add_be(out, digit_count, 2, err));
    FIRN_TRY(add_be(out, (uint64_t) weight, 2, err));
    FIRN_TRY(add_be(out, sign, 2, err));
    return add_be(out, scale, 2, err);
}

/* Digits before and behind the point as base-10000 digits, from the one that holds the first. */
static firn_status
add_numeric_digits(firn_buffer *out, firn_slice whole, firn_slice part, unsigned sign, firn_error *err)
{
    size_t groups_before = (whole.size + 3) / 4, groups_behind = (part.size + 3) / 4;
    size_t start = out->size;
    int    weight = (int) groups_before - 1;
    size_t count = 0, used = 0;
    FIRN_TRY(add_numeric_header(out, 0, 0, sign, part.size, err));
    for (size_t group = 0; group < groups_before + groups_behind; group++) {
        unsigned digit = 0;
        for (size_t i = 0; i < 4; i++) {
            unsigned value = 0;
            if (group < groups_before) {
                size_t place = 4 * group + i, missing = 4 * groups_before - whole.size;
                if (place >= missing) value = whole.data[place - missing] - (unsigned) '0';
            } else {
                size_t place = 4 * (group - groups_before) + i;
                if (place < part.size) value = part.data[place] - (unsigned) '0';
            }
            digit = 10 * digit + value;
        }
        if (digit == 0 && count == 0) {
            weight--;
            continue;
        }
        FIRN_TRY(add_be(out, digit, 2, err));
        count++;
        if (digit) used = count;
    }
    out->size = start + 8 + 2 * used; /* zeros at the end are not sent */
    if (used == 0) weight = 0;
    store_be16(out->data + start, (uint16_t) used);
    store_be16(out->data + start + 2, (uint16_t) weight);
    if (used == 0) store_be16(out->data + start + 4, 0);
    return FIRN_OK;
}

static size_t
digits_at(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *start = at;
    while (at < end && *at >= '0' && *at <= '9') at++;
    return (size_t) (at - start);
}

/* money in an English form, "-$1,234.56": a currency sign, groups of three. */
static firn_status
convert_money(firn_slice text, firn_buffer *out, bool *ret_valid, firn_error *err)
{
    uint8_t digits[32];
    size_t  size = 0, behind = 0;
    bool    negative = false, after_point = false;
    *ret_valid = false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c >= '0' && c <= '9') {
            if (size == sizeof digits) return FIRN_OK;
            digits[size++] = c;
            behind += after_point;
        } else if (c == '-' || c == '(') {
            negative = true;
        } else if (c == '.' || c == ',') {
            /* The last separator is the point unless three digits follow: no money has that many decimals but a few dinars. */
            after_point = digits_at(text.data + i + 1, text.data + text.size) == 2;
        }
    }
    if (size == 0 || behind > 2) return FIRN_OK;
    *ret_valid = true;
    return add_numeric_digits(out, firn_slice_of(digits, size - behind), firn_slice_of(digits + size - behind, behind),
                              negative ? 0x4000 : 0, err);
}

static firn_status
convert_numeric(firn_slice text, firn_buffer *out, bool *ret_valid, firn_error *err)
{
    const uint8_t *at = text.data, *end = at + text.size;
    *ret_valid = true;
    if (firn_slice_equal(text, firn_slice_text("NaN"))) return add_numeric_header(out, 0, 0, 0xC000, 0, err);
    if (firn_slice_equal(text, firn_slice_text("Infinity"))) return add_numeric_header(out, 0, 0, 0xD000, 0, err);
    if (firn_slice_equal(text, firn_slice_text("-Infinity"))) return add_numeric_header(out, 0, 0, 0xF000, 0, err);

    bool negative = at < end && *at == '-';
    at += negative;
    size_t     whole_size = digits_at(at, end);
    firn_slice whole = firn_slice_of(at, whole_size), part = {0};
    at += whole_size;
    if (at < end && *at == '.') {
        at++;
        part = firn_slice_of(at, digits_at(at, end));
        at += part.size;
    }
    if (at != end || whole.size + part.size == 0) return convert_money(text, out, ret_valid, err);
    *ret_valid = whole.size + part.size <= NUMERIC_DIGITS_MAX && part.size <= 0x3fff;
    return *ret_valid ? add_numeric_digits(out, whole, part, negative ? 0x4000 : 0, err) : FIRN_OK;
}

/* ---- dates and times ---- */

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

/* Between `least` and `most` digits. */
static bool
take_number(text_cursor *c, size_t least, size_t most, int64_t *ret_value)
{
    size_t  count = digits_at(c->at, c->end);
    int64_t value = 0;
    if (count < least || count > most) return false;
    for (size_t i = 0; i < count; i++) value = 10 * value + (*c->at++ - '0');
    *ret_value = value;
    return true;
}

static bool
take_date(text_cursor *c, calendar_date *ret_date)
{
    int64_t month, day;
    if (!take_number(c, 4, 7, &ret_date->year) || !take_char(c, '-') || !take_number(c, 2, 2, &month) || !take_char(c, '-') ||
        !take_number(c, 2, 2, &day) || month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    ret_date->month = (int) month;
    ret_date->day = (int) day;
    return true;
}

static bool
take_time(text_cursor *c, int64_t *ret_us)
{
    int64_t hour, minute, second, fraction = 0;
    if (!take_number(c, 2, 2, &hour) || !take_char(c, ':') || !take_number(c, 2, 2, &minute) || !take_char(c, ':') ||
        !take_number(c, 2, 2, &second) || hour > 24 || minute > 59 || second > 60)
        return false;
    if (take_char(c, '.')) {
        size_t count = digits_at(c->at, c->end);
        if (!take_number(c, 1, 6, &fraction)) return false;
        for (; count < 6; count++) fraction *= 10;
    }
    *ret_us = ((hour * 60 + minute) * 60 + second) * 1000000 + fraction;
    return *ret_us <= CALENDAR_US_PER_DAY;
}

static bool
take_bc(text_cursor *c, calendar_date *date)
{
    if (c->end - c->at == 3 && memcmp(c->at, " BC", 3) == 0) {
        if (date->year == 0) return false;
        date->year = 1 - date->year;
        c->at = c->end;
    }
    return c->at == c->end;
}

static firn_status
convert_date(firn_slice text, firn_buffer *out, bool *ret_valid, firn_error *err)
{
    text_cursor   c = {text.data, text.data + text.size};
    calendar_date date;
    *ret_valid = true;
    if (firn_slice_equal(text, firn_slice_text("infinity"))) return add_be(out, (uint32_t) COPY_DATE_INFINITY, 4, err);
    if (firn_slice_equal(text, firn_slice_text("-infinity"))) return add_be(out, (uint32_t) COPY_DATE_MINUS_INFINITY, 4, err);
    *ret_valid = take_date(&c, &date) && take_bc(&c, &date);
    if (!*ret_valid) return FIRN_OK;
    int64_t days = calendar_days_of_date(date) - CALENDAR_PG_EPOCH_DAYS;
    *ret_valid = days > INT32_MIN && days < INT32_MAX;
    return *ret_valid ? add_be(out, (uint64_t) days, 4, err) : FIRN_OK;
}

static firn_status
convert_time(firn_slice text, firn_buffer *out, bool *ret_valid, firn_error *err)
{
    text_cursor c = {text.data, text.data + text.size};
    int64_t     us = 0;
    *ret_valid = take_time(&c, &us) && c.at == c.end;
    return *ret_valid ? add_be(out, (uint64_t) us, 8, err) : FIRN_OK;
}

static firn_status
convert_timestamp(firn_slice text, firn_buffer *out, bool *ret_valid, firn_error *err)
{
    text_cursor   c = {text.data, text.data + text.size};
    calendar_date date;
    int64_t       us, days_us;
    *ret_valid = true;
    if (firn_slice_equal(text, firn_slice_text("infinity"))) return add_be(out, (uint64_t) COPY_TIMESTAMP_INFINITY, 8, err);
    if (firn_slice_equal(text, firn_slice_text("-infinity")))
        return add_be(out, (uint64_t) COPY_TIMESTAMP_MINUS_INFINITY, 8, err);
    *ret_valid = take_date(&c, &date) && take_char(&c, ' ') && take_time(&c, &us);
    if (*ret_valid && take_char(&c, '+')) *ret_valid = take_char(&c, '0') && take_char(&c, '0'); /* the session is in UTC */
    if (!*ret_valid || !take_bc(&c, &date)) {
        *ret_valid = false;
        return FIRN_OK;
    }
    int64_t days = calendar_days_of_date(date) - CALENDAR_PG_EPOCH_DAYS;
    *ret_valid = !__builtin_mul_overflow(days, CALENDAR_US_PER_DAY, &days_us) && !__builtin_add_overflow(days_us, us, &us);
    return *ret_valid ? add_be(out, (uint64_t) us, 8, err) : FIRN_OK;
}

/* Two digits, or 255 and more. */
static inline unsigned
two_digits(const uint8_t *at)
{
    unsigned high = at[0] - (unsigned) '0', low = at[1] - (unsigned) '0';
    return high <= 9 && low <= 9 ? 10 * high + low : 1000;
}

bool
tuple_text_simple_date(const uint8_t *text, size_t size, int32_t *ret_pg_days)
{
    if (size != 10 || text[4] != '-' || text[7] != '-') return false;
    unsigned century = two_digits(text), year = two_digits(text + 2), month = two_digits(text + 5), day = two_digits(text + 8);
    if (century > 99 || year > 99 || month - 1 > 11 || day - 1 > 30) return false;
    calendar_date date = {.year = century * 100 + year, .month = (int) month, .day = (int) day};
    *ret_pg_days = (int32_t) (calendar_days_of_date(date) - CALENDAR_PG_EPOCH_DAYS);
    return true;
}

bool
tuple_text_simple_timestamp(const uint8_t *text, size_t size, int64_t *ret_pg_us)
{
    int32_t days;
    if (size < 19 || size > 29 || text[10] != ' ' || text[13] != ':' || text[16] != ':') return false;
    if (!tuple_text_simple_date(text, 10, &days)) return false;
    unsigned hour = two_digits(text + 11), minute = two_digits(text + 14), second = two_digits(text + 17);
    if (hour > 23 || minute > 59 || second > 59) return false;
    int64_t us = ((int64_t) hour * 3600 + minute * 60 + second) * 1000000;
    if (size > 21 && memcmp(text + size - 3, "+00", 3) == 0) size -= 3;
    if (size > 19) {
        int64_t fraction = 0;
        if (text[19] != '.' || size < 21 || size > 26) return false;
        for (size_t i = 20; i < 26; i++) {
            unsigned digit = i < size ? text[i] - (unsigned) '0' : 0;
            if (digit > 9) return false;
            fraction = 10 * fraction + digit;
        }
        us += fraction;
    }
    *ret_pg_us = days * CALENDAR_US_PER_DAY + us;
    return true;
}

/* ---- bytes ---- */

static unsigned
hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - (unsigned) '0';
    if (c >= 'a' && c <= 'f') return c - (unsigned) 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - (unsigned) 'A' + 10;
    return 16;
}

/* bytea: \x and digits; geometry: digits. */
static firn_status
convert_bytes(firn_slice text, firn_buffer *out, bool *ret_valid, firn_error *err)
{
    if (text.size >= 2 && text.data[0] == '\\' && text.data[1] == 'x') text = firn_slice_of(text.data + 2, text.size - 2);
    *ret_valid = text.size % 2 == 0;
    if (!*ret_valid) return FIRN_OK;
    FIRN_TRY(firn_buffer_reserve(out, text.size / 2, err));
    unsigned bad = 0;
    for (size_t i = 0; i < text.size; i += 2) {
        unsigned high = hex_digit(text.data[i]), low = hex_digit(text.data[i + 1]);
        bad |= high | low;
        out->data[out->size++] = (uint8_t) (high << 4 | low);
    }
    *ret_valid = bad < 16;
    return FIRN_OK;
}

static firn_status
convert_char(firn_slice text, firn_buffer *out, bool *ret_valid, firn_error *err)
{
    uint8_t byte = text.size ? text.data[0] : 0;
    *ret_valid = text.size <= 1;
    if (text.size == 4 && byte == '\\') {
        unsigned value = 0;
        *ret_valid = true;
        for (size_t i = 1; i < 4; i++) {
            if (text.data[i] < '0' || text.data[i] > '7') *ret_valid = false;
            value = 8 * value + (text.data[i] - (unsigned) '0');
        }
        byte = (uint8_t) value;
    }
    return *ret_valid ? firn_buffer_add_byte(out, byte, err) : FIRN_OK;
}

/* "10.0.0.1", "10.0.0.0/8", "::1": family, bits, whether a cidr, size, address; cf. copy_text_inet. */
static firn_status
convert_inet(firn_slice text, firn_buffer *out, bool *ret_valid, firn_error *err)
{
    char     copy[COPY_TEXT_INET_SIZE_MAX];
    uint8_t  address[16];
    uint64_t bits = 0;
    *ret_valid = false;
    if (text.size >= sizeof copy) return FIRN_OK;
    memcpy(copy, text.data, text.size);
    copy[text.size] = 0;
    char *slash = strchr(copy, '/');
    if (slash) *slash++ = 0;
    bool     is_v6 = strchr(copy, ':') != NULL;
    unsigned size = is_v6 ? 16 : 4;
    if (inet_pton(is_v6 ? AF_INET6 : AF_INET, copy, address) != 1) return FIRN_OK;
    if (!slash)
        bits = 8u * size;
    else if (!text_parse_u64(firn_slice_text(slash), &bits) || bits > 8u * size)
        return FIRN_OK;
    *ret_valid = true;
    /* Only a cidr shows all bits. */
    uint8_t header[4] = {is_v6 ? 3 : 2, (uint8_t) bits, slash && bits == 8u * size, (uint8_t) size};
    FIRN_TRY(firn_buffer_add(out, header, sizeof header, err));
    return firn_buffer_add(out, address, size, err);
}

static firn_status
convert_uuid(firn_slice text, firn_buffer *out, bool *ret_valid, firn_error *err)
{
    firn_uuid uuid;
    *ret_valid = uuid_parse(text, &uuid);
    return *ret_valid ? firn_buffer_add(out, uuid.bytes, sizeof uuid.bytes, err) : FIRN_OK;
}

/* ---- all that is not nested ---- */

firn_status
tuple_text_convert(const copy_field *field, firn_slice text, firn_buffer *out, bool *ret_valid, firn_error *err)
{
    *ret_valid = true;
    switch (field->op) {
    case COPY_BOOL:
        *ret_valid = text.size == 1 && (text.data[0] == 't' || text.data[0] == 'f');
        return *ret_valid ? firn_buffer_add_byte(out, text.data[0] == 't', err) : FIRN_OK;
    case COPY_INT16:
        return convert_integer(text, INT16_MIN, INT16_MAX, 2, out, ret_valid, err);
    case COPY_INT32:
        return convert_integer(text, INT32_MIN, INT32_MAX, 4, out, ret_valid, err);
    case COPY_INT64:
        return convert_integer(text, INT64_MIN, INT64_MAX, 8, out, ret_valid, err);
    case COPY_UINT32:
        return convert_integer(text, 0, UINT32_MAX, 4, out, ret_valid, err);
    case COPY_FLOAT32:
        return convert_real(text, 4, out, ret_valid, err);
    case COPY_FLOAT64:
        return convert_real(text, 8, out, ret_valid, err);
    case COPY_DECIMAL32:
    case COPY_DECIMAL64:
    case COPY_DECIMAL128:
    case COPY_NUMERIC_DOUBLE:
        return convert_numeric(text, out, ret_valid, err);
    case COPY_DATE:
        return convert_date(text, out, ret_valid, err);
    case COPY_TIME:
    case COPY_TIME_TEXT:
        return convert_time(text, out, ret_valid, err);
    case COPY_TIMESTAMP:
        return convert_timestamp(text, out, ret_valid, err);
    case COPY_TEXT:
    case COPY_TEXT_VERIFY:
        return text.size ? firn_buffer_add(out, text.data, text.size, err) : FIRN_OK;
    case COPY_BYTES:
        return convert_bytes(text, out, ret_valid, err);
    case COPY_JSONB:
        FIRN_TRY(firn_buffer_add_byte(out, 1, err)); /* the version of the binary form */
        return text.size ? firn_buffer_add(out, text.data, text.size, err) : FIRN_OK;
    case COPY_CHAR:
        return convert_char(text, out, ret_valid, err);
    case COPY_INET:
        return convert_inet(text, out, ret_valid, err);
    case COPY_UUID:
        return convert_uuid(text, out, ret_valid, err);
    case COPY_LIST:
    case COPY_STRUCT:
    case COPY_HSTORE:
        break;
    }
    return tuple_text_nested_convert(field, text, out, ret_valid, err);
}
