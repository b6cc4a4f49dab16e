/*
 * Short ways for the frequent values of a row, inline in the loops over fields (copy_decode.c, tuple_decode.c).
 */
#ifndef FIRN_POSTGRES_COPY_FAST_H
#define FIRN_POSTGRES_COPY_FAST_H

#include "base/calendar.h"
#include "postgres/copy_value.h"
#include "postgres/postgres_numeric.h"

/* Short texts by two or four fixed-size moves where source and target have the room. */
static inline void
copy_short(uint8_t *to, const uint8_t *from, size_t size, size_t readable, size_t writable)
{
    if (FIRN_LIKELY(size <= 16 && readable >= 16 && writable >= 16)) {
        memcpy(to, from, 16);
    } else if (size <= 32 && readable >= 32 && writable >= 32) {
        memcpy(to, from, 32);
    } else if (size) {
        memcpy(to, from, size);
    }
}

FIRN_MUST_USE static inline firn_status
add_text_fast(copy_column *column, size_t index, const uint8_t *v, size_t size, size_t readable, firn_error *err)
{
    if (FIRN_UNLIKELY(column->data_capacity - column->data_size < size))
        FIRN_TRY(copy_column_grow_data(column, size, err));
    copy_short(column->data + column->data_size, v, size, readable, column->data_capacity - column->data_size);
    column->data_size += size;
    copy_column_set_offset(column, index + 1, column->data_size);
    return FIRN_OK;
}

static inline bool
add_decimal_fast(copy_column *column, size_t index, const uint8_t *v, size_t size)
{
    const data_type *type = column->field->type;
    int64_t          value;
    if (!numeric_to_i64_fast(v, size, type->scale, &value)) return false;
    if (type->precision < 19) {
        int64_t bound = numeric_power_of_ten[type->precision];
        if (FIRN_UNLIKELY(value <= -bound || value >= bound)) return false;
    }
    if (column->op == COPY_DECIMAL64) {
        store_le64(column->values + 8 * index, (uint64_t) value);
    } else if (column->op == COPY_DECIMAL128) {
        store_le64(column->values + 16 * index, (uint64_t) value);
        store_le64(column->values + 16 * index + 8, value < 0 ? UINT64_MAX : 0);
    } else {
        store_le32(column->values + 4 * index, (uint32_t) (int32_t) value);
    }
    return true;
}

/* The short way for frequent types. False: nothing was done, take the long one. */
static inline bool
add_fast(copy_column *column, size_t index, const uint8_t *v, size_t size)
{
    switch (column->op) {
    case COPY_INT32:
    case COPY_FLOAT32:
        if (FIRN_UNLIKELY(size != 4)) return false;
        store_le32(column->values + 4 * index, load_be32(v));
        return true;
    case COPY_INT64:
    case COPY_FLOAT64:
        if (FIRN_UNLIKELY(size != 8)) return false;
        store_le64(column->values + 8 * index, load_be64(v));
        return true;
    case COPY_DATE: {
        if (FIRN_UNLIKELY(size != 4)) return false;
        int32_t days = (int32_t) load_be32(v);
        if (FIRN_UNLIKELY(days > INT32_MAX - CALENDAR_PG_EPOCH_DAYS || days == COPY_DATE_MINUS_INFINITY)) return false;
        store_le32(column->values + 4 * index, (uint32_t) (days + CALENDAR_PG_EPOCH_DAYS));
        return true;
    }
    case COPY_TIMESTAMP: {
        if (FIRN_UNLIKELY(size != 8)) return false;
        int64_t us = (int64_t) load_be64(v);
        if (FIRN_UNLIKELY(us > INT64_MAX - CALENDAR_PG_EPOCH_US || us == COPY_TIMESTAMP_MINUS_INFINITY)) return false;
        store_le64(column->values + 8 * index, (uint64_t) (us + CALENDAR_PG_EPOCH_US));
        return true;
    }
    case COPY_DECIMAL32:
    case COPY_DECIMAL64:
    case COPY_DECIMAL128:
        return add_decimal_fast(column, index, v, size);
    case COPY_BOOL:
    case COPY_INT16:
    case COPY_UINT32:
    case COPY_NUMERIC_DOUBLE:
    case COPY_TIME:
    case COPY_TIME_TEXT:
    case COPY_TEXT:
    case COPY_TEXT_VERIFY:
    case COPY_BYTES:
    case COPY_JSONB:
    case COPY_CHAR:
    case COPY_INET:
    case COPY_UUID:
    case COPY_LIST:
    case COPY_STRUCT:
    case COPY_HSTORE:
        break;
    }
    return false;
}

/* Most columns of wide tables are mostly null. False: nothing was done, take the long way. */
static inline bool
add_null_fast(copy_column *column, size_t index)
{
    if (FIRN_UNLIKELY(!column->validity || column->field->required)) return false;
    if (column->is_text) {
        copy_column_set_offset(column, index + 1, column->data_size);
    } else if (column->value_size == 8) {
        store_le64(column->values + 8 * index, 0);
    } else if (column->value_size == 4) {
        store_le32(column->values + 4 * index, 0);
    } else if (column->value_size == 16) {
        memset(column->values + 16 * index, 0, 16);
    } else {
        return false;
    }
    bitmap_clear(column->validity, index);
    column->null_count++;
    return true;
}

#endif
