/*
 * Values that updates left out (unchanged TOAST), taken from the rows' earlier versions in the lake: found by the key
 * index, read by position, only the columns and pages that are missing.
 */
#ifndef FIRN_FOLLOW_ROW_HOLES_H
#define FIRN_FOLLOW_ROW_HOLES_H

#include "follow/followed_table.h"

/* entries[i]: the entry of row i. `rows`: the columns of `schema`, null in the holes; they are put in. The index stands for
 * table->base. `missing` (room for `count`): rows whose version the table lacks, left null, *ret_missing of them; NULL: such a
 * row is an error, *ret_of_table (FIRN_FAILED, FOLLOW_ROW_GONE). */
FIRN_MUST_USE firn_status row_holes_fill(const followed_table *table, const follow_context *ctx, const table_schema *schema,
                                         const uint32_t entries[], uint32_t count, struct ArrowArray *rows,
                                         uint32_t missing[], uint32_t *ret_missing, bool *ret_of_table, firn_error *err);
/* Whether the description's column `column` is a hole in the entry's row. */
bool row_holes_has(const followed_table *table, const row_entry *entry, unsigned column);

#endif
