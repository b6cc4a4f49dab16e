/*
 * Decimal digits, eight at a time.
 */
#ifndef FIRN_BASE_DIGITS_H
#define FIRN_BASE_DIGITS_H

#include "base/bytes.h"

#include <stdbool.h>

static inline bool
digit_is(uint8_t c)
{
    return (unsigned) (c - '0') <= 9;
}

/* Per byte of eight in memory's order: its high bit is set where that is no digit. Exact up to the first such byte. */
static inline uint64_t
digits_others(uint64_t eight)
{
    uint64_t values = eight ^ UINT64_C(0x3030303030303030);

    return (values | (values + UINT64_C(0x7676767676767676))) & UINT64_C(0x8080808080808080);
}

/* Behind the digits at `at`. */
static inline const uint8_t *
digits_skip(const uint8_t *at, const uint8_t *end)
{
    while (end - at >= 8) {
        uint64_t others = digits_others(load_le64(at));

        if (others) return at + __builtin_ctzll(others) / 8;
        at += 8;
    }
    while (at < end && digit_is(*at)) at++;
    return at;
}

/* The number that eight digits are: pairs, then fours, then all. */
static inline uint64_t
digits_eight(uint64_t eight)
{
    const uint64_t mask = UINT64_C(0x000000FF000000FF);
    uint64_t       values = eight ^ UINT64_C(0x3030303030303030), pairs = values * 10 + (values >> 8);

    return ((pairs & mask) * (UINT64_C(1000000) << 32 | 100) + (pairs >> 16 & mask) * (UINT64_C(10000) << 32 | 1)) >> 32;
}

/* Of 19 digits at most, which nothing else stands between. False: something does. */
static inline bool
digits_parse(const uint8_t *at, size_t size, uint64_t *ret_number)
{
    const uint8_t *end = at + size;
    uint64_t       number = 0;

    for (; end - at >= 8; at += 8) {
        uint64_t eight = load_le64(at);

        if (digits_others(eight)) return false;
        number = number * 100000000 + digits_eight(eight);
    }
    for (; at < end; at++) {
        if (!digit_is(*at)) return false;
        number = 10 * number + (uint64_t) (*at - '0');
    }
    *ret_number = number;
    return true;
}

#endif
