#include "postgres/copy_column.h"

#include "base/alloc.h"
#include "base/checked.h"
#include "postgres/copy_decode.h"

#define COPY_COLUMN_ROWS_MIN 64
#define COPY_COLUMN_DATA_SIZE_MIN 1024

static bool
op_has_offsets(copy_op op)
{
    switch (op) {
    case COPY_TIME_TEXT:
    case COPY_TEXT:
    case COPY_TEXT_VERIFY:
    case COPY_BYTES:
    case COPY_JSONB:
    case COPY_CHAR:
    case COPY_INET:
    case COPY_LIST:
    case COPY_HSTORE:
        return true;
    case COPY_BOOL:
    case COPY_INT16:
    case COPY_INT32:
    case COPY_INT64:
    case COPY_UINT32:
    case COPY_FLOAT32:
    case COPY_FLOAT64:
    case COPY_DECIMAL32:
    case COPY_DECIMAL64:
    case COPY_DECIMAL128:
    case COPY_NUMERIC_DOUBLE:
    case COPY_DATE:
    case COPY_TIME:
    case COPY_TIMESTAMP:
    case COPY_UUID:
    case COPY_STRUCT:
        break;
    }
    return false;
}

static unsigned
op_value_size(copy_op op)
{
    switch (op) {
    case COPY_INT16:
    case COPY_INT32:
    case COPY_FLOAT32:
    case COPY_DECIMAL32:
    case COPY_DATE:
        return 4;
    case COPY_INT64:
    case COPY_UINT32:
    case COPY_FLOAT64:
    case COPY_DECIMAL64:
    case COPY_NUMERIC_DOUBLE:
    case COPY_TIME:
    case COPY_TIMESTAMP:
        return 8;
    case COPY_DECIMAL128:
    case COPY_UUID:
        return 16;
    case COPY_BOOL:
    case COPY_TIME_TEXT:
    case COPY_TEXT:
    case COPY_TEXT_VERIFY:
    case COPY_BYTES:
    case COPY_JSONB:
    case COPY_CHAR:
    case COPY_INET:
    case COPY_LIST:
    case COPY_STRUCT:
    case COPY_HSTORE:
        break;
    }
    return 0;
}

firn_status
copy_column_init(copy_column *column, const copy_field *field, unsigned depth, firn_error *err)
{
    *column = (copy_column){
        .op = field->op,
        .field = field,
        .value_size = op_value_size(field->op),
        .has_offsets = op_has_offsets(field->op),
        .is_text = op_has_offsets(field->op) && field->child_count == 0,
    };
    if (depth > COPY_NESTING_MAX)
        return firn_fail(err, FIRN_E_TYPE_UNSUPPORTED, "column '%s' is nested more than %d levels deep", field->name,
                         COPY_NESTING_MAX);
    if (field->child_count) {
        column->children = firn_calloc(field->child_count, sizeof *column->children);
        if (!column->children) return firn_fail_memory(err, "a nested column");
        column->child_count = field->child_count;
        for (unsigned i = 0; i < field->child_count; i++)
            FIRN_TRY(copy_column_init(&column->children[i], &field->children[i], depth + 1, err));
    }
    return FIRN_OK;
}

static void
free_buffers(copy_column *column)
{
    firn_free(column->values);
    firn_free(column->validity);
    firn_free(column->offsets);
    firn_free(column->data);
    column->values = column->validity = column->offsets = column->data = NULL;
    column->data_size = column->data_capacity = column->row_capacity = column->null_count = column->count = 0;
}

void
copy_column_done(copy_column *column)
{
    for (unsigned i = 0; i < column->child_count; i++) copy_column_done(&column->children[i]);
    firn_free(column->children);
    column->children = NULL;
    column->child_count = 0;
    free_buffers(column);
}

/* A new buffer with the first `used` bytes of the old one, the rest as `fill`; takes the old one. */
static uint8_t *
regrow(uint8_t *take_old, size_t used, size_t size, int fill)
{
    uint8_t *grown = firn_alloc_aligned(size);
    if (!grown) return NULL;
    if (used) memcpy(grown, take_old, used);
    if (fill >= 0) memset(grown + used, fill, size - used);
    firn_free(take_old);
    return grown;
}

static firn_status
set_capacity(copy_column *column, size_t row_capacity, firn_error *err)
{
    size_t   old_capacity = column->row_capacity;
    uint8_t *grown;
    if (row_capacity > (size_t) INT32_MAX) return firn_fail_memory(err, "a column of more than 2^31 values");

    if (column->value_size || column->op == COPY_BOOL) {
        bool   bits = column->op == COPY_BOOL;
        size_t size = bits ? bitmap_size_bytes(row_capacity) : row_capacity * column->value_size;
        size_t used = bits ? bitmap_size_bytes(old_capacity) : old_capacity * column->value_size;
        grown = regrow(column->values, used, size, bits ? 0 : -1);
        if (!grown) return firn_fail_memory(err, "a column");
        column->values = grown;
    }
    if (column->has_offsets) {
        grown = regrow(column->offsets, old_capacity ? 4 * (old_capacity + 1) : 0, 4 * (row_capacity + 1), -1);
        if (!grown) return firn_fail_memory(err, "a column");
        column->offsets = grown;
        if (!old_capacity) copy_column_set_offset(column, 0, 0);
    }
    if (column->validity) {
        grown = regrow(column->validity, bitmap_size_bytes(old_capacity), bitmap_size_bytes(row_capacity), 0xff);
        if (!grown) return firn_fail_memory(err, "a column");
        column->validity = grown;
    }
    column->row_capacity = row_capacity;
    return FIRN_OK;
}

firn_status
copy_column_begin(copy_column *column, size_t row_capacity, firn_error *err)
{
    assert(column->row_capacity == 0);
    /* Whole bytes of bits: growing then never splits one. */
    FIRN_TRY(set_capacity(column, (row_capacity + 7) & ~(size_t) 7, err));
    if (column->data_hint) {
        /* As much as the last batch needed and an eighth more: growing copies, guessing does not. */
        size_t hint = column->data_hint;
        column->data_hint = 0;
        return copy_column_grow_data(column, hint, err);
    }
    return FIRN_OK;
}

firn_status
copy_column_grow(copy_column *column, size_t index, firn_error *err)
{
    size_t wanted = column->row_capacity * 2;
    if (wanted < COPY_COLUMN_ROWS_MIN) wanted = COPY_COLUMN_ROWS_MIN;
    if (wanted <= index) wanted = (index + 8) & ~(size_t) 7;
    return set_capacity(column, wanted, err);
}

firn_status
copy_column_grow_data(copy_column *column, size_t extra, firn_error *err)
{
    size_t wanted = column->data_size + extra;
    if (wanted <= column->data_capacity) return FIRN_OK;
    if (wanted > (size_t) INT32_MAX)
        return firn_fail(err, FIRN_E_NO_MEMORY, "column '%s' has more than 2 GiB in one batch", column->field->name);
    size_t capacity = column->data_capacity * 2;
    if (capacity < COPY_COLUMN_DATA_SIZE_MIN) capacity = COPY_COLUMN_DATA_SIZE_MIN;
    if (capacity < wanted) capacity = wanted;
    uint8_t *grown = firn_realloc(column->data, capacity);
    if (!grown) return firn_fail_memory(err, "the bytes of a column");
    column->data = grown;
    column->data_capacity = capacity;
    return FIRN_OK;
}

firn_status
copy_column_add_null(copy_column *column, size_t index, firn_error *err)
{
    if (FIRN_UNLIKELY(!column->validity)) {
        size_t size = bitmap_size_bytes(column->row_capacity);
        column->validity = firn_alloc_aligned(size);
        if (!column->validity) return firn_fail_memory(err, "a validity bitmap");
        memset(column->validity, 0xff, size);
    }
    bitmap_clear(column->validity, index);
    column->null_count++;
    if (column->value_size) {
        memset(column->values + index * column->value_size, 0, column->value_size);
    } else if (column->has_offsets) {
        memcpy(column->offsets + 4 * (index + 1), column->offsets + 4 * index, 4);
    } else if (column->op == COPY_STRUCT) {
        for (unsigned i = 0; i < column->child_count; i++) {
            FIRN_TRY(copy_column_reserve(&column->children[i], index, err));
            FIRN_TRY(copy_column_add_null(&column->children[i], index, err));
        }
    }
    return FIRN_OK;
}

void
copy_column_rewind(copy_column *column, size_t index)
{
    if (index >= column->row_capacity) return;
    if (column->validity && !bitmap_get(column->validity, index)) {
        bitmap_set(column->validity, index);
        column->null_count--;
    }
    if (column->op == COPY_BOOL) bitmap_clear(column->values, index);
    size_t start = column->has_offsets ? load_le32(column->offsets + 4 * index) : 0;
    if (column->is_text) column->data_size = start;
    for (unsigned i = 0; i < column->child_count; i++) {
        copy_column *child = &column->children[i];
        if (!column->has_offsets) {
            copy_column_rewind(child, index);
            continue;
        }
        /* The one that failed is not counted yet. */
        for (copy_column_rewind(child, child->count); child->count > start; child->count--)
            copy_column_rewind(child, child->count - 1);
    }
}

size_t
copy_column_row_size(const copy_column *column)
{
    size_t size = column->value_size + (column->has_offsets ? 8u : 0u) + 1;
    if (column->op == COPY_STRUCT)
        for (unsigned i = 0; i < column->child_count; i++) size += copy_column_row_size(&column->children[i]);
    return size;
}

/* ---- hand-over ---- */

/* What a finished array owns. */
typedef struct column_owner {
    uint8_t            *owned[3];
    const void         *buffers[3];
    struct ArrowArray **children;
    struct ArrowArray  *child_arrays;
} column_owner;

static void
release_array(struct ArrowArray *array)
{
    column_owner *owner = array->private_data;
    for (int64_t i = 0; i < array->n_children; i++)
        if (array->children[i]->release) array->children[i]->release(array->children[i]);
    for (size_t i = 0; i < FIRN_COUNT(owner->owned); i++) firn_free(owner->owned[i]);
    firn_free(owner->children);
    firn_free(owner->child_arrays);
    firn_free(owner);
    array->release = NULL;
}

static firn_status
make_array(size_t length, unsigned child_count, struct ArrowArray *ret_array, column_owner **ret_owner, firn_error *err)
{
    column_owner *owner = firn_calloc(1, sizeof *owner);
    if (!owner) return firn_fail_memory(err, "an array");
    if (child_count) {
        owner->children = firn_calloc(child_count, sizeof *owner->children);
        owner->child_arrays = firn_calloc(child_count, sizeof *owner->child_arrays);
        if (!owner->children || !owner->child_arrays) {
            firn_free(owner->children);
            firn_free(owner->child_arrays);
            firn_free(owner);
            return firn_fail_memory(err, "an array");
        }
        for (unsigned i = 0; i < child_count; i++) owner->children[i] = &owner->child_arrays[i];
    }
    *ret_array = (struct ArrowArray){
        .length = (int64_t) length,
        .buffers = owner->buffers,
        .n_buffers = 1,
        .n_children = child_count,
        .children = owner->children,
        .release = release_array,
        .private_data = owner,
    };
    *ret_owner = owner;
    return FIRN_OK;
}

/* The struct of key and value between a map and its children. */
static firn_status
finish_entries(copy_column *column, struct ArrowArray *ret_array, firn_error *err)
{
    column_owner *owner;
    size_t        count = column->children[0].count;
    FIRN_TRY(make_array(count, 2, ret_array, &owner, err));
    for (unsigned i = 0; i < 2; i++)
        FIRN_TRY(copy_column_finish(&column->children[i], count, &owner->child_arrays[i], err));
    return FIRN_OK;
}

static firn_status
finish_children(copy_column *column, size_t row_count, column_owner *owner, firn_error *err)
{
    if (column->op == COPY_HSTORE) return finish_entries(column, &owner->child_arrays[0], err);
    for (unsigned i = 0; i < column->child_count; i++) {
        size_t count = column->op == COPY_LIST ? column->children[i].count : row_count;
        FIRN_TRY(copy_column_finish(&column->children[i], count, &owner->child_arrays[i], err));
    }
    return FIRN_OK;
}

firn_status
copy_column_finish(copy_column *column, size_t row_count, struct ArrowArray *ret_array, firn_error *err)
{
    column_owner     *owner;
    struct ArrowArray array;

    /* Consumers may read offsets[0] of an array without rows, and never a NULL data pointer. */
    FIRN_TRY(copy_column_reserve(column, 0, err));
    if (column->is_text) FIRN_TRY(copy_column_grow_data(column, 1, err));
    FIRN_TRY(make_array(row_count, column->op == COPY_HSTORE ? 1 : column->child_count, &array, &owner, err));
    if (finish_children(column, row_count, owner, err)) {
        release_array(&array);
        return err->status;
    }
    if (column->data_size) column->data_hint = column->data_size + column->data_size / 8;
    array.null_count = (int64_t) column->null_count;
    owner->owned[0] = FIRN_STEAL(column->validity);
    if (column->has_offsets) {
        owner->owned[1] = FIRN_STEAL(column->offsets);
        array.n_buffers = 2;
        if (column->is_text) {
            owner->owned[2] = FIRN_STEAL(column->data);
            array.n_buffers = 3;
        }
    } else if (column->op != COPY_STRUCT) {
        owner->owned[1] = FIRN_STEAL(column->values);
        array.n_buffers = 2;
    }
    for (size_t i = 0; i < FIRN_COUNT(owner->owned); i++) owner->buffers[i] = owner->owned[i];
    free_buffers(column);
    *ret_array = array;
    return FIRN_OK;
}
