#include "postgres/tuple_decode.h"

#include "base/alloc.h"
#include "postgres/copy_batch.h"
#include "postgres/copy_fast.h"
#include "postgres/tuple_text.h"

#define BATCH_ROWS_FIRST 1024
#define SCRATCH_SIZE_MAX (((size_t) 1 << 30) + ((size_t) 1 << 24)) /* a value's binary form; the server's limit is 1 GiB */
#define SCRATCH_SIZE_KEPT ((size_t) 1 << 20)

typedef struct tuple_decoder {
    row_decoder      base;
    copy_row         row;
    change_relation *relation;
    unsigned         column_count; /* of the batch */
    copy_column     *columns;
    copy_column    **places; /* per column of the relation; NULL: passed over */
    size_t           row_capacity;
    firn_buffer      scratch; /* binary form of a text */
    bool             has_unchanged; /* the row at hand is said to have holes */
} tuple_decoder;

static void
tuple_decoder_free(row_decoder *decoder)
{
    tuple_decoder *d = (tuple_decoder *) decoder;
    for (unsigned i = 0; i < d->column_count; i++) copy_column_done(&d->columns[i]);
    firn_free(d->columns);
    firn_free(d->places);
    firn_buffer_done(&d->scratch);
    schema_unref(d->base.schema);
    change_relation_unref(d->relation);
    firn_free(d);
}

/* ---- values ---- */

/* What int4out and int8out write. */
static inline bool
parse_integer(const uint8_t *v, size_t size, int64_t *ret_value)
{
    bool     negative = size > 0 && v[0] == '-';
    size_t   at = negative;
    uint64_t value = 0;
    if (size - at - 1 >= 18) return false; /* also none */
    for (; at < size; at++) {
        unsigned digit = v[at] - (unsigned) '0';
        if (digit > 9) return false;
        value = 10 * value + digit;
    }
    *ret_value = negative ? -(int64_t) value : (int64_t) value;
    return true;
}

/* What numeric_out writes for at most 18 digits, exactly at the column's scale or with fewer decimals. */
static inline bool
parse_decimal(const uint8_t *v, size_t size, const data_type *type, int64_t *ret_value)
{
    bool     negative = size > 0 && v[0] == '-';
    size_t   at = negative, digits = 0;
    uint64_t value = 0;
    unsigned behind = 0, after_point = 0;
    if (size > 20) return false;
    for (; at < size; at++) {
        unsigned digit = v[at] - (unsigned) '0';
        if (digit <= 9) {
            value = 10 * value + digit;
            behind += after_point;
            digits++;
        } else if (v[at] == '.' && !after_point) {
            after_point = 1;
        } else {
            return false;
        }
    }
    if (digits == 0 || behind > type->scale || digits + type->scale - behind > 18) return false;
    value *= (uint64_t) numeric_power_of_ten[type->scale - behind];
    if (type->precision < 19 && value >= (uint64_t) numeric_power_of_ten[type->precision]) return false;
    *ret_value = negative ? -(int64_t) value : (int64_t) value;
    return true;
}

/* The short way for frequent texts. False: nothing was done. */
static inline bool
add_text_value_fast(copy_column *column, size_t index, const uint8_t *v, size_t size)
{
    int64_t value;
    int32_t days;
    switch (column->op) {
    case COPY_INT32:
        if (!parse_integer(v, size, &value) || value != (int32_t) value) return false;
        store_le32(column->values + 4 * index, (uint32_t) value);
        return true;
    case COPY_INT64:
        if (!parse_integer(v, size, &value)) return false;
        store_le64(column->values + 8 * index, (uint64_t) value);
        return true;
    case COPY_DECIMAL32:
        if (!parse_decimal(v, size, column->field->type, &value)) return false;
        store_le32(column->values + 4 * index, (uint32_t) value);
        return true;
    case COPY_DECIMAL64:
        if (!parse_decimal(v, size, column->field->type, &value)) return false;
        store_le64(column->values + 8 * index, (uint64_t) value);
        return true;
    case COPY_DECIMAL128:
        if (!parse_decimal(v, size, column->field->type, &value)) return false;
        store_le64(column->values + 16 * index, (uint64_t) value);
        store_le64(column->values + 16 * index + 8, value < 0 ? UINT64_MAX : 0);
        return true;
    case COPY_DATE:
        if (!tuple_text_simple_date(v, size, &days)) return false;
        store_le32(column->values + 4 * index, (uint32_t) (days + CALENDAR_PG_EPOCH_DAYS));
        return true;
    case COPY_TIMESTAMP:
        if (!tuple_text_simple_timestamp(v, size, &value)) return false;
        store_le64(column->values + 8 * index, (uint64_t) (value + CALENDAR_PG_EPOCH_US));
        return true;
    case COPY_BOOL:
    case COPY_INT16:
    case COPY_UINT32:
    case COPY_FLOAT32:
    case COPY_FLOAT64:
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

static firn_status
fail_text(const tuple_decoder *d, firn_slice text, firn_error *err)
{
    int shown = text.size < 60 ? (int) text.size : 60;
    return firn_fail(err, FIRN_E_VALUE_CORRUPT, "column '%s' of '%s' has the text '%.*s', which is not one of its type",
                     d->row.column->name, d->row.layout->qualified_name, shown, (const char *) text.data);
}

/* Through the binary form. */
static firn_status
add_text_value(tuple_decoder *d, copy_column *column, size_t index, firn_slice text, firn_error *err)
{
    bool valid;
    firn_buffer_reset(&d->scratch);
    FIRN_TRY(tuple_text_convert(column->field, text, &d->scratch, &valid, err));
    if (!valid) return fail_text(d, text, err);
    return copy_value_add(&d->row, column, index, firn_buffer_slice(&d->scratch), err);
}

static firn_status
add_value(tuple_decoder *d, copy_column *column, size_t index, tuple_value_kind kind, firn_slice value, firn_error *err)
{
    d->row.column = column->field;
    switch (kind) {
    case TUPLE_NULL:
        return copy_value_add_null(&d->row, column, index, err);
    case TUPLE_BINARY:
        return copy_value_add(&d->row, column, index, value, err);
    case TUPLE_TEXT:
        return add_text_value(d, column, index, value, err);
    case TUPLE_UNCHANGED:
        if (d->has_unchanged) return copy_column_add_null(column, index, err);
        break;
    }
    return firn_fail(err, FIRN_E_BUG, "column '%s' of '%s' is to be decoded without its value", column->field->name,
                     d->row.layout->qualified_name);
}

/* ---- rows ---- */

static firn_status
make_room(tuple_decoder *d, firn_error *err)
{
    size_t wanted = d->row_capacity ? 2 * d->row_capacity : BATCH_ROWS_FIRST;
    for (unsigned i = 0; i < d->column_count; i++) {
        copy_column *column = &d->columns[i];
        FIRN_TRY(column->row_capacity ? copy_column_reserve(column, wanted - 1, err) : copy_column_begin(column, wanted, err));
    }
    d->row_capacity = wanted;
    return FIRN_OK;
}

static firn_status
add_row(tuple_decoder *d, const change_tuple *tuple, firn_error *err)
{
    const uint8_t *at = tuple->bytes.data, *end = at + tuple->bytes.size;
    size_t         index = d->base.row_count;
    for (unsigned i = 0; i < tuple->column_count; i++) {
        copy_column   *column = d->places[i];
        uint8_t        kind = *at++;
        const uint8_t *value = NULL;
        size_t         size = 0;
        if (kind == TUPLE_TEXT || kind == TUPLE_BINARY) {
            size = load_be32(at);
            value = at + 4;
            at = value + size;
        }
        if (FIRN_UNLIKELY(!column)) continue;
        if (kind == TUPLE_NULL) {
            if (FIRN_LIKELY(add_null_fast(column, index))) continue;
        } else if (kind == TUPLE_TEXT) {
            if (column->op == COPY_TEXT) {
                FIRN_TRY(add_text_fast(column, index, value, size, (size_t) (end - value), err));
                continue;
            }
            if (FIRN_LIKELY(add_text_value_fast(column, index, value, size))) continue;
        } else if (kind == TUPLE_BINARY) {
            if (column->op == COPY_TEXT) {
                FIRN_TRY(add_text_fast(column, index, value, size, (size_t) (end - value), err));
                continue;
            }
            if (FIRN_LIKELY(add_fast(column, index, value, size))) continue;
        }
        FIRN_TRY(add_value(d, column, index, (tuple_value_kind) kind, firn_slice_of(value, size), err));
    }
    return FIRN_OK;
}

/* ---- failures ---- */

static void
rewind_row(tuple_decoder *d)
{
    for (unsigned i = 0; i < d->column_count; i++) copy_column_rewind(&d->columns[i], d->base.row_count);
}

/* The row as COPY would send it, for messages that name its key: lengths and binary values in the order of the fields. */
static firn_status
make_copy_tuple(const tuple_decoder *d, const change_tuple *tuple, firn_buffer *out, firn_error *err)
{
    for (unsigned f = 0; f < d->column_count; f++) {
        tuple_value value = {.kind = TUPLE_NULL};
        uint8_t     length[4] = {0xff, 0xff, 0xff, 0xff};
        size_t      place = out->size;
        for (unsigned i = 0; i < tuple->column_count; i++)
            if (d->places[i] == &d->columns[f]) value = tuple_value_at(tuple, i);
        FIRN_TRY(firn_buffer_add(out, length, sizeof length, err));
        bool valid = value.kind == TUPLE_BINARY;
        if (value.kind == TUPLE_TEXT)
            FIRN_TRY(tuple_text_convert(d->columns[f].field, value.bytes, out, &valid, err));
        else if (valid && value.bytes.size)
            FIRN_TRY(firn_buffer_add(out, value.bytes.data, value.bytes.size, err));
        if (valid)
            store_be32(out->data + place, (uint32_t) (out->size - place - 4));
        else
            out->size = place + 4;
    }
    return FIRN_OK;
}

/* Once more, so that the message can name the row: that costs nothing while all is well. */
static FIRN_NOINLINE firn_status
fail_row(tuple_decoder *d, const change_tuple *tuple, uint64_t coerced_before, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer copy = {0};
    firn_error named = {0};

    rewind_row(d);
    d->row.coerced_count = coerced_before;
    if (err->code != FIRN_E_VALUE_UNREPRESENTABLE) return err->status;
    firn_buffer_init(&copy, SCRATCH_SIZE_MAX);
    if (make_copy_tuple(d, tuple, &copy, &named)) return err->status;
    d->row.tuple = firn_buffer_slice(&copy);
    if (add_row(d, tuple, &named)) *err = named;
    d->row.tuple = (firn_slice){0};
    d->row.coerced_count = coerced_before;
    rewind_row(d);
    return err->status;
}

static firn_status
tuple_decoder_append(row_decoder *decoder, const change_tuple *tuple, firn_error *err)
{
    tuple_decoder *d = (tuple_decoder *) decoder;
    uint64_t       coerced_before = d->row.coerced_count;
    if (FIRN_UNLIKELY(tuple->column_count != d->relation->column_count))
        return firn_fail(err, FIRN_E_BUG, "a row of '%s' has %u columns where %u are decoded", d->row.layout->qualified_name,
                         tuple->column_count, d->relation->column_count);
    if (FIRN_UNLIKELY(d->base.row_count == d->row_capacity)) FIRN_TRY(make_room(d, err));
    d->has_unchanged = tuple->has_unchanged;
    if (FIRN_UNLIKELY(add_row(d, tuple, err))) return fail_row(d, tuple, coerced_before, err);
    d->base.row_count++;
    d->base.size_bytes += tuple->bytes.size;
    d->base.coerced_count = d->row.coerced_count;
    if (FIRN_UNLIKELY(d->scratch.capacity > SCRATCH_SIZE_KEPT)) {
        firn_buffer_done(&d->scratch);
        firn_buffer_init(&d->scratch, SCRATCH_SIZE_MAX);
    }
    return FIRN_OK;
}

static firn_status
tuple_decoder_take(row_decoder *decoder, batch *ret_batch, firn_error *err)
{
    tuple_decoder *d = (tuple_decoder *) decoder;
    FIRN_TRY(copy_batch_take(d->columns, d->column_count, d->base.row_count, d->base.schema, ret_batch, err));
    if (d->base.row_count) d->row_capacity = 0;
    d->base.row_count = d->base.size_bytes = 0;
    return FIRN_OK;
}

static const row_decoder_ops tuple_decoder_ops = {
    .append = tuple_decoder_append,
    .take = tuple_decoder_take,
    .free = tuple_decoder_free,
};

/* ---- making one ---- */

static firn_status
find_places(tuple_decoder *d, firn_error *err)
{
    for (unsigned f = 0; f < d->column_count; f++) {
        int place = change_relation_column(d->relation, d->row.layout->fields[f].name);
        if (place < 0)
            return firn_fail(err, FIRN_E_BUG, "the changes of '%s' have no column '%s'", d->row.layout->qualified_name,
                             d->row.layout->fields[f].name);
        d->places[place] = &d->columns[f];
    }
    return FIRN_OK;
}

firn_status
tuple_decoder_new(const copy_layout *layout, change_relation *relation, row_decoder **ret_decoder, firn_error *err)
{
    tuple_decoder *made = firn_calloc(1, sizeof *made);
    if (!made) return firn_fail_memory(err, "a decoder of changes");
    made->base.ops = &tuple_decoder_ops;
    made->base.schema = schema_ref(layout->schema);
    made->relation = change_relation_ref(relation);
    FIRN_AUTO(row_decoder_freep) row_decoder *owned = &made->base;
    made->row.layout = layout;
    firn_buffer_init(&made->scratch, SCRATCH_SIZE_MAX);
    made->columns = firn_calloc(layout->field_count, sizeof *made->columns);
    made->places = firn_calloc(relation->column_count ? relation->column_count : 1, sizeof *made->places);
    if (!made->columns || !made->places) return firn_fail_memory(err, "a decoder of changes");
    made->column_count = layout->field_count;
    for (unsigned i = 0; i < layout->field_count; i++)
        FIRN_TRY(copy_column_init(&made->columns[i], &layout->fields[i], 0, err));
    FIRN_TRY(find_places(made, err));
    *ret_decoder = FIRN_STEAL(owned);
    return FIRN_OK;
}
