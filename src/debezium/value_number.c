#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "debezium/decoding.h"

/* PostgreSQL's longest: 131072 digits before the point and 16383 behind it. */
#define NUMBER_BYTES_MAX ((size_t) 62 << 10)
#define NUMBER_DIGITS_MAX ((size_t) 160000)
#define REAL_TEXT_MAX ((size_t) 1 << 18)
/* A double has every decimal of up to so many digits. */
#define DOUBLE_DIGITS_SAFE 15

/* ---- decimals of digits ---- */

typedef struct digits_view {
    firn_slice whole, part; /* before and behind the point */
    int64_t    exponent;
    bool       is_negative;
} digits_view;

static size_t
count_digits(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *start = at;
    while (at < end && (unsigned) (*at - '0') <= 9) at++;
    return (size_t) (at - start);
}

static bool
take_digits(firn_slice text, digits_view *ret_view)
{
    const uint8_t *at = text.data, *end = at + text.size;
    digits_view    view = {0};
    if (at < end && (*at == '-' || *at == '+')) view.is_negative = *at++ == '-';
    view.whole = firn_slice_of(at, count_digits(at, end));
    at += view.whole.size;
    if (at < end && *at == '.') {
        at++;
        view.part = firn_slice_of(at, count_digits(at, end));
        at += view.part.size;
    }
    if (view.whole.size + view.part.size == 0 || view.whole.size + view.part.size > NUMBER_DIGITS_MAX) return false;
    if (at < end && (*at | 0x20) == 'e') {
        at++;
        if (at < end && *at == '+') at++;
        if (!text_parse_i64(firn_slice_of(at, (size_t) (end - at)), &view.exponent)) return false;
        if (view.exponent > (int64_t) NUMBER_DIGITS_MAX || view.exponent < -(int64_t) NUMBER_DIGITS_MAX) return false;
        at = end;
    }
    *ret_view = view;
    return at == end;
}

/* The digit that counts 10^exponent. */
static unsigned
digit_at(const digits_view *view, int64_t exponent)
{
    exponent -= view->exponent;
    if (exponent >= 0) {
        if (exponent >= (int64_t) view->whole.size) return 0;
        return view->whole.data[view->whole.size - 1 - (size_t) exponent] - (unsigned) '0';
    }
    if (-exponent > (int64_t) view->part.size) return 0;
    return view->part.data[-exponent - 1] - (unsigned) '0';
}

static decimal_outcome
at_limit(bool is_negative, unsigned precision, int128 *ret_value)
{
    int128 most = (int128) decimal_power_of_ten[precision] - 1;
    *ret_value = is_negative ? -most : most;
    return DECIMAL_TOO_LARGE;
}

decimal_outcome
dbz_decimal_of_text(firn_slice text, unsigned precision, unsigned scale, int128 *ret_value)
{
    digits_view view;
    if (!take_digits(text, &view)) return DECIMAL_NO_NUMBER;
    int64_t lowest = -(int64_t) scale, highest = (int64_t) view.whole.size - 1 + view.exponent;
    int64_t last = -(int64_t) view.part.size + view.exponent;
    while (highest >= lowest && digit_at(&view, highest) == 0) highest--;
    if (highest - lowest + 1 > (int64_t) precision) return at_limit(view.is_negative, precision, ret_value);

    uint128 value = 0;
    for (int64_t exponent = highest; exponent >= lowest; exponent--) value = value * 10 + digit_at(&view, exponent);
    bool is_inexact = false;
    for (int64_t exponent = lowest - 1; exponent >= last && !is_inexact; exponent--) is_inexact = digit_at(&view, exponent) != 0;
    if (is_inexact && digit_at(&view, lowest - 1) >= 5) value++;
    if (value >= decimal_power_of_ten[precision]) return at_limit(view.is_negative, precision, ret_value);
    *ret_value = view.is_negative ? -(int128) value : (int128) value;
    return is_inexact ? DECIMAL_INEXACT : DECIMAL_EXACT;
}

/* ---- decimals of bytes ---- */

static decimal_outcome
decimal_of_i128(int128 value, int32_t from_scale, unsigned precision, unsigned scale, int128 *ret_value)
{
    bool    is_negative = value < 0;
    uint128 magnitude = is_negative ? -(uint128) value : (uint128) value;
    int64_t shift = (int64_t) scale - from_scale;
    bool    is_inexact = false;
    if (magnitude == 0) return *ret_value = 0, DECIMAL_EXACT;
    if (shift > 0) {
        if (shift > DECIMAL_PRECISION_MAX || magnitude >= decimal_power_of_ten[precision] / decimal_power_of_ten[shift] + 1)
            return at_limit(is_negative, precision, ret_value);
        magnitude *= decimal_power_of_ten[shift];
    } else if (shift < 0) {
        /* 2^127 has 39 digits. */
        uint128 divisor = shift >= -DECIMAL_PRECISION_MAX ? decimal_power_of_ten[-shift] : 0;
        uint128 rest = divisor ? magnitude % divisor : magnitude;
        magnitude = divisor ? magnitude / divisor : 0;
        is_inexact = rest != 0;
        if (divisor && rest >= divisor - rest) magnitude++;
    }
    if (magnitude >= decimal_power_of_ten[precision]) return at_limit(is_negative, precision, ret_value);
    *ret_value = is_negative ? -(int128) magnitude : (int128) magnitude;
    return is_inexact ? DECIMAL_INEXACT : DECIMAL_EXACT;
}

/* Divides the big-endian limbs by 10^9; returns the rest. */
static uint32_t
divide_limbs(uint32_t limbs[], size_t count)
{
    uint64_t rest = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t part = rest << 32 | limbs[i];
        limbs[i] = (uint32_t) (part / 1000000000);
        rest = part % 1000000000;
    }
    return (uint32_t) rest;
}

/* |bytes| as limbs of 32 bits, most significant first. */
static void
take_magnitude(firn_slice bytes, bool is_negative, uint32_t limbs[], size_t count)
{
    memset(limbs, 0, count * sizeof *limbs);
    uint32_t carry = is_negative;
    for (size_t i = 0; i < bytes.size; i++) {
        size_t   place = bytes.size - 1 - i; /* from the least significant */
        uint32_t byte = bytes.data[place];
        if (is_negative) {
            byte = (~byte & 0xff) + carry;
            carry = byte >> 8;
            byte &= 0xff;
        }
        limbs[count - 1 - i / 4] |= byte << (8 * (i % 4));
    }
}

/* Digits, least significant first, in `out`. */
static firn_status
add_digits(firn_slice bytes, bool is_negative, firn_buffer *out, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer memory = {0};
    size_t count = bytes.size / 4 + 1, first = 0;
    firn_buffer_init(&memory, (NUMBER_BYTES_MAX / 4 + 2) * sizeof(uint32_t));
    FIRN_TRY(firn_buffer_reserve(&memory, count * sizeof(uint32_t), err));
    uint32_t *limbs = (uint32_t *) (void *) memory.data;
    take_magnitude(bytes, is_negative, limbs, count);
    while (first < count && limbs[first] == 0) first++;
    while (first < count) {
        uint32_t rest = divide_limbs(limbs + first, count - first);
        while (first < count && limbs[first] == 0) first++;
        for (int i = 0; i < 9 && (first < count || rest); i++, rest /= 10)
            FIRN_TRY(firn_buffer_add_byte(out, (uint8_t) ('0' + rest % 10), err));
    }
    return FIRN_OK;
}

firn_status
dbz_decimal_text_of_bytes(firn_slice bytes, int32_t scale, firn_buffer *out, bool *ret_valid, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer digits = {0};
    bool is_negative = bytes.size && bytes.data[0] & 0x80;
    *ret_valid = bytes.size > 0 && bytes.size <= NUMBER_BYTES_MAX && scale > -(int32_t) NUMBER_DIGITS_MAX && scale < INT16_MAX;
    if (!*ret_valid) return FIRN_OK;
    firn_buffer_init(&digits, NUMBER_DIGITS_MAX * 2);
    for (int32_t i = scale; i < 0; i++) FIRN_TRY(firn_buffer_add_byte(&digits, '0', err));
    FIRN_TRY(add_digits(bytes, is_negative, &digits, err));
    /* Zero has no zeros behind it. */
    if (scale < 0 && digits.size == (size_t) -scale) firn_buffer_reset(&digits);
    while (digits.size <= (scale > 0 ? (size_t) scale : 0)) FIRN_TRY(firn_buffer_add_byte(&digits, '0', err));
    if (is_negative) FIRN_TRY(firn_buffer_add_byte(out, '-', err));
    for (size_t i = digits.size; i > 0; i--) {
        if (scale > 0 && i == (size_t) scale) FIRN_TRY(firn_buffer_add_byte(out, '.', err));
        FIRN_TRY(firn_buffer_add_byte(out, digits.data[i - 1], err));
    }
    return FIRN_OK;
}

/* ---- into decimal columns ---- */

/* Debezium's and JSON's spellings: NAN, NaN, POSITIVE_INFINITY, Infinity … 0: none; 'n', '+', '-'. */
static char
special_of(firn_slice text)
{
    if (text.size < 3 || text.size > 17) return 0;
    if (firn_slice_equal(text, firn_slice_text("NAN")) || firn_slice_equal(text, firn_slice_text("NaN"))) return 'n';
    if (firn_slice_equal(text, firn_slice_text("POSITIVE_INFINITY")) || firn_slice_equal(text, firn_slice_text("Infinity"))) return '+';
    if (firn_slice_equal(text, firn_slice_text("NEGATIVE_INFINITY")) || firn_slice_equal(text, firn_slice_text("-Infinity"))) return '-';
    return 0;
}

static firn_status
add_unfit_decimal(dbz_row *row, dbz_cell *cell, const dbz_value *value, const char *what, unfit_remedy possible, int128 nearest,
                  firn_error *err)
{
    char problem[64], shown[96];
    bool is_null;
    snprintf(problem, sizeof problem, "%s decimal(%u,%u)", what, cell->type->precision, cell->type->scale);
    dbz_value_show(value, shown, sizeof shown);
    FIRN_TRY(dbz_settle(row, cell, possible, shown, problem, &is_null, err));
    return is_null ? column_add_null(cell->builder, err) : column_add_decimal(cell->builder, nearest, err);
}

static firn_status
add_outcome(dbz_row *row, dbz_cell *cell, const dbz_value *value, decimal_outcome outcome, int128 decimal, firn_error *err)
{
    switch (outcome) {
    case DECIMAL_EXACT:
        return column_add_decimal(cell->builder, decimal, err);
    case DECIMAL_INEXACT:
        return add_unfit_decimal(row, cell, value, "more digits behind the point than", REMEDY_CLAMP_OR_ROUND, decimal, err);
    case DECIMAL_TOO_LARGE:
        return add_unfit_decimal(row, cell, value, "too large for", REMEDY_CLAMP, decimal, err);
    case DECIMAL_NO_NUMBER:
        break;
    }
    return dbz_fail_corrupt(row, cell, value, err);
}

static firn_status
add_decimal_text(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_slice text, firn_error *err)
{
    int128 decimal = 0;
    char   special = special_of(text);
    if (special == 'n') return add_unfit_decimal(row, cell, value, "there is no NaN in", REMEDY_NONE, 0, err);
    if (special) {
        (void) at_limit(special == '-', cell->type->precision, &decimal);
        return add_unfit_decimal(row, cell, value, "too large for", REMEDY_CLAMP, decimal, err);
    }
    decimal_outcome outcome = dbz_decimal_of_text(text, cell->type->precision, cell->type->scale, &decimal);
    return add_outcome(row, cell, value, outcome, decimal, err);
}

/* A double in the place of a decimal: exact only where the column's digits all fit a double. */
static firn_status
add_decimal_double(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_slice text, firn_error *err)
{
    int128 decimal = 0;
    if (special_of(text)) return add_decimal_text(row, cell, value, text, err);
    decimal_outcome outcome = dbz_decimal_of_text(text, DECIMAL_PRECISION_MAX, cell->type->scale, &decimal);
    if (outcome == DECIMAL_NO_NUMBER) return dbz_fail_corrupt(row, cell, value, err);
    if (cell->form.is_unbounded || outcome != DECIMAL_EXACT || !decimal_fits(decimal, DOUBLE_DIGITS_SAFE))
        return dbz_add_damaged(row, cell, "a double has 15 digits; decimal.handling.mode=string has all", err);
    return add_decimal_text(row, cell, value, text, err);
}

firn_status
dbz_add_decimal(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err)
{
    int128          decimal = 0;
    decimal_outcome outcome;
    switch (value->kind) {
    case DBZ_VALUE_INTEGER:
        if (cell->form.kind == DBZ_FORM_DECIMAL_DOUBLE) break;
        outcome = decimal_of_i128(value->integer, 0, cell->type->precision, cell->type->scale, &decimal);
        return add_outcome(row, cell, value, outcome, decimal, err);
    case DBZ_VALUE_TEXT:
        return add_decimal_text(row, cell, value, value->text, err);
    case DBZ_VALUE_NUMBER:
        if (cell->form.kind == DBZ_FORM_DECIMAL_DOUBLE) return add_decimal_double(row, cell, value, value->text, err);
        return add_decimal_text(row, cell, value, value->text, err);
    case DBZ_VALUE_DECIMAL: {
        bool valid;
        if (value->text.size && value->text.size <= 16) {
            int128 unscaled = decimal_load_be(value->text.data, value->text.size);
            outcome = decimal_of_i128(unscaled, value->scale, cell->type->precision, cell->type->scale, &decimal);
            return add_outcome(row, cell, value, outcome, decimal, err);
        }
        firn_buffer_reset(&row->scratch2);
        FIRN_TRY(dbz_decimal_text_of_bytes(value->text, value->scale, &row->scratch2, &valid, err));
        if (!valid) break;
        return add_decimal_text(row, cell, value, firn_buffer_slice(&row->scratch2), err);
    }
    case DBZ_VALUE_REAL: {
        char text[40];
        int  size = snprintf(text, sizeof text, "%.17g", value->real);
        return add_decimal_double(row, cell, value, firn_slice_of(text, (size_t) size), err);
    }
    case DBZ_VALUE_BOOLEAN:
    case DBZ_VALUE_BYTES:
    case DBZ_VALUE_POINT:
    case DBZ_VALUE_GEOMETRY:
        break;
    }
    return dbz_fail_corrupt(row, cell, value, err);
}

/* ---- float and double ---- */

/* strtod knows more than JSON and numeric have: only digits, point and exponent get there. */
static bool
parse_real(dbz_row *row, firn_slice text, bool is_float, double *ret_value, firn_error *err, firn_status *ret_status)
{
    digits_view view;
    char       *end;
    *ret_status = FIRN_OK;
    switch (special_of(text)) {
    case 'n':
        *ret_value = double_of_bits(UINT64_C(0x7ff8000000000000));
        return true;
    case '+':
    case '-':
        *ret_value = text.data[0] == '-' || text.data[0] == 'N' ? -HUGE_VAL : HUGE_VAL;
        return true;
    default:
        break;
    }
    if (text.size > REAL_TEXT_MAX || !take_digits(text, &view)) return false;
    firn_buffer_reset(&row->scratch2);
    *ret_status = firn_buffer_add(&row->scratch2, text.data, text.size, err);
    if (!*ret_status) *ret_status = firn_buffer_add_byte(&row->scratch2, 0, err);
    if (*ret_status) return false;
    const char *start = (const char *) row->scratch2.data;
    *ret_value = is_float ? (double) strtof(start, &end) : strtod(start, &end);
    return *end == 0;
}

firn_status
dbz_add_real(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err)
{
    firn_status status = FIRN_OK;
    double      real = 0;
    bool        valid, is_null = false;
    switch (value->kind) {
    case DBZ_VALUE_REAL:
        return column_add_double(cell->builder, value->real, err);
    case DBZ_VALUE_INTEGER:
        return column_add_double(cell->builder, (double) value->integer, err);
    case DBZ_VALUE_TEXT:
    case DBZ_VALUE_NUMBER:
        if (!parse_real(row, value->text, cell->type->kind == TYPE_FLOAT, &real, err, &status))
            return status ? status : dbz_fail_corrupt(row, cell, value, err);
        break;
    case DBZ_VALUE_DECIMAL:
        firn_buffer_reset(&row->scratch);
        FIRN_TRY(dbz_decimal_text_of_bytes(value->text, value->scale, &row->scratch, &valid, err));
        if (!valid || !parse_real(row, firn_buffer_slice(&row->scratch), false, &real, err, &status))
            return status ? status : dbz_fail_corrupt(row, cell, value, err);
        break;
    case DBZ_VALUE_BOOLEAN:
    case DBZ_VALUE_BYTES:
    case DBZ_VALUE_POINT:
    case DBZ_VALUE_GEOMETRY:
        return dbz_fail_corrupt(row, cell, value, err);
    }
    bool is_named = value->kind == DBZ_VALUE_TEXT && special_of(value->text);
    if (!is_named && (real > DBL_MAX || real < -DBL_MAX)) {
        char shown[96];
        dbz_value_show(value, shown, sizeof shown);
        FIRN_TRY(dbz_settle(row, cell, REMEDY_CLAMP, shown, "too large for double", &is_null, err));
        if (is_null) return column_add_null(cell->builder, err);
        real = real < 0 ? -DBL_MAX : DBL_MAX;
    }
    return column_add_double(cell->builder, real, err);
}

/* ---- int and long ---- */

/* Aside: the frame of most values is small. */
static FIRN_NOINLINE firn_status
settle_integer(dbz_row *row, dbz_cell *cell, const dbz_value *value, bool is_beyond, int64_t nearest, firn_error *err)
{
    char shown[96];
    bool is_null;
    dbz_value_show(value, shown, sizeof shown);
    FIRN_TRY(dbz_settle(row, cell, is_beyond ? REMEDY_CLAMP : REMEDY_CLAMP_OR_ROUND, shown,
                        is_beyond ? "too large for the column's integers" : "an integer has no digits behind the point", &is_null, err));
    return is_null ? column_add_null(cell->builder, err) : column_add_i64(cell->builder, nearest, err);
}

firn_status
dbz_add_integer(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err)
{
    unsigned precision = cell->type->kind == TYPE_INT ? 10 : 19;
    int64_t  least = cell->type->kind == TYPE_INT ? INT32_MIN : INT64_MIN, most = cell->type->kind == TYPE_INT ? INT32_MAX : INT64_MAX;
    int128   wide = 0;
    decimal_outcome outcome = DECIMAL_NO_NUMBER;
    switch (value->kind) {
    case DBZ_VALUE_INTEGER:
        wide = value->integer;
        outcome = DECIMAL_EXACT;
        break;
    case DBZ_VALUE_BOOLEAN:
        wide = value->truth;
        outcome = DECIMAL_EXACT;
        break;
    case DBZ_VALUE_TEXT:
    case DBZ_VALUE_NUMBER:
        outcome = dbz_decimal_of_text(value->text, precision, 0, &wide);
        break;
    case DBZ_VALUE_DECIMAL:
        if (value->text.size && value->text.size <= 16)
            outcome = decimal_of_i128(decimal_load_be(value->text.data, value->text.size), value->scale, precision, 0, &wide);
        break;
    case DBZ_VALUE_REAL:
    case DBZ_VALUE_BYTES:
    case DBZ_VALUE_POINT:
    case DBZ_VALUE_GEOMETRY:
        break;
    }
    if (outcome == DECIMAL_NO_NUMBER) return dbz_fail_corrupt(row, cell, value, err);
    bool is_beyond = outcome == DECIMAL_TOO_LARGE || wide < least || wide > most;
    int64_t nearest = wide < least ? least : wide > most ? most : (int64_t) wide;
    return outcome == DECIMAL_EXACT && !is_beyond ? column_add_i64(cell->builder, nearest, err) : settle_integer(row, cell, value, is_beyond, nearest, err);
}
