#include "batch/batch_take.h"

#include "base/alloc.h"
#include "base/bitmap.h"
#include "base/checked.h"

#include <string.h>

/* What a taken array owns: its buffers and its children. */
typedef struct taken {
    const void         *buffers[3];
    struct ArrowArray **children;
    struct ArrowArray  *child_structs;
} taken;

static void
taken_release(struct ArrowArray *array)
{
    taken *own = array->private_data;

    for (size_t i = 0; i < FIRN_COUNT(own->buffers); i++) {
        union {
            const void *borrowed;
            void       *owned;
        } buffer = {.borrowed = own->buffers[i]};
        firn_free(buffer.owned);
    }
    for (int64_t i = 0; i < array->n_children; i++) {
        if (own->children[i]->release) own->children[i]->release(own->children[i]);
    }
    firn_free(own->children);
    firn_free(own->child_structs);
    firn_free(own);
    array->release = NULL;
}

static firn_status
taken_begin(size_t length, int64_t buffer_count, unsigned child_count, struct ArrowArray *out, taken **ret_own,
            firn_error *err)
{
    taken *own = firn_calloc(1, sizeof *own);

    if (!own) return firn_fail_memory(err, "taken rows");
    *out = (struct ArrowArray){.length = (int64_t) length,
                               .n_buffers = buffer_count,
                               .buffers = own->buffers,
                               .release = taken_release,
                               .private_data = own};
    if (child_count) {
        own->children = firn_calloc(child_count, sizeof *own->children);
        own->child_structs = firn_calloc(child_count, sizeof *own->child_structs);
        if (!own->children || !own->child_structs) {
            taken_release(out);
            return firn_fail_memory(err, "taken rows");
        }
        for (unsigned i = 0; i < child_count; i++)
            own->children[i] = &own->child_structs[i];
        out->children = own->children;
        out->n_children = child_count;
    }
    *ret_own = own;
    return FIRN_OK;
}

static firn_status
take_validity(const struct ArrowArray *in, const uint32_t indexes[], size_t count, taken *own, struct ArrowArray *out,
              firn_error *err)
{
    const uint8_t *valid = in->n_buffers > 0 ? in->buffers[0] : NULL;
    uint8_t       *bits;

    if (!valid || in->null_count == 0) return FIRN_OK;
    bits = firn_alloc_aligned(bitmap_size_bytes(count) + 1);
    if (!bits) return firn_fail_memory(err, "taken rows");
    memset(bits, 0, bitmap_size_bytes(count) + 1);
    for (size_t i = 0; i < count; i++) {
        if (bitmap_get(valid, (size_t) in->offset + indexes[i])) bitmap_set(bits, i);
    }
    own->buffers[0] = bits;
    out->null_count = (int64_t) (count - bitmap_count(bits, 0, count));
    return FIRN_OK;
}

static firn_status
take_fixed(const struct ArrowArray *in, unsigned size, const uint32_t indexes[], size_t count, taken *own,
           firn_error *err)
{
    size_t         bytes;
    const uint8_t *from = (const uint8_t *) in->buffers[1] + (size_t) in->offset * size;
    uint8_t       *to;

    if (!firn_mul_size(count, size, &bytes) || !(to = firn_alloc_aligned(bytes + 1)))
        return firn_fail_memory(err, "taken rows");
    own->buffers[1] = to;
    switch (size) {
    case 4:
        for (size_t i = 0; i < count; i++)
            memcpy(to + i * 4, from + (size_t) indexes[i] * 4, 4);
        break;
    case 8:
        for (size_t i = 0; i < count; i++)
            memcpy(to + i * 8, from + (size_t) indexes[i] * 8, 8);
        break;
    default:
        for (size_t i = 0; i < count; i++)
            memcpy(to + i * size, from + (size_t) indexes[i] * size, size);
        break;
    }
    return FIRN_OK;
}

static firn_status
take_bits(const struct ArrowArray *in, const uint32_t indexes[], size_t count, taken *own, firn_error *err)
{
    uint8_t *to = firn_alloc_aligned(bitmap_size_bytes(count) + 1);

    if (!to) return firn_fail_memory(err, "taken rows");
    memset(to, 0, bitmap_size_bytes(count) + 1);
    for (size_t i = 0; i < count; i++) {
        if (bitmap_get(in->buffers[1], (size_t) in->offset + indexes[i])) bitmap_set(to, i);
    }
    own->buffers[1] = to;
    return FIRN_OK;
}

/* New offsets for the rows taken; *ret_total is what the child or the bytes will hold. */
static firn_status
take_offsets(const struct ArrowArray *in, const uint32_t indexes[], size_t count, taken *own, size_t *ret_total,
             firn_error *err)
{
    const int32_t *from = (const int32_t *) in->buffers[1] + in->offset;
    int32_t       *to = firn_alloc_aligned((count + 1) * sizeof *to);
    int64_t        total = 0;

    if (!to) return firn_fail_memory(err, "taken rows");
    own->buffers[1] = to;
    to[0] = 0;
    for (size_t i = 0; i < count; i++) {
        total += from[indexes[i] + 1] - from[indexes[i]];
        if (total > INT32_MAX)
            return firn_fail(err, FIRN_E_TYPE_UNSUPPORTED, "a batch column would pass 2 GiB; lower batch_size");
        to[i + 1] = (int32_t) total;
    }
    *ret_total = (size_t) total;
    return FIRN_OK;
}

static firn_status
take_bytes(const struct ArrowArray *in, const uint32_t indexes[], size_t count, taken *own, firn_error *err)
{
    size_t         total = 0;
    const int32_t *from = (const int32_t *) in->buffers[1] + in->offset;
    const uint8_t *bytes = in->buffers[2];
    uint8_t       *to;

    FIRN_TRY(take_offsets(in, indexes, count, own, &total, err));
    if (!(to = firn_alloc_aligned(total + 1))) return firn_fail_memory(err, "taken rows");
    own->buffers[2] = to;
    for (size_t i = 0; i < count; i++) {
        size_t size = (size_t) (from[indexes[i] + 1] - from[indexes[i]]);
        if (size) memcpy(to, bytes + from[indexes[i]], size);
        to += size;
    }
    return FIRN_OK;
}

static firn_status take_column(const data_type *type, const struct ArrowArray *in, const uint32_t indexes[],
                               size_t count, struct ArrowArray *out, firn_error *err);

/* A map's child is a struct of key and value that has no data_type of its own. */
static firn_status
take_fields(const schema_field fields[], unsigned field_count, const struct ArrowArray *in, const uint32_t indexes[],
            size_t count, struct ArrowArray *out, firn_error *err)
{
    for (unsigned i = 0; i < field_count; i++) {
        struct ArrowArray child = *in->children[i];
        /* A struct's own offset shifts its children too. */
        child.offset += in->offset;
        FIRN_TRY(take_column(fields[i].type, &child, indexes, count, out->children[i], err));
    }
    return FIRN_OK;
}

static firn_status
take_elements(const data_type *type, const struct ArrowArray *in, const uint32_t indexes[], size_t count, taken *own,
              struct ArrowArray *out, firn_error *err)
{
    FIRN_AUTO(firn_freep) uint32_t *child_indexes = NULL;
    const int32_t                  *from = (const int32_t *) in->buffers[1] + in->offset;
    size_t                          total = 0, at = 0;
    taken                          *entry_own;

    FIRN_TRY(take_offsets(in, indexes, count, own, &total, err));
    child_indexes = firn_alloc((total + 1) * sizeof *child_indexes);
    if (!child_indexes) return firn_fail_memory(err, "taken rows");
    for (size_t i = 0; i < count; i++) {
        for (int32_t j = from[indexes[i]]; j < from[indexes[i] + 1]; j++)
            child_indexes[at++] = (uint32_t) j;
    }
    if (type->kind == TYPE_LIST)
        return take_column(type->fields[0].type, in->children[0], child_indexes, total, out->children[0], err);

    FIRN_TRY(taken_begin(total, 1, 2, out->children[0], &entry_own, err));
    return take_fields(type->fields, 2, in->children[0], child_indexes, total, out->children[0], err);
}

static firn_status
take_values(const data_type *type, const struct ArrowArray *in, const uint32_t indexes[], size_t count, taken *own,
            struct ArrowArray *out, firn_error *err)
{
    FIRN_TRY(take_validity(in, indexes, count, own, out, err));
    if (type->kind == TYPE_BOOLEAN) return take_bits(in, indexes, count, own, err);
    if (type->kind == TYPE_STRING || type->kind == TYPE_BINARY) return take_bytes(in, indexes, count, own, err);
    if (type->kind == TYPE_STRUCT) return take_fields(type->fields, type->field_count, in, indexes, count, out, err);
    if (type->kind == TYPE_LIST || type->kind == TYPE_MAP)
        return take_elements(type, in, indexes, count, own, out, err);
    return take_fixed(in, data_type_value_size(type), indexes, count, own, err);
}

static firn_status
take_column(const data_type *type, const struct ArrowArray *in, const uint32_t indexes[], size_t count,
            struct ArrowArray *out, firn_error *err)
{
    bool     bytes = type->kind == TYPE_STRING || type->kind == TYPE_BINARY;
    int64_t  buffer_count = type->kind == TYPE_STRUCT ? 1 : bytes ? 3 : 2;
    unsigned child_count = type->kind == TYPE_STRUCT ? type->field_count : type_is_nested(type->kind) ? 1 : 0;
    taken   *own;

    FIRN_TRY(taken_begin(count, buffer_count, child_count, out, &own, err));
    if (take_values(type, in, indexes, count, own, out, err)) {
        taken_release(out);
        return err->status;
    }
    return FIRN_OK;
}

firn_status
batch_take(table_schema *schema, const struct ArrowArray *rows, const uint32_t indexes[], size_t index_count,
           struct ArrowArray *ret_array, firn_error *err)
{
    data_type type = {.kind = TYPE_STRUCT, .field_count = schema->field_count, .fields = schema->fields};

    return take_column(&type, rows, indexes, index_count, ret_array, err);
}
