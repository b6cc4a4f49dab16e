#include "postgres/copy_value.h"

#include <stdio.h>

#include "base/calendar.h"
#include "base/decimal.h"
#include "base/reader.h"
#include "base/text.h"
#include "postgres/copy_text.h"
#include "postgres/postgres_numeric.h"
#include "source/unfit_value.h"

/* Infinity, clamped, becomes the first and last day that every reader can show: 0001-01-01, 9999-12-31. */
#define CLAMPED_DAYS_MIN (-719162)
#define CLAMPED_DAYS_MAX 2932896
#define CLAMPED_US_MIN (CLAMPED_DAYS_MIN * CALENDAR_US_PER_DAY)
#define CLAMPED_US_MAX ((CLAMPED_DAYS_MAX + 1) * CALENDAR_US_PER_DAY - 1)

#define ARRAY_DIMENSIONS_MAX 6 /* MAXDIM in the server's c.h */
#define REPLACEMENT_CHARACTER "\xef\xbf\xbd"

firn_status
copy_value_fail_corrupt(const copy_row *row, const copy_field *field, size_t size, firn_error *err)
{
    return firn_fail(err, FIRN_E_VALUE_CORRUPT, "column '%s' of '%s' has a value of %zu bytes that is not of its type",
                     row->column ? row->column->name : field->name, row->layout->qualified_name, size);
}

static unfit_place
place_of(const copy_row *row)
{
    const copy_layout *layout = row->layout;
    return (unfit_place){row->column->name, layout->qualified_name, layout->table_name, layout->config_file, layout->source_name};
}

/* The policy's answer to a value that does not fit: take null, take the remedy's value, or fail. */
static firn_status
settle(copy_row *row, const copy_field *field, unfit_remedy possible, firn_slice value, const char *problem, bool *ret_null,
       firn_error *err)
{
    char         key[200], text[96];
    unfit_answer answer = unfit_value_answer(field->policy, field->required, possible);
    *ret_null = answer == UNFIT_NULL;
    if (answer != UNFIT_FAILS) {
        row->coerced_count++;
        return FIRN_OK;
    }
    unfit_place place = place_of(row);
    copy_text_key(row->layout, row->tuple, key, sizeof key);
    copy_text_value(field, value, text, sizeof text);
    return unfit_value_fail(&place, text, key, problem, possible, field->type->kind == TYPE_STRING, err);
}

firn_status
copy_value_add_null(copy_row *row, copy_column *column, size_t index, firn_error *err)
{
    if (FIRN_UNLIKELY(column->field->required)) {
        char        key[200];
        unfit_place place = place_of(row);
        copy_text_key(row->layout, row->tuple, key, sizeof key);
        return unfit_null_fail(&place, key, err);
    }
    return copy_column_add_null(column, index, err);
}

/* ---- numbers ---- */

static void
store_decimal(copy_column *column, size_t index, int128 value)
{
    switch (column->value_size) {
    case 4:
        store_le32(column->values + 4 * index, (uint32_t) (int32_t) value);
        return;
    case 8:
        store_le64(column->values + 8 * index, (uint64_t) (int64_t) value);
        return;
    default:
        memcpy(column->values + 16 * index, &value, 16);
        return;
    }
}

static firn_status
add_decimal(copy_row *row, copy_column *column, size_t index, firn_slice value, firn_error *err)
{
    const data_type *type = column->field->type;
    int128           decimal = 0;
    unfit_remedy     possible = REMEDY_NONE;
    const char      *problem = "";
    char             text[64];
    bool             is_null = false;

    switch (numeric_to_decimal(value, type->precision, type->scale, &decimal)) {
    case NUMERIC_EXACT:
        store_decimal(column, index, decimal);
        return FIRN_OK;
    case NUMERIC_INEXACT:
        possible = REMEDY_CLAMP_OR_ROUND;
        problem = "more digits behind the point than";
        break;
    case NUMERIC_TOO_LARGE:
    case NUMERIC_INFINITE:
        possible = REMEDY_CLAMP;
        problem = "too large for";
        break;
    case NUMERIC_NAN:
        problem = "there is no NaN in";
        break;
    case NUMERIC_CORRUPT:
        return copy_value_fail_corrupt(row, column->field, value.size, err);
    }
    snprintf(text, sizeof text, "%s decimal(%u,%u)", problem, type->precision, type->scale);
    FIRN_TRY(settle(row, column->field, possible, value, text, &is_null, err));
    if (is_null) return copy_column_add_null(column, index, err);
    store_decimal(column, index, decimal);
    return FIRN_OK;
}

static firn_status
add_numeric_double(copy_row *row, copy_column *column, size_t index, firn_slice value, firn_error *err)
{
    double number = 0;
    bool   is_null = false;
    switch (numeric_to_double(value, &number)) {
    case NUMERIC_TOO_LARGE:
        FIRN_TRY(settle(row, column->field, REMEDY_CLAMP, value, "too large for double", &is_null, err));
        if (is_null) return copy_column_add_null(column, index, err);
        break;
    case NUMERIC_CORRUPT:
        return copy_value_fail_corrupt(row, column->field, value.size, err);
    case NUMERIC_EXACT:
    case NUMERIC_INEXACT:
    case NUMERIC_INFINITE:
    case NUMERIC_NAN:
        break;
    }
    store_le64(column->values + 8 * index, bits_of_double(number));
    return FIRN_OK;
}

/* ---- dates and times ---- */

static firn_status
add_date(copy_row *row, copy_column *column, size_t index, firn_slice value, firn_error *err)
{
    int32_t pg_days = (int32_t) load_be32(value.data), days;
    bool    is_null = false;
    if (pg_days == COPY_DATE_INFINITY || pg_days == COPY_DATE_MINUS_INFINITY) {
        FIRN_TRY(settle(row, column->field, REMEDY_CLAMP, value, "there is no infinity in date", &is_null, err));
        days = pg_days < 0 ? CLAMPED_DAYS_MIN : CLAMPED_DAYS_MAX;
    } else if (__builtin_add_overflow(pg_days, CALENDAR_PG_EPOCH_DAYS, &days)) {
        return copy_value_fail_corrupt(row, column->field, value.size, err);
    }
    if (is_null) return copy_column_add_null(column, index, err);
    store_le32(column->values + 4 * index, (uint32_t) days);
    return FIRN_OK;
}

static firn_status
add_timestamp(copy_row *row, copy_column *column, size_t index, firn_slice value, firn_error *err)
{
    int64_t pg_us = (int64_t) load_be64(value.data), us;
    bool    is_null = false;
    if (pg_us == COPY_TIMESTAMP_INFINITY || pg_us == COPY_TIMESTAMP_MINUS_INFINITY) {
        FIRN_TRY(settle(row, column->field, REMEDY_CLAMP, value, "there is no infinity in timestamp", &is_null, err));
        us = pg_us < 0 ? CLAMPED_US_MIN : CLAMPED_US_MAX;
    } else if (__builtin_add_overflow(pg_us, CALENDAR_PG_EPOCH_US, &us)) {
        FIRN_TRY(settle(row, column->field, REMEDY_CLAMP, value, "too late for microseconds in 64 bits", &is_null, err));
        us = INT64_MAX;
    }
    if (is_null) return copy_column_add_null(column, index, err);
    store_le64(column->values + 8 * index, (uint64_t) us);
    return FIRN_OK;
}

static firn_status
add_time(copy_row *row, copy_column *column, size_t index, firn_slice value, firn_error *err)
{
    int64_t us = (int64_t) load_be64(value.data);
    bool    is_null = false;
    if (us < 0 || us > CALENDAR_US_PER_DAY) return copy_value_fail_corrupt(row, column->field, value.size, err);
    if (column->op == COPY_TIME_TEXT) {
        char text[COPY_TEXT_TIME_SIZE_MAX];
        return copy_value_add_bytes(column, index, text, copy_text_time(us, text), err);
    }
    if (us == CALENDAR_US_PER_DAY) {
        FIRN_TRY(settle(row, column->field, REMEDY_CLAMP, value, "a time ends before 24:00", &is_null, err));
        us--;
    }
    if (is_null) return copy_column_add_null(column, index, err);
    store_le64(column->values + 8 * index, (uint64_t) us);
    return FIRN_OK;
}

/* ---- texts ---- */

static firn_status
add_repaired(copy_column *column, size_t index, firn_slice value, firn_error *err)
{
    for (size_t at = 0; at < value.size;) {
        size_t length = 0;
        for (size_t n = 1; n <= 4 && at + n <= value.size && !length; n++)
            if (text_is_utf8(value.data + at, n)) length = n;
        if (length)
            FIRN_TRY(copy_value_add_bytes(column, index, value.data + at, length, err));
        else
            FIRN_TRY(copy_value_add_bytes(column, index, REPLACEMENT_CHARACTER, 3, err));
        at += length ? length : 1;
    }
    return FIRN_OK;
}

static firn_status
add_text(copy_row *row, copy_column *column, size_t index, firn_slice value, bool verify, firn_error *err)
{
    bool is_null = false;
    if (!verify || text_is_utf8(value.data, value.size))
        return copy_value_add_bytes(column, index, value.data, value.size, err);
    FIRN_TRY(settle(row, column->field, REMEDY_CLAMP, value, "not valid UTF-8", &is_null, err));
    if (is_null) return copy_column_add_null(column, index, err);
    return add_repaired(column, index, value, err);
}

static firn_status
add_inet(copy_row *row, copy_column *column, size_t index, firn_slice value, firn_error *err)
{
    char   text[COPY_TEXT_INET_SIZE_MAX];
    size_t size = copy_text_inet(value, text);
    if (!size) return copy_value_fail_corrupt(row, column->field, value.size, err);
    return copy_value_add_bytes(column, index, text, size, err);
}

/* ---- nested values ---- */

/* The next length and bytes of a nested value, as the next row of `child`. */
static firn_status
add_nested(copy_row *row, copy_column *child, size_t index, firn_reader *reader, firn_error *err)
{
    FIRN_TRY(copy_column_reserve(child, index, err));
    uint32_t size = firn_reader_be32(reader);
    if (!reader->failed && size == UINT32_MAX) return copy_value_add_null(row, child, index, err);
    const uint8_t *bytes = firn_reader_take(reader, size);
    if (reader->failed) return copy_value_fail_corrupt(row, child->field, firn_reader_offset(reader), err);
    return copy_value_add(row, child, index, firn_slice_of(bytes, size), err);
}

static firn_status
add_list(copy_row *row, copy_column *column, size_t index, firn_slice value, firn_error *err)
{
    copy_column *child = &column->children[0];
    firn_reader  reader = firn_reader_of(value);
    uint32_t     dimension_count = firn_reader_be32(&reader);
    uint32_t     element_count = 0;

    firn_reader_take(&reader, 8); /* whether there are nulls; the element's type, known from the catalog */
    if (dimension_count > ARRAY_DIMENSIONS_MAX) reader.failed = true;
    if (dimension_count > 1 && !reader.failed) {
        bool is_null = false;
        FIRN_TRY(settle(row, column->field, REMEDY_NONE, value, "an array of more than one dimension is no list",
                        &is_null, err));
        return copy_column_add_null(column, index, err);
    }
    if (dimension_count == 1) {
        element_count = firn_reader_be32(&reader);
        firn_reader_take(&reader, 4); /* the lower bound: a list counts from its first element */
        if (element_count > firn_reader_left(&reader) / 4) reader.failed = true;
    }
    for (uint32_t i = 0; i < element_count && !reader.failed; i++) {
        FIRN_TRY(add_nested(row, child, child->count, &reader, err));
        child->count++;
    }
    if (reader.failed || firn_reader_left(&reader))
        return copy_value_fail_corrupt(row, column->field, value.size, err);
    copy_column_set_offset(column, index + 1, child->count);
    return FIRN_OK;
}

static firn_status
add_struct(copy_row *row, copy_column *column, size_t index, firn_slice value, firn_error *err)
{
    firn_reader reader = firn_reader_of(value);
    uint32_t    field_count = firn_reader_be32(&reader);

    if (reader.failed || field_count != column->child_count)
        return copy_value_fail_corrupt(row, column->field, value.size, err);
    for (unsigned i = 0; i < column->child_count; i++) {
        firn_reader_take(&reader, 4); /* the field's type, known from the catalog */
        FIRN_TRY(add_nested(row, &column->children[i], index, &reader, err));
    }
    if (firn_reader_left(&reader)) return copy_value_fail_corrupt(row, column->field, value.size, err);
    return FIRN_OK;
}

static firn_status
add_hstore(copy_row *row, copy_column *column, size_t index, firn_slice value, firn_error *err)
{
    copy_column *key = &column->children[0], *item = &column->children[1];
    firn_reader  reader = firn_reader_of(value);
    uint32_t     pair_count = firn_reader_be32(&reader);

    if (pair_count > firn_reader_left(&reader) / 8) reader.failed = true;
    for (uint32_t i = 0; i < pair_count && !reader.failed; i++) {
        FIRN_TRY(add_nested(row, key, key->count, &reader, err));
        FIRN_TRY(add_nested(row, item, item->count, &reader, err));
        key->count++;
        item->count++;
    }
    if (reader.failed || firn_reader_left(&reader))
        return copy_value_fail_corrupt(row, column->field, value.size, err);
    copy_column_set_offset(column, index + 1, key->count);
    return FIRN_OK;
}

/* ---- all ---- */

/* The only size that the fixed-size forms have; 0: any. */
static size_t
wire_size(copy_op op)
{
    switch (op) {
    case COPY_BOOL:
    case COPY_CHAR:
        return 1;
    case COPY_INT16:
        return 2;
    case COPY_INT32:
    case COPY_UINT32:
    case COPY_FLOAT32:
    case COPY_DATE:
        return 4;
    case COPY_INT64:
    case COPY_FLOAT64:
    case COPY_TIME:
    case COPY_TIME_TEXT:
    case COPY_TIMESTAMP:
        return 8;
    case COPY_UUID:
        return 16;
    case COPY_DECIMAL32:
    case COPY_DECIMAL64:
    case COPY_DECIMAL128:
    case COPY_NUMERIC_DOUBLE:
    case COPY_TEXT:
    case COPY_TEXT_VERIFY:
    case COPY_BYTES:
    case COPY_JSONB:
    case COPY_INET:
    case COPY_LIST:
    case COPY_STRUCT:
    case COPY_HSTORE:
        break;
    }
    return 0;
}

firn_status
copy_value_add(copy_row *row, copy_column *column, size_t index, firn_slice value, firn_error *err)
{
    const uint8_t *v = value.data;
    uint8_t       *values = column->values;
    size_t         wanted = wire_size(column->op);

    if (wanted && value.size != wanted) return copy_value_fail_corrupt(row, column->field, value.size, err);
    switch (column->op) {
    case COPY_BOOL:
        if (v[0]) bitmap_set(values, index);
        return FIRN_OK;
    case COPY_INT16:
        store_le32(values + 4 * index, (uint32_t) (int32_t) (int16_t) load_be16(v));
        return FIRN_OK;
    case COPY_INT32:
    case COPY_FLOAT32:
        store_le32(values + 4 * index, load_be32(v));
        return FIRN_OK;
    case COPY_INT64:
    case COPY_FLOAT64:
        store_le64(values + 8 * index, load_be64(v));
        return FIRN_OK;
    case COPY_UINT32:
        store_le64(values + 8 * index, load_be32(v));
        return FIRN_OK;
    case COPY_DECIMAL32:
    case COPY_DECIMAL64:
    case COPY_DECIMAL128:
        return add_decimal(row, column, index, value, err);
    case COPY_NUMERIC_DOUBLE:
        return add_numeric_double(row, column, index, value, err);
    case COPY_DATE:
        return add_date(row, column, index, value, err);
    case COPY_TIME:
    case COPY_TIME_TEXT:
        return add_time(row, column, index, value, err);
    case COPY_TIMESTAMP:
        return add_timestamp(row, column, index, value, err);
    case COPY_TEXT:
        return add_text(row, column, index, value, false, err);
    case COPY_TEXT_VERIFY:
        return add_text(row, column, index, value, true, err);
    case COPY_BYTES:
        return copy_value_add_bytes(column, index, v, value.size, err);
    case COPY_JSONB:
        if (value.size < 1 || v[0] != 1) return copy_value_fail_corrupt(row, column->field, value.size, err);
        return add_text(row, column, index, firn_slice_of(v + 1, value.size - 1), column->field->verify_utf8, err);
    case COPY_CHAR: {
        char text[4];
        return copy_value_add_bytes(column, index, text, copy_text_char(v[0], text), err);
    }
    case COPY_INET:
        return add_inet(row, column, index, value, err);
    case COPY_UUID:
        memcpy(values + 16 * index, v, 16);
        return FIRN_OK;
    case COPY_LIST:
        return add_list(row, column, index, value, err);
    case COPY_STRUCT:
        return add_struct(row, column, index, value, err);
    case COPY_HSTORE:
        return add_hstore(row, column, index, value, err);
    }
    return copy_value_fail_corrupt(row, column->field, value.size, err);
}
