/*
 * Where in a table's keys the rows that differ lie: a few ranges of the key's first column.
 *
 * Order: a number per key that sorts as the values do: whole numbers, dates and times as they are; strings, binary and
 *        uuid by their first 8 bytes. Null comes first. Other types have none, and no ranges.
 */
#ifndef FIRN_VALIDATE_KEY_RANGES_H
#define FIRN_VALIDATE_KEY_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "batch/schema.h"

#define KEY_RANGES_MAX 10u

typedef struct key_range {
    uint64_t first, last; /* orders, both in it */
    uint64_t key_count;   /* that differ */
} key_range;

bool     key_order_is_there(const data_type *type);
uint64_t key_order(const data_type *type, const struct ArrowArray *column, int64_t row);

/* Sorts `orders` (of the keys that differ); ranges are ascending and do not overlap. Neighbours are one range; of the gaps
 * between the others the widest ones part them. Returns their number. */
unsigned key_ranges_make(uint64_t orders[], size_t count, key_range ret_ranges[KEY_RANGES_MAX]);
/* The range that has it; `count`: none. */
unsigned key_ranges_find(const key_range ranges[], unsigned count, uint64_t order);

#endif
