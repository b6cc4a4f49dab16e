/*
 * Values that were lost on their way (row_decoder.h, "Damage"), read again from the source by their rows' keys.
 *
 * Values: only the columns that were lost come from there. They are those of the row now; where it has changed meanwhile, the change
 *         is still to come, brings the whole row, and after it all columns are of one state again
 * Gone:   a row that is not there under its key now is left out of the lake (its state now), in whatever form it was there before: its
 *         delete, or the change of its key, is still to come, and finds nothing. What updates in between leave out (unchanged TOAST)
 *         and the lake does not have is read again, too
 * Not to be had: the source cannot be asked, or does not have the column any more: null where the column's `unrepresentable` policy says
 *         so, and counted; else FIRN_E_VALUE_DAMAGED with the reason. Never a value that may be false
 */
#ifndef FIRN_FOLLOW_ROW_RESELECT_H
#define FIRN_FOLLOW_ROW_RESELECT_H

#include "change/row_decoder.h"
#include "follow/followed_table.h"

/* Damaged rows that are collected before they are read again. */
#define RESELECT_ROWS_MAX 1000u

/* A batch of rows, and what is wrong with them. */
typedef struct reselect_work {
    const followed_table *table;
    const follow_context *ctx;
    change_stream        *stream;
    const table_schema   *schema; /* of `rows`: the lake's */
    struct ArrowArray    *rows;
    const uint32_t       *entries; /* per row */
    const key_hash       *hashes;  /* per entry: of its key */
    const row_damage     *damage;  /* columns of the description; loss NULL: a hole whose row the lake does not have */
    size_t                damage_count;
} reselect_work;

/* Whether a table's lost values are to be read again at all. */
bool row_reselect_is_on(const followed_table *table, const follow_context *ctx, const change_stream *stream);
/* gone[row]: to be left out. *ret_coerced: nulls by policy. *ret_of_table: the failure is the table's. */
FIRN_MUST_USE firn_status row_reselect_fill(const reselect_work *work, bool gone[], uint64_t *ret_coerced, bool *ret_of_table,
                                            firn_error *err);

#endif
