#include "scan/where_value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/calendar.h"
#include "base/text.h"
#include "base/uuid.h"

#define NUMBER_TEXT_MAX 400
#define DIGITS_MAX 38

/* A number's parts: sign, digits without the point, and how many of them stand before it. */
typedef struct number_parts {
    bool        is_negative;
    const char *digits;
    int         digit_count, whole_count;
} number_parts;

static bool
read_parts(firn_slice text, char buffer[NUMBER_TEXT_MAX], number_parts *ret)
{
    const char *p = (const char *) text.data, *end = p + text.size;
    bool        point = false;
    int64_t     exponent = 0;

    *ret = (number_parts){.digits = buffer};
    if (text.size == 0 || text.size >= NUMBER_TEXT_MAX) return false;
    ret->is_negative = *p == '-';
    if (*p == '-' || *p == '+') p++;
    for (; p < end && *p != 'e' && *p != 'E'; p++) {
        if (*p == '.' && !point) {
            point = true;
            continue;
        }
        if (*p < '0' || *p > '9') return false;
        buffer[ret->digit_count++] = *p;
        if (!point) ret->whole_count++;
    }
    if (ret->digit_count == 0) return false;
    if (p < end) {
        p++;
        if (p < end && *p == '+') p++;
        if (!text_parse_i64(firn_slice_of(p, (size_t) (end - p)), &exponent) || exponent < -9999 || exponent > 9999)
            return false;
    }
    ret->whole_count += (int) exponent;
    return true;
}

/* The greatest number of `scale` decimals that is not above the text's. */
static bool
read_scaled(firn_slice text, int scale, int128 *ret_value, value_fit *ret_fit)
{
    char         buffer[NUMBER_TEXT_MAX];
    number_parts parts;
    int128       value = 0;
    bool         has_rest = false, has_value = false;
    int          count;

    if (!read_parts(text, buffer, &parts)) return false;
    count = parts.whole_count + scale;
    for (int i = 0; i < parts.digit_count; i++) has_value |= parts.digits[i] != '0';
    for (int i = 0; has_value && i < count; i++) {
        int digit = i < parts.digit_count ? parts.digits[i] - '0' : 0;
        if (value >= (int128) decimal_power_of_ten[DIGITS_MAX - 1]) {
            *ret_fit = parts.is_negative ? VALUE_BELOW : VALUE_ABOVE;
            return true;
        }
        value = value * 10 + digit;
    }
    for (int i = count > 0 ? count : 0; i < parts.digit_count; i++) has_rest |= parts.digits[i] != '0';
    if (parts.is_negative) value = -value;
    if (parts.is_negative && has_rest) value--;
    *ret_value = value;
    *ret_fit = has_rest ? VALUE_BETWEEN : VALUE_EXACT;
    return true;
}

static bool
read_whole(firn_slice text, single_value *ret_value, value_fit *ret_fit)
{
    int128 value = 0;

    if (!read_scaled(text, 0, &value, ret_fit)) return false;
    if (value > INT64_MAX) *ret_fit = VALUE_ABOVE;
    if (value < INT64_MIN) *ret_fit = VALUE_BELOW;
    ret_value->integer = (int64_t) value;
    return true;
}

static bool
read_real(const data_type *type, firn_slice text, single_value *ret_value)
{
    char         copy[NUMBER_TEXT_MAX], buffer[NUMBER_TEXT_MAX];
    number_parts parts;

    if (text.size >= sizeof copy) return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    if (text_equal_nocase(copy, "nan")) {
        ret_value->real = (double) NAN;
        return true;
    }
    if (text_equal_nocase(copy, "infinity") || text_equal_nocase(copy, "-infinity")) {
        ret_value->real = copy[0] == '-' ? -(double) INFINITY : (double) INFINITY;
        return true;
    }
    if (!read_parts(text, buffer, &parts)) return false; /* nothing else that strtod takes */
    ret_value->real = strtod(copy, NULL);
    if (type->kind == TYPE_FLOAT) ret_value->real = (double) (float) ret_value->real;
    return true;
}

static bool
read_time(const data_type *type, firn_slice text, single_value *ret_value)
{
    char    whole[CALENDAR_TEXT_MAX * 2];
    bool    has_time = memchr(text.data, ':', text.size) != NULL;
    int64_t us = 0;

    if (text.size >= CALENDAR_TEXT_MAX) return false;
    snprintf(whole, sizeof whole, "%s%.*s%s", type->kind == TYPE_TIME ? "1970-01-01T" : "", (int) text.size,
             (const char *) text.data, has_time || type->kind == TYPE_TIME ? "" : "T00:00:00");
    if (!calendar_parse_timestamp(firn_slice_text(whole), &us)) return false;
    if (type->kind == TYPE_DATE && us % CALENDAR_US_PER_DAY != 0) return false;
    ret_value->integer = type->kind == TYPE_DATE ? us / CALENDAR_US_PER_DAY : us;
    return type->kind != TYPE_TIME || (us >= 0 && us < CALENDAR_US_PER_DAY);
}

static int
hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
read_hex(firn_slice text, firn_arena *arena, firn_slice *ret_bytes)
{
    uint8_t *bytes = firn_arena_alloc(arena, text.size / 2 + 1);

    if (!bytes || text.size % 2 != 0) return false;
    for (size_t i = 0; i < text.size; i += 2) {
        int high = hex_digit(text.data[i]), low = hex_digit(text.data[i + 1]);
        if (high < 0 || low < 0) return false;
        bytes[i / 2] = (uint8_t) (high << 4 | low);
    }
    *ret_bytes = firn_slice_of(bytes, text.size / 2);
    return true;
}

static bool
read_uuid(firn_slice text, firn_arena *arena, firn_slice *ret_bytes)
{
    firn_uuid *uuid = firn_arena_alloc(arena, sizeof *uuid);

    if (!uuid || !uuid_parse(text, uuid)) return false;
    *ret_bytes = firn_slice_of(uuid->bytes, sizeof uuid->bytes);
    return true;
}

bool
where_value_read(const data_type *type, firn_slice text, bool is_number, firn_arena *arena, single_value *ret_value,
                 value_fit *ret_fit)
{
    bool truth = false;

    *ret_value = (single_value){0};
    *ret_fit = VALUE_EXACT;
    switch (type->kind) {
    case TYPE_INT:
    case TYPE_LONG:
        return read_whole(text, ret_value, ret_fit);
    case TYPE_DECIMAL:
        return read_scaled(text, (int) type->scale, &ret_value->decimal, ret_fit);
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return read_real(type, text, ret_value);
    case TYPE_BOOLEAN:
        if (is_number || !text_parse_bool(text, &truth)) return false;
        ret_value->integer = truth;
        return true;
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return !is_number && read_time(type, text, ret_value);
    case TYPE_STRING:
        ret_value->bytes = text;
        return !is_number;
    case TYPE_UUID:
        return !is_number && read_uuid(text, arena, &ret_value->bytes);
    case TYPE_FIXED:
    case TYPE_BINARY:
        return !is_number && read_hex(text, arena, &ret_value->bytes);
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP:
        break;
    }
    return false;
}

const char *
where_value_example(const data_type *type)
{
    switch (type->kind) {
    case TYPE_BOOLEAN:
        return "true or false";
    case TYPE_DATE:
        return "'2024-01-31'";
    case TYPE_TIME:
        return "'13:45:30'";
    case TYPE_TIMESTAMP:
        return "'2024-01-31 13:45:30'";
    case TYPE_TIMESTAMPTZ:
        return "'2024-01-31 13:45:30Z'";
    case TYPE_STRING:
        return "'text'";
    case TYPE_UUID:
        return "'6f0c5c4e-0d3f-4c06-9d9c-0a6c2f3f9b11'";
    case TYPE_FIXED:
    case TYPE_BINARY:
        return "hexadecimal digits, 'c0ffee'";
    case TYPE_INT:
    case TYPE_LONG:
    case TYPE_DECIMAL:
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP:
        break;
    }
    return "a number";
}
