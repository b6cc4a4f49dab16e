/*
 * One value of a COPY BINARY stream → one row of a column, for every type; and what happens to a value
 * that the Iceberg type cannot hold. The hot loop in copy_decode.c has short ways for the common ones.
 */
#ifndef FIRN_POSTGRES_COPY_VALUE_H
#define FIRN_POSTGRES_COPY_VALUE_H

#include "base/slice.h"
#include "postgres/copy_column.h"

/* Days and microseconds between PostgreSQL's epoch and 1970, and the ends of the calendar. */
#define COPY_DATE_INFINITY INT32_MAX
#define COPY_DATE_MINUS_INFINITY INT32_MIN
#define COPY_TIMESTAMP_INFINITY INT64_MAX
#define COPY_TIMESTAMP_MINUS_INFINITY INT64_MIN

/* Where we are, for messages; and what was counted. */
typedef struct copy_row {
    const copy_layout *layout;
    const copy_field  *column; /* at the top level */
    firn_slice         tuple;  /* the fields of this row */
    uint64_t           coerced_count;
} copy_row;

/* Appends `value` as row `index`; there is room for it. */
FIRN_MUST_USE firn_status copy_value_add(copy_row *row, copy_column *column, size_t index, firn_slice value,
                                         firn_error *err);
/* The same for a null, which a required field refuses. */
FIRN_MUST_USE firn_status copy_value_add_null(copy_row *row, copy_column *column, size_t index, firn_error *err);
/* The bytes are not those of this type. */
FIRN_MUST_USE firn_status copy_value_fail_corrupt(const copy_row *row, const copy_field *field, size_t size,
                                                  firn_error *err);

/* Appends bytes to a string or binary column as row `index`. */
FIRN_MUST_USE static inline firn_status
copy_value_add_bytes(copy_column *column, size_t index, const void *bytes, size_t size, firn_error *err)
{
    if (FIRN_UNLIKELY(column->data_capacity - column->data_size < size))
        FIRN_TRY(copy_column_grow_data(column, size, err));
    if (size) memcpy(column->data + column->data_size, bytes, size);
    column->data_size += size;
    copy_column_set_offset(column, index + 1, column->data_size);
    return FIRN_OK;
}

#endif
