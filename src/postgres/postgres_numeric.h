/*
 * PostgreSQL's numeric in its binary form → decimals, doubles and text.
 *
 * Shape:   int16 digit count, int16 weight, uint16 sign, uint16 display scale, then the digits: int16
 *          each, base 10000, most significant first; the first one counts 10000^weight
 *          (numeric_send in the server's src/backend/utils/adt/numeric.c)
 * Hostile: every length, sign and digit is checked; work is linear in the bytes given
 * Threads: no state
 */
#ifndef FIRN_POSTGRES_POSTGRES_NUMERIC_H
#define FIRN_POSTGRES_POSTGRES_NUMERIC_H

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/decimal.h"

typedef enum numeric_outcome {
    NUMERIC_EXACT,
    NUMERIC_INEXACT,   /* digits below the scale: the value is rounded half away from zero */
    NUMERIC_TOO_LARGE, /* the value is the nearest one that fits */
    NUMERIC_INFINITE,  /* the same */
    NUMERIC_NAN,       /* no value */
    NUMERIC_CORRUPT,   /* no value */
} numeric_outcome;

/* The value times 10^scale, when its digits fit decimal(precision, scale); precision 1..38, scale <= precision. */
numeric_outcome numeric_to_decimal(firn_slice bytes, unsigned precision, unsigned scale, int128 *ret_value);

/* The nearest double. NUMERIC_TOO_LARGE: beyond the range of double, ±DBL_MAX. NaN and infinities are exact. */
numeric_outcome numeric_to_double(firn_slice bytes, double *ret_value);

/* Appends PostgreSQL's text of it: "-12.340", "NaN", "Infinity". False: corrupt, or `out` refused more. */
FIRN_MUST_USE bool numeric_format(firn_slice bytes, firn_buffer *out);

extern const int64_t numeric_power_of_ten[19];

/*
 * The common case inline: up to 5 base-10000 digits whose scaled value fits 63 bits. False says nothing
 * but "ask numeric_to_decimal".
 */
FIRN_MUST_USE static inline bool
numeric_to_i64_fast(const uint8_t *bytes, size_t size, unsigned scale, int64_t *ret_value)
{
    if (FIRN_UNLIKELY(size < 8)) return false;
    uint64_t head = load_be64(bytes);
    unsigned digit_count = (unsigned) (head >> 48);
    int      weight = (int16_t) (head >> 32);
    unsigned sign = (unsigned) (head >> 16) & 0xffffu;
    if (FIRN_UNLIKELY(digit_count > 5 || size != 8 + 2 * (size_t) digit_count || (sign & ~0x4000u))) return false;

    int64_t  value = 0;
    unsigned bad = 0;
    for (unsigned i = 0; i < digit_count; i++) {
        unsigned digit = load_be16(bytes + 8 + 2 * i);
        bad |= 9999u - digit;
        if (i == 4 && FIRN_UNLIKELY(value > INT64_MAX / 10000 - 1)) return false;
        value = value * 10000 + (int64_t) digit;
    }
    if (FIRN_UNLIKELY(bad >> 31)) return false;

    int exponent = 4 * (weight + 1 - (int) digit_count) + (int) scale;
    if (exponent >= 0) {
        if (digit_count == 0) exponent = 0;
        if (FIRN_UNLIKELY(exponent > 18)) return false;
        if (FIRN_UNLIKELY(__builtin_mul_overflow(value, numeric_power_of_ten[exponent], &value))) return false;
    } else {
        int64_t whole, divisor; /* constant divisors become multiplications */
        switch (exponent) {
        case -1: whole = value / 10, divisor = 10; break;
        case -2: whole = value / 100, divisor = 100; break;
        case -3: whole = value / 1000, divisor = 1000; break;
        default: return false;
        }
        if (FIRN_UNLIKELY(whole * divisor != value)) return false;
        value = whole;
    }
    *ret_value = sign ? -value : value;
    return true;
}

#endif
