/*
 * Whether bytes are one 32-bit Roaring bitmap in the portable form, to the last container.
 * Spec: RoaringFormatSpec, "General layout". Stricter than readers must be: containers ascend, arrays ascend, runs
 * ascend without touching what is behind 65535, and each cardinality is the true one.
 */
#ifndef FIRN_ICEBERG_ROARING_CHECK_H
#define FIRN_ICEBERG_ROARING_CHECK_H

#include "base/slice.h"

/* An empty bitmap with its key: no part of a 64-bit set is shorter. */
#define ROARING_BYTES_MIN 12

/* *ret_size_bytes: how many of the bytes it takes. */
bool roaring_check(firn_slice bytes, size_t *ret_size_bytes);

#endif
