/*
 * Rows of a table side in buckets by the hash of their key: number and sum of the rows' hashes. Sides whose buckets agree
 * hold the same rows, in whatever order they were read.
 */
#ifndef FIRN_VALIDATE_BUCKET_SUMS_H
#define FIRN_VALIDATE_BUCKET_SUMS_H

#include <stddef.h>
#include <stdint.h>

#include "base/bitmap.h"

#define BUCKET_COUNT 32768u

typedef struct bucket_sum {
    uint64_t row_count, sum;
} bucket_sum;

static inline unsigned
bucket_of_key(uint64_t key_hash)
{
    return (unsigned) (key_hash >> 32) % BUCKET_COUNT;
}

static inline void
bucket_sums_add(bucket_sum sums[BUCKET_COUNT], const uint64_t key_hashes[], const uint64_t row_hashes[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bucket_sum *bucket = &sums[bucket_of_key(key_hashes[i])];

        bucket->row_count++;
        bucket->sum += row_hashes[i];
    }
}

static inline void
bucket_sums_merge(bucket_sum to[BUCKET_COUNT], const bucket_sum from[BUCKET_COUNT])
{
    for (size_t i = 0; i < BUCKET_COUNT; i++) {
        to[i].row_count += from[i].row_count;
        to[i].sum += from[i].sum;
    }
}

#endif
