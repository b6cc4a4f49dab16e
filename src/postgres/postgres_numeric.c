#include "postgres/postgres_numeric.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

const int64_t numeric_power_of_ten[19] = {1,
                                          10,
                                          100,
                                          1000,
                                          10000,
                                          100000,
                                          1000000,
                                          10000000,
                                          100000000,
                                          1000000000,
                                          10000000000,
                                          100000000000,
                                          1000000000000,
                                          10000000000000,
                                          100000000000000,
                                          1000000000000000,
                                          10000000000000000,
                                          100000000000000000,
                                          1000000000000000000};

#define NUMERIC_SIGN_POSITIVE 0x0000u
#define NUMERIC_SIGN_NEGATIVE 0x4000u
#define NUMERIC_SIGN_NAN 0xC000u
#define NUMERIC_SIGN_PLUS_INFINITY 0xD000u
#define NUMERIC_SIGN_MINUS_INFINITY 0xF000u
#define NUMERIC_DISPLAY_SCALE_MASK 0x3fffu

/* The header, checked against the size; digits stay where they are. */
typedef struct numeric_view {
    unsigned       digit_count, sign, display_scale;
    int            weight;
    const uint8_t *digits;
} numeric_view;

static bool
numeric_view_of(firn_slice bytes, numeric_view *ret_view)
{
    if (bytes.size < 8) return false;
    numeric_view view = {
        .digit_count = load_be16(bytes.data),
        .weight = (int16_t) load_be16(bytes.data + 2),
        .sign = load_be16(bytes.data + 4),
        .display_scale = load_be16(bytes.data + 6),
        .digits = bytes.data + 8,
    };
    if (bytes.size != 8 + 2 * (size_t) view.digit_count) return false;
    switch (view.sign) {
    case NUMERIC_SIGN_POSITIVE:
    case NUMERIC_SIGN_NEGATIVE:
        break;
    case NUMERIC_SIGN_NAN:
    case NUMERIC_SIGN_PLUS_INFINITY:
    case NUMERIC_SIGN_MINUS_INFINITY:
        if (view.digit_count != 0) return false;
        break;
    default:
        return false;
    }
    if (view.display_scale > NUMERIC_DISPLAY_SCALE_MASK) return false;
    for (unsigned i = 0; i < view.digit_count; i++)
        if (load_be16(view.digits + 2 * i) > 9999) return false;
    *ret_view = view;
    return true;
}

/* The decimal digit that counts 10^exponent; 0 outside of what is stored. */
static unsigned
numeric_digit_at(const numeric_view *view, int exponent)
{
    /* Floor division: exponent -1 lies in the group of weight -1. */
    int group = exponent >= 0 ? exponent / 4 : -((-exponent + 3) / 4);
    int index = view->weight - group;
    if (index < 0 || index >= (int) view->digit_count) return 0;
    static const unsigned divisor[4] = {1, 10, 100, 1000};
    return load_be16(view->digits + 2 * index) / divisor[exponent - 4 * group] % 10;
}

/* Whether any digit below 10^exponent is not zero. */
static bool
numeric_has_digits_below(const numeric_view *view, int exponent)
{
    for (unsigned i = 0; i < view->digit_count; i++) {
        unsigned group = load_be16(view->digits + 2 * i);
        int      lowest = 4 * (view->weight - (int) i); /* exponent of this group's last digit */
        if (group == 0 || lowest >= exponent) continue;
        if (lowest + 3 < exponent) return true;
        static const unsigned power[4] = {1, 10, 100, 1000};
        if (group % power[exponent - lowest]) return true;
    }
    return false;
}

static numeric_outcome
numeric_at_limit(numeric_outcome outcome, bool negative, unsigned precision, int128 *ret_value)
{
    int128 limit = (int128) (decimal_power_of_ten[precision] - 1);
    *ret_value = negative ? -limit : limit;
    return outcome;
}

numeric_outcome
numeric_to_decimal(firn_slice bytes, unsigned precision, unsigned scale, int128 *ret_value)
{
    numeric_view view;
    if (!numeric_view_of(bytes, &view)) return NUMERIC_CORRUPT;
    switch (view.sign) {
    case NUMERIC_SIGN_NAN:
        return NUMERIC_NAN;
    case NUMERIC_SIGN_PLUS_INFINITY:
    case NUMERIC_SIGN_MINUS_INFINITY:
        return numeric_at_limit(NUMERIC_INFINITE, view.sign == NUMERIC_SIGN_MINUS_INFINITY, precision, ret_value);
    default:
        break;
    }

    bool negative = view.sign == NUMERIC_SIGN_NEGATIVE;
    int  lowest = -(int) scale, highest = 4 * view.weight + 3;
    /* Leading zeros inside the first group are not digits; whole zero groups cannot be excluded either. */
    while (highest >= lowest && numeric_digit_at(&view, highest) == 0 && highest > 4 * (view.weight - (int) view.digit_count))
        highest--;
    if (highest - lowest + 1 > (int) precision && numeric_digit_at(&view, highest) != 0)
        return numeric_at_limit(NUMERIC_TOO_LARGE, negative, precision, ret_value);

    uint128 value = 0;
    if (highest - lowest < (int) precision)
        for (int exponent = highest; exponent >= lowest; exponent--)
            value = value * 10 + numeric_digit_at(&view, exponent);

    bool inexact = numeric_has_digits_below(&view, lowest);
    if (inexact && numeric_digit_at(&view, lowest - 1) >= 5) value++;
    if (value >= decimal_power_of_ten[precision])
        return numeric_at_limit(NUMERIC_TOO_LARGE, negative, precision, ret_value);
    *ret_value = negative ? -(int128) value : (int128) value;
    return inexact ? NUMERIC_INEXACT : NUMERIC_EXACT;
}

static bool
format_special(unsigned sign, firn_buffer *out)
{
    firn_error  err = {0};
    const char *text = sign == NUMERIC_SIGN_NAN ? "NaN" : sign == NUMERIC_SIGN_PLUS_INFINITY ? "Infinity" : "-Infinity";
    return firn_buffer_add_text(out, text, &err) == FIRN_OK;
}

bool
numeric_format(firn_slice bytes, firn_buffer *out)
{
    numeric_view view;
    firn_error   err = {0};
    if (!numeric_view_of(bytes, &view)) return false;
    if (view.sign & 0x8000u) return format_special(view.sign, out);

    int highest = view.weight >= 0 ? 4 * view.weight + 3 : 0;
    while (highest > 0 && numeric_digit_at(&view, highest) == 0) highest--;
    size_t size_max = (size_t) highest + view.display_scale + 4;
    if (firn_buffer_reserve(out, size_max, &err) != FIRN_OK) return false;

    uint8_t *at = out->data + out->size;
    if (view.sign == NUMERIC_SIGN_NEGATIVE) *at++ = '-';
    for (int exponent = highest; exponent >= 0; exponent--) *at++ = (uint8_t) ('0' + numeric_digit_at(&view, exponent));
    if (view.display_scale) *at++ = '.';
    for (int exponent = -1; exponent >= -(int) view.display_scale; exponent--)
        *at++ = (uint8_t) ('0' + numeric_digit_at(&view, exponent));
    out->size = (size_t) (at - out->data);
    return true;
}

#define NUMERIC_TEXT_SIZE_MAX ((size_t) 256 << 10) /* 131072 digits before the point and 16383 behind it fit */

numeric_outcome
numeric_to_double(firn_slice bytes, double *ret_value)
{
    int64_t small;
    /* Integers up to 2^53 are doubles; strtod rounds all else correctly. */
    if (numeric_to_i64_fast(bytes.data, bytes.size, 0, &small) && small >= -(INT64_C(1) << 53) &&
        small <= (INT64_C(1) << 53)) {
        *ret_value = (double) small;
        return NUMERIC_EXACT;
    }
    numeric_view view;
    if (!numeric_view_of(bytes, &view)) return NUMERIC_CORRUPT;
    if (view.sign & 0x8000u) {
        *ret_value = view.sign == NUMERIC_SIGN_NAN ? (double) NAN
                                                   : (view.sign == NUMERIC_SIGN_PLUS_INFINITY ? (double) INFINITY : -(double) INFINITY);
        return NUMERIC_EXACT;
    }

    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    firn_error err = {0};
    firn_buffer_init(&text, NUMERIC_TEXT_SIZE_MAX);
    if (!numeric_format(bytes, &text) || firn_buffer_add_byte(&text, 0, &err)) return NUMERIC_CORRUPT;
    double value = strtod((const char *) text.data, NULL);
    if (isinf(value)) {
        *ret_value = value > 0 ? DBL_MAX : -DBL_MAX;
        return NUMERIC_TOO_LARGE;
    }
    *ret_value = value;
    return NUMERIC_EXACT;
}
