/*
 * Decimals as scaled integers of up to 38 digits in 128 bits.
 */
#ifndef FIRN_BASE_DECIMAL_H
#define FIRN_BASE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/slice.h"

__extension__ typedef __int128          int128;
__extension__ typedef unsigned __int128 uint128;

#define DECIMAL_PRECISION_MAX 38
#define DECIMAL_TEXT_MAX 48

extern const uint128 decimal_power_of_ten[DECIMAL_PRECISION_MAX + 1];

/* |value| < 10^precision */
bool decimal_fits(int128 value, unsigned precision);
/* "-12.340" for (-12340, 3); scale may be negative (zeros are appended). Returns the length, NUL-terminated. */
size_t decimal_format(int128 value, int scale, char out[DECIMAL_TEXT_MAX + 64]);
/* Plain digits with sign and point, no exponent; exact at `scale` or false (also when digits would be lost). */
FIRN_MUST_USE bool decimal_parse(firn_slice text, int scale, int128 *ret_value);
/* Big-endian two's complement in exactly `size` bytes (value must fit), and the least number of bytes. */
void     decimal_store_be(int128 value, uint8_t *out, size_t size);
unsigned decimal_size_min(int128 value);
/* Sign-extends 1..16 big-endian bytes. */
int128 decimal_load_be(const uint8_t *bytes, size_t size);
/* Bytes that Parquet and Iceberg use for a fixed-length decimal of this precision. */
unsigned decimal_size_of_precision(unsigned precision);

#endif
