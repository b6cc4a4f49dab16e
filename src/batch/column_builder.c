#include "batch/column_builder.h"

#include "base/alloc.h"
#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/checked.h"
#include "batch/array.h"

/* Bytes that grow in 64-byte aligned memory, which firn_buffer does not give. */
typedef struct column_bytes {
    uint8_t *data;
    size_t   size, capacity;
} column_bytes;

/* What all builders of one column share. */
typedef struct column_limit {
    size_t used_bytes, size_bytes_max;
} column_limit;

struct column_builder {
    const data_type *type;
    column_limit    *limit;     /* of the root */
    column_limit     own_limit; /* the root's */
    int64_t          count, null_count;
    column_bytes     validity; /* empty as long as there is no null */
    column_bytes     offsets;  /* string, binary, list, map: int32, one more than rows */
    column_bytes     values;
    unsigned         child_count;
    column_builder **children;
};

static void
bytes_done(column_bytes *bytes)
{
    firn_free(bytes->data);
    *bytes = (column_bytes){0};
}

/* Room for `extra` zeroed bytes, counted against the limit; returns their place. */
static firn_status
bytes_extend(column_bytes *bytes, size_t extra, column_limit *limit, uint8_t **ret_place, firn_error *err)
{
    if (extra > limit->size_bytes_max || limit->used_bytes > limit->size_bytes_max - extra) {
        return firn_fail(err, FIRN_E_NO_MEMORY, "a column would pass its limit of %zu bytes", limit->size_bytes_max);
    }
    if (bytes->capacity - bytes->size < extra) {
        size_t   capacity = bytes->capacity < 32 ? 64 : bytes->capacity * 2;
        uint8_t *data;
        if (capacity < bytes->size + extra) {
            capacity = bytes->size + extra;
        }
        data = firn_alloc_aligned(capacity);
        if (!data) return firn_fail_memory(err, "a column");
        if (bytes->size > 0) {
            memcpy(data, bytes->data, bytes->size);
        }
        firn_free(bytes->data);
        bytes->data = data;
        bytes->capacity = capacity;
    }
    *ret_place = bytes->data ? bytes->data + bytes->size : NULL; /* no bytes of an empty value */
    if (extra > 0) {
        memset(*ret_place, 0, extra);
    }
    bytes->size += extra;
    limit->used_bytes += extra;
    return FIRN_OK;
}

static bool
has_offsets(type_kind kind)
{
    return kind == TYPE_STRING || kind == TYPE_BINARY || kind == TYPE_LIST || kind == TYPE_MAP;
}

static firn_status
builder_new(const data_type *type, column_limit *limit, column_builder **ret_builder, firn_error *err)
{
    FIRN_AUTO(column_builder_freep) column_builder *b = firn_calloc(1, sizeof *b);

    if (!b) return firn_fail_memory(err, "a column");
    b->type = type;
    b->limit = limit ? limit : &b->own_limit;
    if (type->field_count > 0) {
        b->children = firn_calloc(type->field_count, sizeof(column_builder *));
        if (!b->children) return firn_fail_memory(err, "a column");
    }
    for (; b->child_count < type->field_count; b->child_count++) {
        FIRN_TRY(builder_new(type->fields[b->child_count].type, b->limit, &b->children[b->child_count], err));
    }
    *ret_builder = FIRN_STEAL(b);
    return FIRN_OK;
}

firn_status
column_builder_new(const data_type *type, size_t size_bytes_max, column_builder **ret_builder, firn_error *err)
{
    FIRN_TRY(builder_new(type, NULL, ret_builder, err));
    (*ret_builder)->own_limit.size_bytes_max = size_bytes_max;
    return FIRN_OK;
}

void
column_builder_free(column_builder *b)
{
    if (!b) return;
    for (unsigned i = 0; i < b->child_count; i++) {
        column_builder_free(b->children[i]);
    }
    firn_free(b->children);
    bytes_done(&b->validity);
    bytes_done(&b->offsets);
    bytes_done(&b->values);
    firn_free(b);
}

int64_t
column_builder_count(const column_builder *b)
{
    return b->count;
}

column_builder *
column_child(column_builder *b, unsigned index)
{
    assert(index < b->child_count);
    return b->children[index];
}

/* The row's validity bit, where bits are kept; `make` begins to keep them. */
static firn_status
add_validity(column_builder *b, bool valid, firn_error *err)
{
    size_t   row = (size_t) b->count, size = bitmap_size_bytes(row + 1);
    uint8_t *place;

    if (valid && !b->validity.data) return FIRN_OK;
    if (!b->validity.data) {
        FIRN_TRY(bytes_extend(&b->validity, size, b->limit, &place, err));
        memset(place, 0xFF, row / 8);
        place[row / 8] = (uint8_t) ((1u << (row % 8)) - 1);
    } else if (size > b->validity.size) {
        FIRN_TRY(bytes_extend(&b->validity, size - b->validity.size, b->limit, &place, err));
    }
    if (valid) {
        bitmap_set(b->validity.data, row);
    }
    return FIRN_OK;
}

/* Ends the row at `end` in the values or the child. */
static firn_status
add_offset(column_builder *b, uint64_t end, firn_error *err)
{
    uint8_t *place;

    if (end > INT32_MAX) {
        return firn_fail(err, FIRN_E_NO_MEMORY, "a column of a batch would hold more than 2 GiB");
    }
    if (b->offsets.size == 0) FIRN_TRY(bytes_extend(&b->offsets, sizeof(int32_t), b->limit, &place, err));
    FIRN_TRY(bytes_extend(&b->offsets, sizeof(int32_t), b->limit, &place, err));
    store_le32(place, (uint32_t) end);
    return FIRN_OK;
}

static uint64_t
last_offset(const column_builder *b)
{
    return b->offsets.size > 0 ? load_le32(b->offsets.data + b->offsets.size - sizeof(int32_t)) : 0;
}

static firn_status
add_bit(column_builder *b, bool value, firn_error *err)
{
    size_t   size = bitmap_size_bytes((size_t) b->count + 1);
    uint8_t *place;

    if (size > b->values.size) FIRN_TRY(bytes_extend(&b->values, size - b->values.size, b->limit, &place, err));
    if (value) {
        bitmap_set(b->values.data, (size_t) b->count);
    }
    return FIRN_OK;
}

/* One fixed-size value; NULL: zeros. */
static firn_status
add_fixed(column_builder *b, const void *value, firn_error *err)
{
    size_t   size = data_type_value_size(b->type);
    uint8_t *place;

    FIRN_TRY(bytes_extend(&b->values, size, b->limit, &place, err));
    if (value) {
        memcpy(place, value, size);
    }
    return FIRN_OK;
}

firn_status
column_add_null(column_builder *b, firn_error *err)
{
    FIRN_TRY(add_validity(b, false, err));
    if (b->type->kind == TYPE_STRUCT) {
        for (unsigned i = 0; i < b->child_count; i++) {
            assert(b->children[i]->count == b->count);
            FIRN_TRY(column_add_null(b->children[i], err));
        }
    } else if (has_offsets(b->type->kind)) {
        assert(b->child_count == 0 || (uint64_t) b->children[0]->count == last_offset(b));
        FIRN_TRY(add_offset(b, last_offset(b), err));
    } else if (b->type->kind == TYPE_BOOLEAN) {
        FIRN_TRY(add_bit(b, false, err));
    } else {
        FIRN_TRY(add_fixed(b, NULL, err));
    }
    b->count++;
    b->null_count++;
    return FIRN_OK;
}

firn_status
column_add_bool(column_builder *b, bool value, firn_error *err)
{
    assert(b->type->kind == TYPE_BOOLEAN);
    FIRN_TRY(add_validity(b, true, err));
    FIRN_TRY(add_bit(b, value, err));
    b->count++;
    return FIRN_OK;
}

static firn_status
fail_range(const column_builder *b, int128 value, int scale, firn_error *err)
{
    char                                    text[DECIMAL_TEXT_MAX + 64];
    FIRN_AUTO(firn_buffer_done) firn_buffer type = {.size_bytes_max = 64};

    FIRN_TRY(data_type_format(b->type, &type, err));
    decimal_format(value, scale, text);
    return firn_fail(err, FIRN_E_VALUE_UNREPRESENTABLE, "%s does not fit %.*s", text, (int) type.size,
                     (const char *) type.data);
}

firn_status
column_add_i64(column_builder *b, int64_t value, firn_error *err)
{
    int32_t narrow = (int32_t) value;

    if (b->type->kind == TYPE_DECIMAL) return column_add_decimal(b, value, err);
    assert(b->type->kind == TYPE_INT || b->type->kind == TYPE_LONG || b->type->kind == TYPE_DATE ||
           b->type->kind == TYPE_TIME || b->type->kind == TYPE_TIMESTAMP || b->type->kind == TYPE_TIMESTAMPTZ);
    if (data_type_value_size(b->type) == 4 && narrow != value) return fail_range(b, value, 0, err);
    FIRN_TRY(add_validity(b, true, err));
    if (data_type_value_size(b->type) == 4) {
        FIRN_TRY(add_fixed(b, &narrow, err));
    } else {
        FIRN_TRY(add_fixed(b, &value, err));
    }
    b->count++;
    return FIRN_OK;
}

firn_status
column_add_decimal(column_builder *b, int128 value, firn_error *err)
{
    assert(b->type->kind == TYPE_DECIMAL);
    if (!decimal_fits(value, b->type->precision)) return fail_range(b, value, (int) b->type->scale, err);
    FIRN_TRY(add_validity(b, true, err));
    FIRN_TRY(add_fixed(b, &value, err)); /* little-endian: the low 4, 8 or 16 bytes are the narrow value */
    b->count++;
    return FIRN_OK;
}

firn_status
column_add_double(column_builder *b, double value, firn_error *err)
{
    float narrow = (float) value;

    assert(b->type->kind == TYPE_DOUBLE || b->type->kind == TYPE_FLOAT);
    FIRN_TRY(add_validity(b, true, err));
    if (b->type->kind == TYPE_FLOAT) {
        FIRN_TRY(add_fixed(b, &narrow, err));
    } else {
        FIRN_TRY(add_fixed(b, &value, err));
    }
    b->count++;
    return FIRN_OK;
}

firn_status
column_add_bytes(column_builder *b, firn_slice value, firn_error *err)
{
    uint8_t *place;

    if (b->type->kind == TYPE_UUID || b->type->kind == TYPE_FIXED) {
        if (value.size != data_type_value_size(b->type)) {
            return firn_fail(err, FIRN_E_VALUE_CORRUPT, "a value of %u bytes has %zu", data_type_value_size(b->type),
                             value.size);
        }
        FIRN_TRY(add_validity(b, true, err));
        FIRN_TRY(add_fixed(b, value.data, err));
    } else {
        assert(b->type->kind == TYPE_STRING || b->type->kind == TYPE_BINARY);
        FIRN_TRY(add_validity(b, true, err));
        FIRN_TRY(add_offset(b, (uint64_t) b->values.size + value.size, err));
        FIRN_TRY(bytes_extend(&b->values, value.size, b->limit, &place, err));
        if (value.size > 0) {
            memcpy(place, value.data, value.size);
        }
    }
    b->count++;
    return FIRN_OK;
}

firn_status
column_add_text(column_builder *b, const char *value, firn_error *err)
{
    return value ? column_add_bytes(b, firn_slice_text(value), err) : column_add_null(b, err);
}

firn_status
column_end(column_builder *b, firn_error *err)
{
    assert(type_is_nested(b->type->kind));
    FIRN_TRY(add_validity(b, true, err));
    if (b->type->kind == TYPE_STRUCT) {
        for (unsigned i = 0; i < b->child_count; i++) {
            assert(b->children[i]->count == b->count + 1);
        }
    } else {
        assert(b->type->kind == TYPE_LIST || b->children[0]->count == b->children[1]->count);
        FIRN_TRY(add_offset(b, (uint64_t) b->children[0]->count, err));
    }
    b->count++;
    return FIRN_OK;
}

static void
shrink(column_bytes *bytes, size_t size, column_limit *limit)
{
    if (bytes->size <= size) return;
    limit->used_bytes -= bytes->size - size;
    bytes->size = size;
}

/* To `count` bits; those behind them in the last byte are zero again, since bits are only ever set. */
static void
shrink_bits(column_bytes *bits, int64_t count, column_limit *limit)
{
    shrink(bits, bitmap_size_bytes((size_t) count), limit);
    if (count % 8 && (size_t) (count / 8) < bits->size) bits->data[count / 8] &= (uint8_t) ((1u << (count % 8)) - 1);
}

void
column_rewind(column_builder *b, int64_t count)
{
    size_t  width = data_type_value_size(b->type);
    int64_t child_count = count;

    for (int64_t row = count; row < b->count && b->validity.data; row++) {
        if (!bitmap_get(b->validity.data, (size_t) row)) b->null_count--;
    }
    if (has_offsets(b->type->kind)) {
        if (b->offsets.size) shrink(&b->offsets, ((size_t) count + 1) * sizeof(int32_t), b->limit);
        child_count = (int64_t) last_offset(b);
        if (b->child_count == 0) shrink(&b->values, (size_t) child_count, b->limit);
    } else if (b->type->kind == TYPE_BOOLEAN) {
        shrink_bits(&b->values, count, b->limit);
    } else if (!type_is_nested(b->type->kind)) {
        shrink(&b->values, (size_t) count * width, b->limit);
    }
    shrink_bits(&b->validity, count, b->limit);
    for (unsigned i = 0; i < b->child_count; i++) {
        column_rewind(b->children[i], child_count);
    }
    if (b->count > count) b->count = count;
}

static const void *
take_bytes(column_bytes *bytes)
{
    const void *data = bytes->data;

    *bytes = (column_bytes){0};
    return data;
}

static firn_status
finish_children(column_builder *b, struct ArrowArray *array, firn_error *err)
{
    for (unsigned i = 0; i < b->child_count; i++) {
        FIRN_TRY(column_builder_finish(b->children[i], array->children[i], err));
    }
    return FIRN_OK;
}

static firn_status
finish_map_entries(column_builder *b, struct ArrowArray *ret_entries, firn_error *err)
{
    FIRN_AUTO(array_done) struct ArrowArray entries = {0};

    if (!array_init(&entries, 1, 2)) return firn_fail_memory(err, "a column");
    entries.length = b->children[0]->count;
    FIRN_TRY(finish_children(b, &entries, err));
    array_move(&entries, ret_entries);
    return FIRN_OK;
}

static void
builder_reset(column_builder *b)
{
    b->count = 0;
    b->null_count = 0;
    b->limit->used_bytes = 0; /* the children were finished with their parent */
}

firn_status
column_builder_finish(column_builder *b, struct ArrowArray *ret_array, firn_error *err)
{
    FIRN_AUTO(array_done) struct ArrowArray array = {0};
    type_kind                               kind = b->type->kind;
    int64_t  buffer_count = kind == TYPE_STRUCT ? 1 : kind == TYPE_STRING || kind == TYPE_BINARY ? 3 : 2;
    uint8_t *place;

    if (!array_init(&array, buffer_count, kind == TYPE_MAP ? 1 : b->child_count)) {
        return firn_fail_memory(err, "a column");
    }
    array.length = b->count;
    array.null_count = b->null_count;
    if (kind == TYPE_MAP) {
        FIRN_TRY(finish_map_entries(b, array.children[0], err));
    } else {
        FIRN_TRY(finish_children(b, &array, err));
    }
    if (has_offsets(kind) && b->offsets.size == 0) {
        FIRN_TRY(bytes_extend(&b->offsets, sizeof(int32_t), b->limit, &place, err));
    }
    array.buffers[0] = take_bytes(&b->validity);
    if (has_offsets(kind)) {
        array.buffers[1] = take_bytes(&b->offsets);
    }
    if (buffer_count == 3) {
        array.buffers[2] = take_bytes(&b->values);
    } else if (!type_is_nested(kind)) {
        array.buffers[1] = take_bytes(&b->values);
    }
    builder_reset(b);
    array_move(&array, ret_array);
    return FIRN_OK;
}

firn_status
batch_from_builders(table_schema *schema, column_builder *const builders[], batch *ret_batch, firn_error *err)
{
    FIRN_AUTO(array_done) struct ArrowArray array = {0};

    if (!array_init(&array, 1, schema->field_count)) return firn_fail_memory(err, "a batch");
    array.length = schema->field_count > 0 ? builders[0]->count : 0;
    for (unsigned i = 0; i < schema->field_count; i++) {
        assert(builders[i]->count == array.length);
        if (schema->fields[i].required && builders[i]->null_count > 0) {
            return firn_fail(err, FIRN_E_VALUE_CORRUPT, "the required column '%s' has a null", schema->fields[i].name);
        }
        FIRN_TRY(column_builder_finish(builders[i], array.children[i], err));
    }
    batch_init(ret_batch, schema, &array);
    return FIRN_OK;
}
