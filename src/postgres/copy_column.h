/*
 * Buffers of one column while a batch is filled, and their hand-over as an ArrowArray.
 *
 * Rows are written by index, each once and in order: top-level columns have room for the whole batch from
 * copy_column_begin, nested ones grow. Fixed-size values of nulls are zero.
 */
#ifndef FIRN_POSTGRES_COPY_COLUMN_H
#define FIRN_POSTGRES_COPY_COLUMN_H

#include "base/bitmap.h"
#include "base/bytes.h"
#include "batch/arrow_abi.h"
#include "postgres/copy_layout.h"

typedef struct copy_column copy_column;
struct copy_column {
    copy_op           op;
    unsigned          value_size;  /* bytes per row in `values`; 0: bits, or no values */
    bool              has_offsets; /* string, binary, list, map */
    bool              is_text;     /* string, binary: offsets count bytes of `data` */
    uint8_t          *values;
    uint8_t          *validity; /* NULL until the first null */
    uint8_t          *offsets;  /* int32, one more than rows */
    uint8_t          *data;     /* string, binary */
    size_t            data_size, data_capacity;
    size_t            row_capacity, null_count;
    size_t            count; /* rows so far; kept for the children of lists and maps only */
    size_t            data_hint;
    const copy_field *field;
    unsigned          child_count;
    copy_column      *children;
};

/* {0} and half-made columns can be done. */
FIRN_MUST_USE firn_status copy_column_init(copy_column *column, const copy_field *field, unsigned depth, firn_error *err);
void copy_column_done(copy_column *column);

/* Room for `row_capacity` rows in a column without buffers. */
FIRN_MUST_USE firn_status copy_column_begin(copy_column *column, size_t row_capacity, firn_error *err);
/* Room for row `index`; what is there stays. */
FIRN_MUST_USE firn_status copy_column_grow(copy_column *column, size_t index, firn_error *err);
/* Room for `extra` more bytes of data; fails above what int32 offsets can address. */
FIRN_MUST_USE firn_status copy_column_grow_data(copy_column *column, size_t extra, firn_error *err);
/* Makes row `index` null, children of structs too. */
FIRN_MUST_USE firn_status copy_column_add_null(copy_column *column, size_t index, firn_error *err);
/* Takes row `index`, the last one, out again; it may be half made. */
void copy_column_rewind(copy_column *column, size_t index);
/* Moves `row_count` rows out and leaves the column without buffers. */
FIRN_MUST_USE firn_status copy_column_finish(copy_column *column, size_t row_count, struct ArrowArray *ret_array,
                                             firn_error *err);
/* Bytes that a row takes at least, for sizing batches. */
size_t copy_column_row_size(const copy_column *column);

FIRN_MUST_USE static inline firn_status
copy_column_reserve(copy_column *column, size_t index, firn_error *err)
{
    if (FIRN_LIKELY(index < column->row_capacity)) return FIRN_OK;
    return copy_column_grow(column, index, err);
}

static inline void
copy_column_set_offset(copy_column *column, size_t index, size_t offset)
{
    store_le32(column->offsets + 4 * index, (uint32_t) offset);
}

#endif
