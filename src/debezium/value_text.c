#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "debezium/decoding.h"
#include "debezium/real_text.h"

/* What columns of type string take: texts as they are, all else as PostgreSQL's output functions write it. */

static firn_status
add_slice(dbz_cell *cell, firn_slice text, firn_error *err)
{
    return column_add_bytes(cell->builder, text, err);
}

/* `numeric(3,-2)` arrives with a scale of 2046 and as many zeros: such a scale is negative, and has no digits there. */
static firn_slice
without_endless_zeros(firn_slice text)
{
    const uint8_t *point = memchr(text.data, '.', text.size);
    if (!point || text.size - (size_t) (point - text.data) <= 1025) return text;
    for (const uint8_t *at = point + 1; at < text.data + text.size; at++)
        if (*at != '0') return text;
    return firn_slice_of(text.data, (size_t) (point - text.data));
}

static firn_status
add_decimal_words(dbz_cell *cell, firn_slice text, firn_error *err)
{
    if (firn_slice_equal(text, firn_slice_text("NAN"))) text = firn_slice_text("NaN");
    if (firn_slice_equal(text, firn_slice_text("POSITIVE_INFINITY"))) text = firn_slice_text("Infinity");
    if (firn_slice_equal(text, firn_slice_text("NEGATIVE_INFINITY"))) text = firn_slice_text("-Infinity");
    return add_slice(cell, text.size ? without_endless_zeros(text) : text, err);
}

static firn_status
add_plain_text(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err)
{
    switch (cell->form.kind) {
    case DBZ_FORM_DECIMAL_TEXT:
        return add_decimal_words(cell, value->text, err);
    case DBZ_FORM_DECIMAL_DOUBLE:
        break; /* NaN and infinities as JSON strings, beside numbers that are not exact */
    case DBZ_FORM_INTERVAL_TEXT:
    case DBZ_FORM_INTERVAL_NUMBER:
        return dbz_add_interval(row, cell, value, err);
    case DBZ_FORM_ZONED_TIME:
    case DBZ_FORM_TIME:
    case DBZ_FORM_TIME_TEXT:
        return dbz_add_time(row, cell, value, err);
    case DBZ_FORM_DATE:
    case DBZ_FORM_DATE_TEXT:
        return dbz_add_date(row, cell, value, err);
    case DBZ_FORM_TIMESTAMP:
    case DBZ_FORM_TIMESTAMP_TEXT:
    case DBZ_FORM_ZONED_TIMESTAMP:
        return dbz_add_timestamp(row, cell, value, err);
    case DBZ_FORM_UNKNOWN:
        if (!row->modes.texts_are_values) return dbz_fail_unclear(row, cell, "a text, or bytes of one in base64", err);
        break;
    case DBZ_FORM_ARRAY:
    case DBZ_FORM_MAP:
    case DBZ_FORM_STRUCT:
    case DBZ_FORM_BITS:
    case DBZ_FORM_POINT:
    case DBZ_FORM_GEOMETRY:
    case DBZ_FORM_SPARSE_VECTOR:
        return dbz_fail_corrupt(row, cell, value, err);
    case DBZ_FORM_BOOLEAN:
    case DBZ_FORM_INTEGER:
    case DBZ_FORM_FLOAT:
    case DBZ_FORM_DOUBLE:
    case DBZ_FORM_TEXT:
    case DBZ_FORM_BYTES:
    case DBZ_FORM_DECIMAL:
    case DBZ_FORM_VARIABLE_DECIMAL:
    case DBZ_FORM_YEAR:
    case DBZ_FORM_BYTES_TEXT:
    case DBZ_FORM_TEXT_BYTES:
    case DBZ_FORM_UUID:
    case DBZ_FORM_MAP_TEXT:
        break;
    }
    return add_slice(cell, value->text, err);
}

static firn_status
add_number(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err)
{
    char text[24];
    dbz_form_kind kind = cell->form.kind;
    if (kind == DBZ_FORM_TIME) return dbz_add_time(row, cell, value, err);
    if (kind == DBZ_FORM_DATE) return dbz_add_date(row, cell, value, err);
    if (kind == DBZ_FORM_TIMESTAMP) return dbz_add_timestamp(row, cell, value, err);
    if (kind == DBZ_FORM_INTERVAL_NUMBER || kind == DBZ_FORM_INTERVAL_TEXT) return dbz_add_interval(row, cell, value, err);
    if (kind == DBZ_FORM_DECIMAL_DOUBLE)
        return dbz_add_damaged(row, cell, "digits of a number; decimal.handling.mode=string has all", err);
    if (kind == DBZ_FORM_UNKNOWN) return dbz_fail_unclear(row, cell, "a number, a time or an interval", err);
    if (value->kind == DBZ_VALUE_NUMBER) return add_slice(cell, value->text, err);
    int size = snprintf(text, sizeof text, "%lld", (long long) value->integer);
    return add_slice(cell, firn_slice_of(text, (size_t) size), err);
}

/* ---- bits ---- */

static firn_status
add_bits(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err)
{
    const dbz_form *form = &cell->form;
    if (form->is_varying) return dbz_add_damaged(row, cell, "the number of bits of a bit varying", err);
    if (row->connector == DBZ_POSTGRES && !form->is_declared) return dbz_fail_unclear(row, cell, "bits of a bit(n), or of a bit varying", err);
    if (value->kind == DBZ_VALUE_BOOLEAN) return add_slice(cell, firn_slice_text(value->truth ? "1" : "0"), err);
    if (form->length == 0 || value->text.size > form->length / 8 + 1) return dbz_fail_corrupt(row, cell, value, err);
    firn_buffer_reset(&row->scratch2);
    for (uint32_t i = form->length; i > 0; i--) {
        uint32_t bit = i - 1; /* the first digit is the highest bit */
        bool     is_set = bit / 8 < value->text.size && value->text.data[bit / 8] >> (bit % 8) & 1;
        FIRN_TRY(firn_buffer_add_byte(&row->scratch2, is_set ? '1' : '0', err));
    }
    return add_slice(cell, firn_buffer_slice(&row->scratch2), err);
}

/* ---- all ---- */

static firn_status
add_bytes(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err)
{
    if (cell->form.kind == DBZ_FORM_BITS) return add_bits(row, cell, value, err);
    if (!text_is_utf8(value->text.data, value->text.size)) return dbz_fail_corrupt(row, cell, value, err);
    return add_slice(cell, value->text, err);
}

static firn_status
add_decimal(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err)
{
    bool valid;
    firn_buffer_reset(&row->scratch2);
    FIRN_TRY(dbz_decimal_text_of_bytes(value->text, value->scale, &row->scratch2, &valid, err));
    if (!valid) return dbz_fail_corrupt(row, cell, value, err);
    return add_slice(cell, without_endless_zeros(firn_buffer_slice(&row->scratch2)), err);
}

static firn_status
add_boolean(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err)
{
    if (cell->form.kind == DBZ_FORM_BITS) return add_bits(row, cell, value, err);
    if (row->connector != DBZ_POSTGRES) return add_slice(cell, firn_slice_text(value->truth ? "true" : "false"), err);
    /* bit(1) and bit varying(1): a set bit is the same in both. */
    if (value->truth) return add_slice(cell, firn_slice_text("1"), err);
    return dbz_fail_unclear(row, cell, "the bit 0 of a bit(1), or an empty bit varying(1)", err);
}

firn_status
dbz_value_add_as_text(dbz_row *row, dbz_cell *cell, const dbz_value *value, firn_error *err)
{
    if (cell->form.is_money) return dbz_add_damaged(row, cell, "the text of money, whose currency does not arrive", err);
    switch (value->kind) {
    case DBZ_VALUE_TEXT:
        return add_plain_text(row, cell, value, err);
    case DBZ_VALUE_INTEGER:
    case DBZ_VALUE_NUMBER:
    case DBZ_VALUE_REAL:
        return add_number(row, cell, value, err);
    case DBZ_VALUE_BYTES:
        return add_bytes(row, cell, value, err);
    case DBZ_VALUE_DECIMAL:
        return add_decimal(row, cell, value, err);
    case DBZ_VALUE_BOOLEAN:
        return add_boolean(row, cell, value, err);
    case DBZ_VALUE_POINT: {
        char   text[2 * REAL_TEXT_SIZE_MAX + 4] = "(";
        size_t size = 1;
        size += real_text_double(value->real, text + size);
        text[size++] = ',';
        size += real_text_double(value->y, text + size);
        text[size++] = ')';
        return add_slice(cell, firn_slice_of(text, size), err);
    }
    case DBZ_VALUE_GEOMETRY:
        break;
    }
    return dbz_add_damaged(row, cell, "the text of a geometric value", err);
}
