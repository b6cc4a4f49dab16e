#include "base/decimal.h"

#include <assert.h>
#include <string.h>

/* 10^19 is the highest power in 64 bits; the others are products of two. */
#define E(n) ((uint128) UINT64_C(1##n))
#define E19 UINT64_C(10000000000000000000)
#define H(n) ((uint128) E19 * UINT64_C(1##n))

const uint128 decimal_power_of_ten[DECIMAL_PRECISION_MAX + 1] = {
    E(),
    E(0),
    E(00),
    E(000),
    E(0000),
    E(00000),
    E(000000),
    E(0000000),
    E(00000000),
    E(000000000),
    E(0000000000),
    E(00000000000),
    E(000000000000),
    E(0000000000000),
    E(00000000000000),
    E(000000000000000),
    E(0000000000000000),
    E(00000000000000000),
    E(000000000000000000),
    H(),
    H(0),
    H(00),
    H(000),
    H(0000),
    H(00000),
    H(000000),
    H(0000000),
    H(00000000),
    H(000000000),
    H(0000000000),
    H(00000000000),
    H(000000000000),
    H(0000000000000),
    H(00000000000000),
    H(000000000000000),
    H(0000000000000000),
    H(00000000000000000),
    H(000000000000000000),
    (uint128) E19 *E19,
};

/* Also of the least value, whose negative does not fit. */
static uint128
magnitude(int128 value)
{
    return value < 0 ? (uint128) 0 - (uint128) value : (uint128) value;
}

bool
decimal_fits(int128 value, unsigned precision)
{
    return precision > DECIMAL_PRECISION_MAX || magnitude(value) < decimal_power_of_ten[precision];
}

size_t
decimal_format(int128 value, int scale, char out[DECIMAL_TEXT_MAX + 64])
{
    char    digits[DECIMAL_TEXT_MAX];
    size_t  digit_count = 0, at = 0;
    uint128 rest = magnitude(value);

    assert(scale >= -64 && scale <= 104); /* what `out` holds with 39 digits */
    do {
        digits[digit_count++] = (char) ('0' + (int) (rest % 10));
        rest /= 10;
    } while (rest > 0);

    if (value < 0) {
        out[at++] = '-';
    }
    if (scale > 0 && digit_count <= (size_t) scale) {
        out[at++] = '0';
        out[at++] = '.';
        memset(out + at, '0', (size_t) scale - digit_count);
        at += (size_t) scale - digit_count;
        scale = 0;
    }
    while (digit_count > 0) {
        out[at++] = digits[--digit_count];
        if (scale > 0 && digit_count == (size_t) scale) {
            out[at++] = '.';
        }
    }
    if (scale < 0 && value != 0) {
        memset(out + at, '0', (size_t) -scale);
        at += (size_t) -scale;
    }
    out[at] = '\0';
    return at;
}

/* value = value * 10 + digit, at most 38 digits. */
static bool
append_digit(uint128 *value, unsigned digit)
{
    if (*value >= decimal_power_of_ten[DECIMAL_PRECISION_MAX - 1]) return false;
    *value = *value * 10 + digit;
    return true;
}

/* Reads sign, digits and point; `exponent` becomes what the last kept digit stands for (10^exponent).
 * Zeros at the end are not kept, so that "1.500" fits scale 1 and "1e2"-like "100" fits scale -2. */
static bool
parse_digits(firn_slice text, uint128 *ret_value, int64_t *ret_exponent)
{
    uint128 value = 0;
    int64_t exponent = 0, zeros = 0, digit_count = 0;
    bool    after_point = false;

    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == '.' && !after_point) {
            after_point = true;
            continue;
        }
        if (c < '0' || c > '9') return false;
        digit_count++;
        exponent -= after_point;
        if (c == '0') {
            zeros++;
            continue;
        }
        for (; zeros > 0; zeros--) {
            if (value == 0) {
                zeros = 0;
                break;
            }
            if (!append_digit(&value, 0)) return false;
        }
        if (!append_digit(&value, (unsigned) (c - '0'))) return false;
    }
    *ret_value = value;
    *ret_exponent = exponent + zeros;
    return digit_count > 0;
}

bool
decimal_parse(firn_slice text, int scale, int128 *ret_value)
{
    bool    negative = text.size > 0 && text.data[0] == '-';
    uint128 value;
    int64_t exponent;

    if (text.size > 0 && (negative || text.data[0] == '+')) {
        text = firn_slice_of(text.data + 1, text.size - 1);
    }
    if (!parse_digits(text, &value, &exponent)) return false;
    if (value != 0) {
        if (exponent < -(int64_t) scale) return false; /* digits would be lost */
        for (; exponent > -(int64_t) scale; exponent--) {
            if (!append_digit(&value, 0)) return false;
        }
    }
    *ret_value = negative ? -(int128) value : (int128) value;
    return true;
}

void
decimal_store_be(int128 value, uint8_t *out, size_t size)
{
    for (size_t i = size; i > 0; i--) {
        out[i - 1] = (uint8_t) value;
        value >>= 8; /* arithmetic: the sign fills up */
    }
}

unsigned
decimal_size_min(int128 value)
{
    unsigned size = 1;

    for (int128 rest = value >> 7; rest != 0 && rest != -1; rest >>= 8) {
        size++;
    }
    return size;
}

int128
decimal_load_be(const uint8_t *bytes, size_t size)
{
    uint128 value = 0;

    assert(size >= 1 && size <= 16);
    if (bytes[0] & 0x80) {
        value = ~value;
    }
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | bytes[i];
    }
    return (int128) value;
}

unsigned
decimal_size_of_precision(unsigned precision)
{
    assert(precision <= DECIMAL_PRECISION_MAX);
    return decimal_size_min((int128) (decimal_power_of_ten[precision] - 1));
}
