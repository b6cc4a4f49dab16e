#include "scan/row_text.h"

#include <math.h>

#include "base/calendar.h"
#include "scan/array_value.h"

#define SCRATCH_BYTES_MAX ((size_t) 1 << 31)

static firn_status
add_i64(firn_buffer *out, int64_t value, firn_error *err)
{
    char     digits[24];
    size_t   at = sizeof digits;
    uint64_t rest = value < 0 ? ~(uint64_t) value + 1 : (uint64_t) value;

    do {
        digits[--at] = (char) ('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0) digits[--at] = '-';
    return firn_buffer_add(out, digits + at, sizeof digits - at, err);
}

/* Always six decimals, so that texts of one column sort and align. */
static firn_status
add_time(const data_type *type, int64_t us, firn_buffer *out, firn_error *err)
{
    static const char zeros[] = ".000000";
    char              text[CALENDAR_TEXT_MAX];
    size_t            size = type->kind == TYPE_TIME ? calendar_format_time(us, text)
                                                     : calendar_format_timestamp(us, false, text);
    const char       *point = memchr(text, '.', size);
    size_t            have = point ? size - (size_t) (point - text) : 0;

    FIRN_TRY(firn_buffer_add(out, text, size, err));
    FIRN_TRY(firn_buffer_add(out, zeros + have, sizeof zeros - 1 - have, err));
    return type->kind == TYPE_TIMESTAMPTZ ? firn_buffer_add_byte(out, 'Z', err) : FIRN_OK;
}

static firn_status
add_real(const data_type *type, const single_value *value, firn_buffer *out, firn_error *err)
{
    if (isfinite(value->real)) return single_value_format(type, value, out, err);
    return firn_buffer_add_text(out, isnan(value->real) ? "NaN" : value->real > 0 ? "Infinity" : "-Infinity", err);
}

static firn_status
add_primitive(const data_type *type, const single_value *value, firn_buffer *out, firn_error *err)
{
    switch (type->kind) {
    case TYPE_INT:
    case TYPE_LONG:
        return add_i64(out, value->integer, err);
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return add_time(type, value->integer, out, err);
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        return add_real(type, value, out, err);
    case TYPE_BOOLEAN:
    case TYPE_DECIMAL:
    case TYPE_DATE:
    case TYPE_STRING:
    case TYPE_UUID:
    case TYPE_FIXED:
    case TYPE_BINARY:
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP:
        break;
    }
    return single_value_format(type, value, out, err);
}

firn_status
row_text_add(const data_type *type, const struct ArrowArray *array, int64_t row, firn_buffer *out, bool *ret_null,
             firn_error *err)
{
    *ret_null = array_is_null(array, row);
    if (*ret_null) return FIRN_OK;
    if (!type_is_nested(type->kind)) {
        single_value value = array_value(type, array, row);
        return add_primitive(type, &value, out, err);
    }

    FIRN_AUTO(firn_buffer_done) firn_buffer scratch = {0};
    jwriter                                 w;

    firn_buffer_init(&scratch, SCRATCH_BYTES_MAX);
    jwrite_begin(&w, out, false, err);
    FIRN_TRY(row_json_write(type, array, row, &w, &scratch, err));
    return jwrite_end(&w);
}

/* ---- JSON ---- */

static firn_status
write_primitive(const data_type *type, const struct ArrowArray *array, int64_t row, jwriter *w, firn_buffer *scratch,
                firn_error *err)
{
    single_value value = array_value(type, array, row);
    bool         is_real = type->kind == TYPE_FLOAT || type->kind == TYPE_DOUBLE;
    bool         is_bare = type->kind == TYPE_BOOLEAN || type->kind == TYPE_INT || type->kind == TYPE_LONG ||
                   type->kind == TYPE_DECIMAL || (is_real && isfinite(value.real));

    if (type->kind == TYPE_STRING) {
        jwrite_text_slice(w, value.bytes);
        return FIRN_OK;
    }
    firn_buffer_reset(scratch);
    FIRN_TRY(add_primitive(type, &value, scratch, err));
    FIRN_TRY(firn_buffer_add_byte(scratch, '\0', err));
    if (is_bare)
        jwrite_raw(w, (const char *) scratch->data);
    else
        jwrite_text(w, (const char *) scratch->data);
    return FIRN_OK;
}

static firn_status
write_struct(const data_type *type, const struct ArrowArray *array, int64_t row, jwriter *w, firn_buffer *scratch,
             firn_error *err)
{
    jwrite_object(w);
    for (unsigned i = 0; i < type->field_count; i++) {
        jwrite_key(w, type->fields[i].name);
        FIRN_TRY(row_json_write(type->fields[i].type, array->children[i], row, w, scratch, err));
    }
    jwrite_object_end(w);
    return FIRN_OK;
}

static firn_status
write_list(const data_type *type, const struct ArrowArray *array, int64_t row, jwriter *w, firn_buffer *scratch,
           firn_error *err)
{
    const int32_t *offsets = (const int32_t *) array->buffers[1] + array->offset;

    jwrite_array(w);
    for (int32_t i = offsets[row]; i < offsets[row + 1]; i++)
        FIRN_TRY(row_json_write(type->fields[0].type, array->children[0], i, w, scratch, err));
    jwrite_array_end(w);
    return FIRN_OK;
}

static firn_status
write_key(const struct ArrowArray *keys, int64_t row, jwriter *w, firn_buffer *scratch, firn_error *err)
{
    static const data_type text = {.kind = TYPE_STRING};
    single_value           key = array_value(&text, keys, row);

    firn_buffer_reset(scratch);
    FIRN_TRY(firn_buffer_add(scratch, key.bytes.data, key.bytes.size, err));
    FIRN_TRY(firn_buffer_add_byte(scratch, '\0', err));
    jwrite_key(w, (const char *) scratch->data);
    return FIRN_OK;
}

static firn_status
write_map(const data_type *type, const struct ArrowArray *array, int64_t row, jwriter *w, firn_buffer *scratch,
          firn_error *err)
{
    const int32_t           *offsets = (const int32_t *) array->buffers[1] + array->offset;
    const struct ArrowArray *keys = array->children[0]->children[0], *values = array->children[0]->children[1];
    bool                     by_name = type->fields[0].type->kind == TYPE_STRING;

    if (by_name)
        jwrite_object(w);
    else
        jwrite_array(w);
    for (int32_t i = offsets[row]; i < offsets[row + 1]; i++) {
        if (by_name) {
            FIRN_TRY(write_key(keys, i, w, scratch, err));
        } else {
            jwrite_object(w);
            jwrite_key(w, "key");
            FIRN_TRY(row_json_write(type->fields[0].type, keys, i, w, scratch, err));
            jwrite_key(w, "value");
        }
        FIRN_TRY(row_json_write(type->fields[1].type, values, i, w, scratch, err));
        if (!by_name) jwrite_object_end(w);
    }
    if (by_name)
        jwrite_object_end(w);
    else
        jwrite_array_end(w);
    return FIRN_OK;
}

firn_status
row_json_write(const data_type *type, const struct ArrowArray *array, int64_t row, jwriter *w, firn_buffer *scratch,
               firn_error *err)
{
    if (array_is_null(array, row)) {
        jwrite_null(w);
        return FIRN_OK;
    }
    if (type->kind == TYPE_STRUCT) return write_struct(type, array, row, w, scratch, err);
    if (type->kind == TYPE_LIST) return write_list(type, array, row, w, scratch, err);
    if (type->kind == TYPE_MAP) return write_map(type, array, row, w, scratch, err);
    return write_primitive(type, array, row, w, scratch, err);
}
