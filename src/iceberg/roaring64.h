/*
 * A set of row positions: 64-bit numbers in 32-bit Roaring bitmaps, one for each upper half that occurs.
 *
 * Spec:    puffin-spec.md, "deletion-vector-v1" (the vector); RoaringFormatSpec, the portable form and its extension
 *          for 64 bits
 * Limits:  positions below 2^63, as Iceberg's are; bytes are checked in full before CRoaring sees them (its own
 *          checks, in the versions that Debian has, leave overlapping runs and unsorted arrays in)
 * Memory:  CRoaring's own, outside of base/alloc; at most a few times the serialized size
 * Threads: readers share a set that nobody changes
 */
#ifndef FIRN_ICEBERG_ROARING64_H
#define FIRN_ICEBERG_ROARING64_H

#include "base/buffer.h"

typedef struct roaring64 roaring64;

#define ROARING64_POSITION_MAX ((uint64_t) INT64_MAX)

FIRN_MUST_USE roaring64 *roaring64_new(void); /* empty; NULL: no memory */
void                     roaring64_free(roaring64 *set);
FIRN_DEFINE_FREEP(roaring64, roaring64_free)

FIRN_MUST_USE firn_status roaring64_add(roaring64 *set, uint64_t position, firn_error *err);
/* In any order; quick where neighbours lie near each other. */
FIRN_MUST_USE firn_status roaring64_add_many(roaring64 *set, const uint64_t positions[], size_t count, firn_error *err);
/* first … first + count - 1 */
FIRN_MUST_USE firn_status roaring64_add_range(roaring64 *set, uint64_t first, uint64_t count, firn_error *err);
/* Everything of `other` too. */
FIRN_MUST_USE firn_status roaring64_add_all(roaring64 *set, const roaring64 *other, firn_error *err);

bool     roaring64_contains(const roaring64 *set, uint64_t position);
uint64_t roaring64_count(const roaring64 *set);
/* How many lie in first … first + count - 1. */
uint64_t roaring64_count_range(const roaring64 *set, uint64_t first, uint64_t count);
bool     roaring64_equal(const roaring64 *a, const roaring64 *b);
/* The greatest; false: empty. */
bool     roaring64_max(const roaring64 *set, uint64_t *ret_position);
/* The positions from `from` on, ascending, at most `capacity`; returns how many. To go through all of them, go on with
 * the last one plus 1. */
size_t   roaring64_read(const roaring64 *set, uint64_t from, uint64_t ret_positions[], size_t capacity);

/* Appends the portable form; runs are packed first, hence not const. */
FIRN_MUST_USE firn_status roaring64_serialize(roaring64 *set, firn_buffer *out, firn_error *err);
/* The whole of `bytes`; hostile. */
FIRN_MUST_USE firn_status roaring64_deserialize(firn_slice bytes, roaring64 **ret_set, firn_error *err);

#endif
