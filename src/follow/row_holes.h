/*
 * Values that updates left out (unchanged TOAST), taken from the rows' earlier versions in the lake: found by the key
 * index, read by position, only the columns and pages that are missing.
 */
#ifndef FIRN_FOLLOW_ROW_HOLES_H
#define FIRN_FOLLOW_ROW_HOLES_H

#include "follow/followed_table.h"

/* entries[i]: the entry of row i. `rows`: the columns of `schema`, null in the holes; they are put in. The index stands for
 * table->base. *ret_of_table: the table lacks such a row (FIRN_FAILED, FOLLOW_ROW_GONE). */
FIRN_MUST_USE firn_status row_holes_fill(const followed_table *table, const follow_context *ctx, const table_schema *schema,
                                         const uint32_t entries[], uint32_t count, struct ArrowArray *rows,
                                         bool *ret_of_table, firn_error *err);

#endif
