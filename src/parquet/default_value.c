#include "parquet/default_value.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/calendar.h"
#include "base/decimal.h"
#include "base/uuid.h"
#include "batch/array.h"
#include "codec/json_reader.h"

static firn_status
no_memory(firn_error *err)
{
    return firn_fail_memory(err, "a column that a Parquet file does not have");
}

static void *
zeros(size_t size)
{
    void *memory = firn_alloc_aligned(size + 1);
    if (memory) memset(memory, 0, size + 1);
    return memory;
}

/* What `count` slots take at least, before they are made. */
static firn_status
check_budget(const data_type *type, int64_t count, size_t value_size, const read_budget *budget, firn_error *err)
{
    uint64_t each = (uint64_t) data_type_value_size(type) + 4 + value_size;
    if ((uint64_t) count > (budget->max_bytes - budget->used_bytes) / each)
        return firn_fail(err, FIRN_E_PARQUET_LIMIT, "%lld values of a missing column would pass the reader's limit",
                         (long long) count);
    return FIRN_OK;
}

static firn_status null_array(const data_type *type, int64_t count, bool is_valid, struct ArrowArray *array,
                              firn_error *err);

static firn_status
null_children(const data_type *type, int64_t count, struct ArrowArray *array, firn_error *err)
{
    if (type->kind != TYPE_MAP) {
        for (unsigned i = 0; i < type->field_count; i++)
            FIRN_TRY(null_array(type->fields[i].type, type->kind == TYPE_STRUCT ? count : 0, false, array->children[i],
                                err));
        return FIRN_OK;
    }
    struct ArrowArray *pairs = array->children[0];
    if (!array_init(pairs, 1, 2)) return no_memory(err);
    for (unsigned i = 0; i < 2; i++)
        FIRN_TRY(null_array(type->fields[i].type, 0, false, pairs->children[i], err));
    return FIRN_OK;
}

static firn_status
null_array(const data_type *type, int64_t count, bool is_valid, struct ArrowArray *array, firn_error *err)
{
    bool    is_bytes = type->kind == TYPE_STRING || type->kind == TYPE_BINARY;
    int64_t buffers = type->kind == TYPE_STRUCT ? 1 : is_bytes ? 3 : 2;
    int64_t children = type->kind == TYPE_MAP ? 1 : type_is_nested(type->kind) ? (int64_t) type->field_count : 0;

    if (!array_init(array, buffers, children)) return no_memory(err);
    array->length = count;
    if (!is_valid && count > 0) {
        array->null_count = count;
        array->buffers[0] = zeros(bitmap_size_bytes((size_t) count));
        if (!array->buffers[0]) return no_memory(err);
    }
    if (buffers > 1) {
        size_t size = is_bytes || type_is_nested(type->kind) ? ((size_t) count + 1) * sizeof(int32_t)
                      : type->kind == TYPE_BOOLEAN           ? bitmap_size_bytes((size_t) count)
                                                             : (size_t) count * data_type_value_size(type);
        array->buffers[1] = zeros(size);
        if (!array->buffers[1]) return no_memory(err);
    }
    if (buffers > 2) {
        array->buffers[2] = zeros(0);
        if (!array->buffers[2]) return no_memory(err);
    }
    return null_children(type, count, array, err);
}

static bool
put_hex(firn_slice text, firn_buffer *out, firn_error *err)
{
    for (size_t i = 0; i + 1 < text.size; i += 2) {
        unsigned byte = 0;
        char     pair[3] = {(char) text.data[i], (char) text.data[i + 1], 0};
        if (sscanf(pair, "%2x", &byte) != 1 || firn_buffer_add_byte(out, (uint8_t) byte, err)) return false;
    }
    return text.size % 2 == 0;
}

static bool
put_i64(const data_type *type, int64_t value, firn_buffer *out, firn_error *err)
{
    uint8_t bytes[8];
    store_le64(bytes, (uint64_t) value);
    size_t size = data_type_value_size(type);
    if (size == 4 && value != (int32_t) value) return false;
    return firn_buffer_add(out, bytes, size, err) == FIRN_OK;
}

static bool
put_time(const data_type *type, const char *text, firn_buffer *out, firn_error *err)
{
    char    whole[96];
    int64_t us = 0;
    /* The parser knows timestamps; a date or a time of day is a part of one. */
    snprintf(whole, sizeof whole, "%s%s%s", type->kind == TYPE_TIME ? "1970-01-01T" : "", text,
             type->kind == TYPE_DATE ? "T00:00:00" : "");
    if (!calendar_parse_timestamp(firn_slice_text(whole), &us)) return false;
    if (type->kind == TYPE_DATE) us /= CALENDAR_US_PER_DAY;
    return put_i64(type, us, out, err);
}

static bool
put_decimal(const data_type *type, const char *text, firn_buffer *out, firn_error *err)
{
    int128 value = 0;
    if (!decimal_parse(firn_slice_text(text), (int) type->scale, &value) || !decimal_fits(value, type->precision))
        return false;
    return firn_buffer_add(out, &value, data_type_value_size(type), err) == FIRN_OK; /* little-endian: the low bytes */
}

/* The value as one value of the Arrow layout; false: not such a value. */
static bool
put_value(const data_type *type, const jvalue *json, firn_buffer *out, firn_error *err)
{
    const char *text = jtext(json);
    int64_t     integer;
    double      real;
    bool        truth;
    firn_uuid   uuid;

    switch (type->kind) {
    case TYPE_BOOLEAN:
        return jbool(json, &truth) && firn_buffer_add_byte(out, truth, err) == FIRN_OK;
    case TYPE_INT:
    case TYPE_LONG:
        return jinteger(json, &integer) && put_i64(type, integer, out, err);
    case TYPE_FLOAT: {
        if (!jreal(json, &real)) return false;
        float narrow = (float) real;
        return firn_buffer_add(out, &narrow, sizeof narrow, err) == FIRN_OK;
    }
    case TYPE_DOUBLE:
        return jreal(json, &real) && firn_buffer_add(out, &real, sizeof real, err) == FIRN_OK;
    case TYPE_DECIMAL:
        return text && put_decimal(type, text, out, err);
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        return text && put_time(type, text, out, err);
    case TYPE_STRING:
        return text && firn_buffer_add_text(out, text, err) == FIRN_OK;
    case TYPE_UUID:
        return text && uuid_parse(firn_slice_text(text), &uuid) && firn_buffer_add(out, uuid.bytes, 16, err) == FIRN_OK;
    case TYPE_FIXED:
        return text && put_hex(firn_slice_text(text), out, err) && out->size == type->size_bytes;
    case TYPE_BINARY:
        return text && put_hex(firn_slice_text(text), out, err);
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP:
        break;
    }
    return false;
}

static firn_status
parse_default(const schema_field *field, firn_buffer *out, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    FIRN_AUTO(jdoc_freep) jdoc             *doc = NULL;

    /* In an array, since a document of one value alone is not allowed by all readers. */
    firn_buffer_init(&text, (size_t) 16 << 20);
    FIRN_TRY(firn_buffer_printf(&text, err, "[%s]", field->initial_default));
    FIRN_TRY(jdoc_parse(firn_buffer_slice(&text), "initial-default", &doc, err));
    if (!put_value(field->type, jat(jdoc_root(doc), 0), out, err) && err->status == FIRN_OK)
        return firn_fail(err, FIRN_E_PARQUET_UNSUPPORTED,
                         "the initial default of column '%s' is not a value of its type", field->name);
    return err->status;
}

static void
repeat(const uint8_t *value, size_t size, size_t count, uint8_t *to)
{
    for (size_t i = 0; i < count; i++)
        memcpy(to + i * size, value, size);
}

static firn_status
fill_bytes(firn_slice value, int64_t count, struct ArrowArray *array, firn_error *err)
{
    if ((uint64_t) count * value.size > INT32_MAX)
        return firn_fail(err, FIRN_E_PARQUET_LIMIT, "a batch of strings would have more than 2 GiB");
    uint8_t *offsets = zeros(((size_t) count + 1) * sizeof(int32_t));
    uint8_t *data = zeros((size_t) count * value.size);
    if (!offsets || !data) {
        firn_free(offsets);
        firn_free(data);
        return no_memory(err);
    }
    for (int64_t i = 0; i <= count; i++)
        store_le32(offsets + 4 * i, (uint32_t) ((uint64_t) i * value.size));
    repeat(value.data, value.size, (size_t) count, data);
    array->buffers[1] = offsets;
    array->buffers[2] = data;
    return FIRN_OK;
}

static firn_status
constant_array(const schema_field *field, int64_t count, firn_slice value, struct ArrowArray *array, firn_error *err)
{
    bool is_bytes = field->type->kind == TYPE_STRING || field->type->kind == TYPE_BINARY;

    if (!array_init(array, is_bytes ? 3 : 2, 0)) return no_memory(err);
    array->length = count;
    if (is_bytes) return fill_bytes(value, count, array, err);
    bool     is_boolean = field->type->kind == TYPE_BOOLEAN;
    uint8_t *data = zeros(is_boolean ? bitmap_size_bytes((size_t) count) : (size_t) count * value.size);
    if (!data) return no_memory(err);
    array->buffers[1] = data;
    if (!is_boolean) {
        repeat(value.data, value.size, (size_t) count, data);
    } else if (value.data[0]) {
        memset(data, 0xff, bitmap_size_bytes((size_t) count));
    }
    return FIRN_OK;
}

firn_status
default_array(const schema_field *field, int64_t count, read_budget *budget, struct ArrowArray *ret_array,
              firn_error *err)
{
    if (!field->initial_default || type_is_nested(field->type->kind)) {
        FIRN_TRY(check_budget(field->type, count, 0, budget, err));
        return null_array(field->type, count, false, ret_array, err);
    }
    FIRN_AUTO(firn_buffer_done) firn_buffer value = {0};
    firn_buffer_init(&value, (size_t) 16 << 20);
    FIRN_TRY(firn_buffer_reserve(&value, 1, err));
    FIRN_TRY(parse_default(field, &value, err));
    FIRN_TRY(check_budget(field->type, count, value.size, budget, err));
    return constant_array(field, count, firn_buffer_slice(&value), ret_array, err);
}
