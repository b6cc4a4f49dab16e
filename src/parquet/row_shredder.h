/*
 * Rows of an Arrow struct array → one leaf's levels and values, any nesting.
 *
 * Spec:    parquet-format, README.md, "Nested Encoding"; Arrow columnar format, "Physical Memory Layout"
 * Shape:   a flat column gives its validity bits as they are; below structs, lists and maps there is a
 *          definition level (and, below lists, a repetition level) of a byte per slot
 * Views:   what row_shredder_cut returns lives until the next cut, and as long as the rows
 * Errors:  FIRN_BUG where a required field holds a null
 * Threads: one thread per shredder
 */
#ifndef FIRN_PARQUET_ROW_SHREDDER_H
#define FIRN_PARQUET_ROW_SHREDDER_H

#include "batch/arrow_abi.h"
#include "parquet/parquet_schema.h"
#include "parquet/value_view.h"

typedef struct leaf_rows {
    size_t         row_count, slot_count, null_count; /* slots without a value */
    const uint8_t *valid;                             /* flat with nulls: bits from valid_offset; else NULL */
    size_t         valid_offset;
    const uint8_t *definition, *repetition; /* a byte per slot; NULL: flat, or no such level */
    value_view     values;
} leaf_rows;

typedef struct row_shredder {
    firn_buffer index[2], definition[2], repetition[2]; /* slots, level by level */
    firn_buffer values, starts, ends;
} row_shredder;

void   row_shredder_init(row_shredder *s);
void   row_shredder_done(row_shredder *s);
size_t row_shredder_memory_bytes(const row_shredder *s);

/* How many of the rows [from, from + row_count) have at most so many slots and PLAIN bytes together. */
size_t row_shredder_fit(const parquet_leaf *leaf, const struct ArrowArray *rows, size_t from, size_t row_count,
                        size_t slot_count_max, size_t size_bytes_max);
FIRN_MUST_USE firn_status row_shredder_cut(row_shredder *s, const parquet_leaf *leaf, const struct ArrowArray *rows,
                                           size_t from, size_t row_count, leaf_rows *ret_rows, firn_error *err);

#endif
