/*
 * Size arithmetic that says when it overflows: true = fits, false = overflow (out untouched).
 */
#ifndef FIRN_BASE_CHECKED_H
#define FIRN_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attrs.h"

FIRN_MUST_USE static inline bool
firn_add_size(size_t a, size_t b, size_t *ret_sum)
{
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum)) return false;
    *ret_sum = sum;
    return true;
}

FIRN_MUST_USE static inline bool
firn_mul_size(size_t a, size_t b, size_t *ret_product)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product)) return false;
    *ret_product = product;
    return true;
}

#endif
