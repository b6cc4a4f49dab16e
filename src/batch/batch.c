#include "batch/batch.h"

#include "batch/array.h"

void
batch_init(batch *b, table_schema *schema, struct ArrowArray *take_array)
{
    b->schema = schema_ref(schema);
    array_move(take_array, &b->array);
}

void
batch_done(batch *b)
{
    array_done(&b->array);
    schema_unref(b->schema);
    *b = (batch){0};
}

void
batch_move(batch *from, batch *to)
{
    *to = *from;
    *from = (batch){0};
}

/* Bytes that the offsets say lie between the first and the last row. */
static uint64_t
offsets_span(const struct ArrowArray *array)
{
    const int32_t *offsets = array->buffers[1];

    if (array->length == 0 || !offsets) return 0;
    return (uint64_t) (offsets[array->offset + array->length] - offsets[array->offset]);
}

static uint64_t
children_size_bytes(const struct ArrowArray *array, const data_type *type)
{
    uint64_t total = 0;

    assert(array->n_children == (int64_t) type->field_count);
    for (unsigned i = 0; i < type->field_count; i++) {
        total += array_size_bytes(array->children[i], type->fields[i].type);
    }
    return total;
}

uint64_t
array_size_bytes(const struct ArrowArray *array, const data_type *type)
{
    uint64_t row_count = (uint64_t) array->length;
    uint64_t offsets_size = (row_count + 1) * sizeof(int32_t);
    uint64_t total = array->buffers[0] ? (row_count + 7) / 8 : 0;

    switch (type->kind) {
    case TYPE_BOOLEAN:
        return total + (row_count + 7) / 8;
    case TYPE_STRING:
    case TYPE_BINARY:
        return total + offsets_size + offsets_span(array);
    case TYPE_STRUCT:
        return total + children_size_bytes(array, type);
    case TYPE_LIST:
        return total + offsets_size + children_size_bytes(array, type);
    case TYPE_MAP:
        return total + offsets_size + children_size_bytes(array->children[0], type);
    case TYPE_INT:
    case TYPE_LONG:
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
    case TYPE_DECIMAL:
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
    case TYPE_UUID:
    case TYPE_FIXED:
        return total + row_count * data_type_value_size(type);
    }
    return total;
}

uint64_t
batch_size_bytes(const batch *b)
{
    uint64_t total = 0;

    if (!b->array.release) return 0;
    for (unsigned i = 0; i < b->schema->field_count; i++) {
        total += array_size_bytes(b->array.children[i], b->schema->fields[i].type);
    }
    return total;
}
