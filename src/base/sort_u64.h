/*
 * Sorts 64-bit numbers, ascending, digit by digit: several times faster than comparing where there are many.
 *
 * Memory: the caller's, as many numbers again
 * Limits: UINT32_MAX numbers
 */
#ifndef FIRN_BASE_SORT_U64_H
#define FIRN_BASE_SORT_U64_H

#include <stddef.h>
#include <stdint.h>

void sort_u64(uint64_t numbers[], uint64_t scratch[], size_t count);

#endif
