#include "parquet/record_assembler.h"

#include "base/alloc.h"
#include "base/bitmap.h"
#include "base/bytes.h"
#include "batch/array.h"
#include "parquet/default_value.h"

typedef struct assembly {
    column_reader *columns;
    read_budget   *budget;
    firn_error    *err;
} assembly;

static firn_status assemble(const assembly *a, const plan_node *node, int64_t slot_count, struct ArrowArray *ret_array);

static firn_status
no_memory(const assembly *a)
{
    return firn_fail_memory(a->err, "a batch of a Parquet file");
}

static firn_status
disagree(const assembly *a, const plan_node *node)
{
    return firn_fail(a->err, FIRN_E_PARQUET_CORRUPT, "the parts of column '%s' disagree on their number of values",
                     node->field->name);
}

/* Where levels begin a slot of the node, and whether it is null. */
typedef struct slot_levels {
    const uint8_t *definitions, *repetitions; /* repetitions NULL: all 0 */
    size_t         count;
    uint8_t        repetition, slot_definition, definition;
} slot_levels;

static slot_levels
levels_of(const assembly *a, const plan_node *node)
{
    const column_reader *c = &a->columns[node->column];
    /* Below no further list than the node's own context every entry begins a slot. */
    return (slot_levels){
        c->definitions.data,         c->leaf->repetition > node->file->repetition ? c->repetitions.data : NULL,
        (size_t) c->entry_count,     node->file->repetition,
        node->file->slot_definition, node->file->definition};
}

/* The loops below have no branches on data; `has_repetitions` is a constant in each. */

static inline __attribute__((always_inline)) bool
is_slot(const slot_levels *l, size_t i, bool has_repetitions)
{
    bool is_there = l->definitions[i] >= l->slot_definition;
    return has_repetitions ? is_there & (l->repetitions[i] <= l->repetition) : is_there;
}

static size_t
count_slots(const slot_levels *l)
{
    size_t count = 0;
    if (l->slot_definition == 0 && !l->repetitions) return l->count;
    if (l->repetitions) {
        for (size_t i = 0; i < l->count; i++)
            count += is_slot(l, i, true);
    } else {
        for (size_t i = 0; i < l->count; i++)
            count += is_slot(l, i, false);
    }
    return count;
}

/* Sets the bits of the slots that are not null, and counts them. */
static inline __attribute__((always_inline)) size_t
fill_validity(const slot_levels *l, uint8_t *restrict bits, bool has_repetitions)
{
    size_t slot = 0, valid_count = 0;
    for (size_t i = 0; i < l->count; i++) {
        bool     slot_here = is_slot(l, i, has_repetitions);
        unsigned valid = slot_here & (l->definitions[i] >= l->definition);
        bits[slot >> 3] = (uint8_t) (bits[slot >> 3] | valid << (slot & 7));
        slot += slot_here;
        valid_count += valid;
    }
    return valid_count;
}

/* Writes where the elements of each slot begin; returns their number. */
static inline __attribute__((always_inline)) uint64_t
fill_offsets(const slot_levels *l, int32_t *restrict offsets, bool has_repetitions)
{
    size_t   slot = 0;
    uint64_t elements = 0;
    for (size_t i = 0; i < l->count; i++) {
        offsets[slot] = (int32_t) (uint32_t) elements;
        slot += is_slot(l, i, has_repetitions);
        bool in_element = l->definitions[i] > l->definition;
        elements += has_repetitions ? in_element & (l->repetitions[i] <= l->repetition + 1) : in_element;
    }
    return elements;
}

/* Validity of the slots; no bitmap where all are valid. */
static firn_status
build_validity(const assembly *a, const slot_levels *l, size_t slot_count, struct ArrowArray *array)
{
    array->length = (int64_t) slot_count;
    if (l->definition == l->slot_definition) return FIRN_OK;
    /* One byte more: the last entry may not begin a slot. */
    uint8_t *bits = firn_alloc_aligned(bitmap_size_bytes(slot_count) + 1);
    if (!bits) return no_memory(a);
    memset(bits, 0, bitmap_size_bytes(slot_count) + 1);
    size_t valid = l->repetitions ? fill_validity(l, bits, true) : fill_validity(l, bits, false);
    array->null_count = (int64_t) (slot_count - valid);
    if (array->null_count > 0) {
        array->buffers[0] = bits;
    } else {
        firn_free(bits);
    }
    return FIRN_OK;
}

/* Offsets of a list or map from the levels of one leaf below it. */
static firn_status
build_offsets(const assembly *a, const slot_levels *l, size_t slot_count, int64_t *ret_element_count,
              struct ArrowArray *array)
{
    int32_t *offsets = firn_alloc_aligned((slot_count + 1) * sizeof *offsets);
    if (!offsets) return no_memory(a);
    array->buffers[1] = offsets;
    uint64_t elements = l->repetitions ? fill_offsets(l, offsets, true) : fill_offsets(l, offsets, false);
    if (elements > INT32_MAX)
        return firn_fail(a->err, FIRN_E_PARQUET_LIMIT, "a batch of lists would have more than 2^31 elements");
    offsets[slot_count] = (int32_t) elements;
    /* Levels that go on with a list that has not begun. */
    if (offsets[0] != 0) return firn_fail(a->err, FIRN_E_PARQUET_CORRUPT, "a column has elements outside of its lists");
    *ret_element_count = (int64_t) elements;
    return FIRN_OK;
}

static firn_status
take_buffer(const assembly *a, firn_buffer *from, const void **to)
{
    void *data = budget_take(a->budget, from);
    if (!data) data = firn_alloc_aligned(1);
    *to = data;
    return data ? FIRN_OK : no_memory(a);
}

/* Booleans come as bytes. */
static firn_status
pack_booleans(const assembly *a, const column_reader *c, struct ArrowArray *array)
{
    size_t   count = (size_t) array->length;
    uint8_t *bits = firn_alloc_aligned(bitmap_size_bytes(count) + 1);
    if (!bits) return no_memory(a);
    array->buffers[1] = bits;
    for (size_t i = 0; i < bitmap_size_bytes(count); i++) {
        unsigned byte = 0;
        size_t   end = count - i * 8 < 8 ? count - i * 8 : 8;
        for (size_t k = 0; k < end; k++)
            byte |= (unsigned) (c->out.data.data[i * 8 + k] & 1) << k;
        bits[i] = (uint8_t) byte;
    }
    return FIRN_OK;
}

/* The values lie in their rows: buffers move. */
static firn_status
finish_leaf(const assembly *a, column_reader *c, struct ArrowArray *array)
{
    if (c->conversion.out_size == 0) {
        FIRN_TRY(take_buffer(a, &c->out.offsets, &array->buffers[1]));
        return take_buffer(a, &c->out.data, &array->buffers[2]);
    }
    if (c->values.type == PARQUET_BOOLEAN) return pack_booleans(a, c, array);
    return take_buffer(a, &c->out.data, &array->buffers[1]);
}

static firn_status
assemble_flat(const assembly *a, column_reader *c, int64_t slot_count, struct ArrowArray *array)
{
    array->length = slot_count;
    array->null_count = (int64_t) c->null_count;
    if (c->null_count > 0) FIRN_TRY(take_buffer(a, &c->valid, &array->buffers[0]));
    return finish_leaf(a, c, array);
}

/* Dense values to slots, by the bitmap; a null slot holds the value that follows, which costs no branch. Reads
 * one value behind the last: the slack. */
#define DEFINE_SCATTER(size_)                                                                                          \
    static void scatter_##size_(const uint8_t *restrict from, const uint8_t *valid, size_t slot_count,                 \
                                uint8_t *restrict to)                                                                  \
    {                                                                                                                  \
        for (size_t slot = 0; slot < slot_count; slot++) {                                                             \
            memcpy(to + slot * (size_), from, (size_));                                                                \
            from += bitmap_get(valid, slot) ? (size_) : 0;                                                             \
        }                                                                                                              \
    }

DEFINE_SCATTER(1)
DEFINE_SCATTER(4)
DEFINE_SCATTER(8)
DEFINE_SCATTER(16)

static void
scatter(const uint8_t *from, size_t size, const uint8_t *valid, size_t slot_count, uint8_t *to)
{
    switch (size) {
    case 1:
        scatter_1(from, valid, slot_count, to);
        return;
    case 4:
        scatter_4(from, valid, slot_count, to);
        return;
    case 8:
        scatter_8(from, valid, slot_count, to);
        return;
    case 16:
        scatter_16(from, valid, slot_count, to);
        return;
    default:
        break;
    }
    for (size_t slot = 0; slot < slot_count; slot++, to += size) {
        if (bitmap_get(valid, slot)) {
            memcpy(to, from, size);
            from += size;
        } else {
            memset(to, 0, size);
        }
    }
}

static void
scatter_offsets(const uint8_t *from, const uint8_t *valid, size_t slot_count, uint8_t *to)
{
    uint32_t end = load_le32(from);
    store_le32(to, end);
    for (size_t slot = 0; slot < slot_count; slot++) {
        if (bitmap_get(valid, slot)) {
            from += 4;
            end = load_le32(from);
        }
        store_le32(to + 4 * (slot + 1), end);
    }
}

/* Makes room for the null slots among the dense values of the column. */
static firn_status
spread_leaf(const assembly *a, column_reader *c, const uint8_t *valid, size_t slot_count)
{
    firn_buffer *values = c->conversion.out_size ? &c->out.data : &c->out.offsets;
    size_t       size = c->conversion.out_size ? c->conversion.out_size : 4;
    firn_buffer  out = {0};

    FIRN_TRY(budget_reserve(a->budget, &out, (slot_count + 1) * size, a->err));
    if (c->conversion.out_size > 0) {
        memset(values->data + values->size, 0, VALUE_SLACK);
        scatter(values->data, size, valid, slot_count, out.data);
        out.size = slot_count * size;
    } else {
        scatter_offsets(values->data, valid, slot_count, out.data);
        out.size = (slot_count + 1) * size;
    }
    budget_release(a->budget, values);
    *values = out;
    return FIRN_OK;
}

static firn_status
assemble_leaf(const assembly *a, const plan_node *node, int64_t slot_count, struct ArrowArray *array)
{
    column_reader *c = &a->columns[node->column];
    if (c->is_flat) return assemble_flat(a, c, slot_count, array);

    slot_levels levels = levels_of(a, node);
    size_t      slots = count_slots(&levels);
    if ((int64_t) slots != slot_count) return disagree(a, node);
    FIRN_TRY(build_validity(a, &levels, slots, array));
    FIRN_TRY(leaf_values_reserve(&c->out, &c->conversion, 0, a->budget, a->err));
    if (c->out.count + (size_t) array->null_count != slots) return disagree(a, node);
    if (array->null_count > 0) FIRN_TRY(spread_leaf(a, c, array->buffers[0], slots));
    return finish_leaf(a, c, array);
}

static firn_status
assemble_struct(const assembly *a, const plan_node *node, int64_t slot_count, struct ArrowArray *array)
{
    slot_levels levels = levels_of(a, node);
    if ((int64_t) count_slots(&levels) != slot_count) return disagree(a, node);
    FIRN_TRY(build_validity(a, &levels, (size_t) slot_count, array));
    for (unsigned i = 0; i < node->child_count; i++)
        FIRN_TRY(assemble(a, &node->children[i], slot_count, array->children[i]));
    return FIRN_OK;
}

static firn_status
assemble_list(const assembly *a, const plan_node *node, int64_t slot_count, struct ArrowArray *array)
{
    slot_levels levels = levels_of(a, node);
    int64_t     element_count = 0;
    if ((int64_t) count_slots(&levels) != slot_count) return disagree(a, node);
    FIRN_TRY(build_validity(a, &levels, (size_t) slot_count, array));
    FIRN_TRY(build_offsets(a, &levels, (size_t) slot_count, &element_count, array));
    if (node->kind == PLAN_LIST) return assemble(a, &node->children[0], element_count, array->children[0]);

    struct ArrowArray *pairs = array->children[0];
    if (!array_init(pairs, 1, 2)) return no_memory(a);
    pairs->length = element_count;
    FIRN_TRY(assemble(a, &node->children[0], element_count, pairs->children[0]));
    return assemble(a, &node->children[1], element_count, pairs->children[1]);
}

/* `ret_array` is zeroed or ours to release, whatever the result. */
static firn_status
assemble(const assembly *a, const plan_node *node, int64_t slot_count, struct ArrowArray *ret_array)
{
    static const int64_t buffer_counts[] = {[PLAN_STRUCT] = 1, [PLAN_LIST] = 2, [PLAN_MAP] = 2};

    if (node->kind == PLAN_MISSING) return default_array(node->field, slot_count, a->budget, ret_array, a->err);
    int64_t children = node->kind == PLAN_MAP ? 1 : (int64_t) node->child_count;
    int64_t buffers =
        node->kind == PLAN_LEAF ? (a->columns[node->column].conversion.out_size ? 2 : 3) : buffer_counts[node->kind];
    if (!array_init(ret_array, buffers, children)) return no_memory(a);
    switch (node->kind) {
    case PLAN_LEAF:
        return assemble_leaf(a, node, slot_count, ret_array);
    case PLAN_STRUCT:
        return assemble_struct(a, node, slot_count, ret_array);
    case PLAN_LIST:
    case PLAN_MAP:
        return assemble_list(a, node, slot_count, ret_array);
    case PLAN_MISSING:
        break;
    }
    return FIRN_OK;
}

firn_status
record_assemble(const plan_node *node, column_reader columns[], int64_t row_count, read_budget *budget,
                struct ArrowArray *ret_array, firn_error *err)
{
    assembly a = {columns, budget, err};
    return assemble(&a, node, row_count, ret_array);
}
