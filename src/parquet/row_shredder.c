#include "parquet/row_shredder.h"

#include "base/bitmap.h"

#define SCRATCH_SIZE_MAX ((size_t) 1 << 34)

static const uint32_t no_value = UINT32_MAX;
static const uint8_t  nothing[8];

void
row_shredder_init(row_shredder *s)
{
    *s = (row_shredder){0};
    firn_buffer *all[] = {&s->index[0],      &s->index[1], &s->definition[0], &s->definition[1], &s->repetition[0],
                          &s->repetition[1], &s->values,   &s->starts,        &s->ends};
    for (size_t i = 0; i < FIRN_COUNT(all); i++)
        firn_buffer_init(all[i], SCRATCH_SIZE_MAX);
}

void
row_shredder_done(row_shredder *s)
{
    for (unsigned i = 0; i < 2; i++) {
        firn_buffer_done(&s->index[i]);
        firn_buffer_done(&s->definition[i]);
        firn_buffer_done(&s->repetition[i]);
    }
    firn_buffer_done(&s->values);
    firn_buffer_done(&s->starts);
    firn_buffer_done(&s->ends);
}

size_t
row_shredder_memory_bytes(const row_shredder *s)
{
    size_t size = s->values.capacity + s->starts.capacity + s->ends.capacity;
    for (unsigned i = 0; i < 2; i++)
        size += s->index[i].capacity + s->definition[i].capacity + s->repetition[i].capacity;
    return size;
}

/* The array of the leaf's next field below `array`, and what to add to an index into `array` on the way. */
static const struct ArrowArray *
child_of(const parquet_leaf *leaf, unsigned level, const struct ArrowArray *array, int64_t *ret_shift)
{
    const struct ArrowArray *child = array;
    *ret_shift = 0;
    if (leaf->fields[level]->type->kind == TYPE_MAP) {
        child = child->children[0];
        *ret_shift = child->offset;
        assert(child->n_children == 2);
    }
    assert(leaf->child_index[level] < child->n_children);
    return child->children[leaf->child_index[level]];
}

static bool
is_list(type_kind kind)
{
    return kind == TYPE_LIST || kind == TYPE_MAP;
}

/* Slots below rows [from, from + row_count), an upper bound where nulls hide elements, and their PLAIN bytes. */
static void
measure(const parquet_leaf *leaf, const struct ArrowArray *rows, size_t from, size_t row_count, size_t *ret_slots,
        size_t *ret_bytes)
{
    const struct ArrowArray *array = rows->children[leaf->column_index];
    int64_t                  low = rows->offset + (int64_t) from, high = low + (int64_t) row_count;
    for (unsigned level = 0;; level++) {
        low += array->offset;
        high += array->offset;
        if (level + 1 == leaf->depth) break;
        if (is_list(leaf->fields[level]->type->kind) && high > low) {
            const int32_t *offsets = array->buffers[1];
            low = offsets[low];
            high = offsets[high];
        }
        int64_t shift;
        array = child_of(leaf, level, array, &shift);
        low += shift;
        high += shift;
    }
    size_t count = (size_t) (high - low);
    *ret_slots = count > row_count ? count : row_count;
    if (leaf->lane != LANE_BYTES) {
        static const size_t sizes[] = {
            [LANE_BOOL] = 1, [LANE_32] = 4, [LANE_64] = 8, [LANE_128] = 16, [LANE_BYTES] = 0};
        *ret_bytes = count * sizes[leaf->lane];
    } else if (leaf->type_length) {
        *ret_bytes = count * leaf->type_length;
    } else {
        const int32_t *offsets = array->buffers[1];
        *ret_bytes = count ? count * 4 + (size_t) (offsets[high] - offsets[low]) : 0;
    }
}

size_t
row_shredder_fit(const parquet_leaf *leaf, const struct ArrowArray *rows, size_t from, size_t row_count,
                 size_t slot_count_max, size_t size_bytes_max)
{
    size_t fits = 0, too_many = row_count + 1, next = row_count;
    while (fits + 1 < too_many) {
        size_t slots, bytes;
        measure(leaf, rows, from, next, &slots, &bytes);
        if (slots <= slot_count_max && bytes <= size_bytes_max) {
            fits = next;
        } else {
            too_many = next;
        }
        next = fits + (too_many - fits) / 2;
    }
    return fits;
}

static firn_status
fail_null(const parquet_leaf *leaf, const schema_field *field, firn_error *err)
{
    return firn_fail(err, FIRN_E_BUG, "required field '%s' of column '%s' holds a null", field->name, leaf->path[0]);
}

static firn_status
take_room(firn_buffer *buffer, size_t count, size_t size, void *ret_memory, firn_error *err)
{
    firn_buffer_reset(buffer);
    FIRN_TRY(firn_buffer_reserve(buffer, count * size + 16, err));
    *(void **) ret_memory = buffer->data;
    return FIRN_OK;
}

static void
unpack_bits(const uint8_t *bits, size_t from, size_t count, uint8_t *out)
{
    size_t i = 0;
    if (from % 8 == 0) {
        for (const uint8_t *byte = bits + from / 8; i + 8 <= count; i += 8) {
            uint64_t spread = (*byte++ * UINT64_C(0x0101010101010101)) & UINT64_C(0x8040201008040201);
            store_le64(out + i, ((spread + UINT64_C(0x7f7f7f7f7f7f7f7f)) >> 7) & UINT64_C(0x0101010101010101));
        }
    }
    for (; i < count; i++)
        out[i] = bitmap_get(bits, from + i);
}

/* All of [from, from + count) have values. */
static firn_status
view_range(row_shredder *s, const parquet_leaf *leaf, const struct ArrowArray *array, size_t from, size_t count,
           value_view *ret_view, firn_error *err)
{
    *ret_view = (value_view){.count = count};
    if (count == 0) return FIRN_OK;
    if (leaf->lane == LANE_BOOL) {
        uint8_t *bools;
        FIRN_TRY(take_room(&s->values, count, 1, &bools, err));
        unpack_bits(array->buffers[1], from, count, bools);
        ret_view->fixed = bools;
    } else if (leaf->lane != LANE_BYTES) {
        static const size_t sizes[] = {[LANE_BOOL] = 1, [LANE_32] = 4, [LANE_64] = 8, [LANE_128] = 16};
        ret_view->fixed = (const uint8_t *) array->buffers[1] + from * sizes[leaf->lane];
    } else if (leaf->type_length) {
        int32_t *starts, size = (int32_t) leaf->type_length;
        FIRN_TRY(take_room(&s->starts, count + 1, sizeof *starts, &starts, err));
        if (count > (size_t) INT32_MAX / leaf->type_length)
            return firn_fail(err, FIRN_E_TYPE_UNSUPPORTED, "one row of column '%s' has too many values", leaf->path[0]);
        for (size_t i = 0; i <= count; i++)
            starts[i] = (int32_t) i * size;
        ret_view->bytes = (const uint8_t *) array->buffers[1] + from * leaf->type_length;
        ret_view->starts = starts;
        ret_view->ends = starts + 1;
    } else {
        ret_view->starts = (const int32_t *) array->buffers[1] + from;
        ret_view->ends = ret_view->starts + 1;
        ret_view->bytes = array->buffers[2] ? array->buffers[2] : nothing;
    }
    return FIRN_OK;
}

#define GATHER(type)                                                                                                   \
    do {                                                                                                               \
        const type *from_ = (const type *) array->buffers[1];                                                          \
        type       *to_ = memory;                                                                                      \
        for (size_t i = 0; i < count; i++)                                                                             \
            to_[i] = from_[index[i]];                                                                                  \
    } while (0)

/* The values at `index`, ascending. */
static firn_status
view_picked(row_shredder *s, const parquet_leaf *leaf, const struct ArrowArray *array, const uint32_t *index,
            size_t count, value_view *ret_view, firn_error *err)
{
    if (count == 0 || index[count - 1] - index[0] + 1 == count)
        return view_range(s, leaf, array, count ? index[0] : 0, count, ret_view, err);

    *ret_view = (value_view){.count = count};
    if (leaf->lane != LANE_BYTES) {
        void *memory;
        FIRN_TRY(take_room(&s->values, count, sizeof(uint128), &memory, err));
        ret_view->fixed = memory;
        if (leaf->lane == LANE_BOOL) {
            for (size_t i = 0; i < count; i++)
                ((uint8_t *) memory)[i] = bitmap_get(array->buffers[1], index[i]);
        } else if (leaf->lane == LANE_32) {
            GATHER(uint32_t);
        } else if (leaf->lane == LANE_64) {
            GATHER(uint64_t);
        } else {
            GATHER(uint128);
        }
        return FIRN_OK;
    }
    int32_t *starts, *ends;
    FIRN_TRY(take_room(&s->starts, count, sizeof *starts, &starts, err));
    FIRN_TRY(take_room(&s->ends, count, sizeof *ends, &ends, err));
    ret_view->starts = starts;
    ret_view->ends = ends;
    if (leaf->type_length) {
        if (index[count - 1] - index[0] >= (size_t) INT32_MAX / leaf->type_length)
            return firn_fail(err, FIRN_E_TYPE_UNSUPPORTED, "one row of column '%s' has too many values", leaf->path[0]);
        ret_view->bytes = (const uint8_t *) array->buffers[1] + (size_t) index[0] * leaf->type_length;
        for (size_t i = 0; i < count; i++) {
            starts[i] = (int32_t) ((index[i] - index[0]) * leaf->type_length);
            ends[i] = starts[i] + (int32_t) leaf->type_length;
        }
        return FIRN_OK;
    }
    const int32_t *offsets = array->buffers[1];
    ret_view->bytes = array->buffers[2] ? array->buffers[2] : nothing;
    for (size_t i = 0; i < count; i++) {
        starts[i] = offsets[index[i]];
        ends[i] = offsets[index[i] + 1];
    }
    return FIRN_OK;
}

/* The indexes of set bits in [from, from + count). */
static size_t
list_set_bits(const uint8_t *bits, size_t from, size_t count, uint32_t *out)
{
    size_t found = 0, i = 0;
    while (i < count) {
        size_t at = from + i;
        if (at % 8 == 0 && count - i >= 64) {
            uint64_t word = load_le64(bits + at / 8);
            if (word == UINT64_MAX) {
                for (unsigned k = 0; k < 64; k++)
                    out[found + k] = (uint32_t) (at + k);
                found += 64;
            } else {
                for (; word; word &= word - 1)
                    out[found++] = (uint32_t) (at + (unsigned) __builtin_ctzll(word));
            }
            i += 64;
        } else {
            out[found] = (uint32_t) at;
            found += bitmap_get(bits, at);
            i++;
        }
    }
    return found;
}

static firn_status
cut_flat(row_shredder *s, const parquet_leaf *leaf, const struct ArrowArray *rows, size_t from, size_t row_count,
         leaf_rows *ret_rows, firn_error *err)
{
    const struct ArrowArray *array = rows->children[leaf->column_index];
    size_t                   first = (size_t) (array->offset + rows->offset) + from;
    const uint8_t           *valid = array->null_count != 0 ? array->buffers[0] : NULL;
    size_t                   null_count = valid ? row_count - bitmap_count(valid, first, row_count) : 0;

    *ret_rows = (leaf_rows){.row_count = row_count, .slot_count = row_count, .null_count = null_count};
    if (null_count == 0) return view_range(s, leaf, array, first, row_count, &ret_rows->values, err);
    if (leaf->definition_max == 0) return fail_null(leaf, leaf->field, err);

    uint32_t *index;
    FIRN_TRY(take_room(&s->index[0], row_count + 1, sizeof *index, &index, err));
    size_t found = list_set_bits(valid, first, row_count, index);
    ret_rows->valid = valid;
    ret_rows->valid_offset = first;
    return view_picked(s, leaf, array, index, found, &ret_rows->values, err);
}

/* Slots on their way down from the rows to the leaf. */
typedef struct slots {
    size_t    count;
    uint32_t *index; /* into the array of this level; no_value: a null or an empty list above */
    uint8_t  *definition, *repetition;
} slots;

static firn_status
slots_init(row_shredder *s, unsigned side, size_t count, slots *ret_slots, firn_error *err)
{
    ret_slots->count = count;
    FIRN_TRY(take_room(&s->index[side], count, sizeof(uint32_t), &ret_slots->index, err));
    FIRN_TRY(take_room(&s->definition[side], count, 1, &ret_slots->definition, err));
    return take_room(&s->repetition[side], count, 1, &ret_slots->repetition, err);
}

/* Index within the array, and one definition level more where an optional field has a value. */
static firn_status
apply_validity(const parquet_leaf *leaf, const schema_field *field, const struct ArrowArray *array, slots *at,
               firn_error *err)
{
    const uint8_t *valid = array->null_count != 0 ? array->buffers[0] : NULL;
    const uint32_t offset = (uint32_t) array->offset;
    const uint8_t  raise = !field->required;
    for (size_t i = 0; i < at->count; i++) {
        if (at->index[i] == no_value) continue;
        at->index[i] += offset;
        if (valid && !bitmap_get(valid, at->index[i])) {
            if (field->required) return fail_null(leaf, field, err);
            at->index[i] = no_value;
        } else {
            at->definition[i] = (uint8_t) (at->definition[i] + raise);
        }
    }
    return FIRN_OK;
}

/* Each slot becomes its elements; a null or an empty list stays one slot. */
static firn_status
expand_lists(row_shredder *s, unsigned side, const struct ArrowArray *array, uint8_t repetition_level, const slots *at,
             slots *ret_slots, firn_error *err)
{
    const int32_t *offsets = array->buffers[1];
    size_t         count = 0;
    for (size_t i = 0; i < at->count; i++) {
        size_t size = at->index[i] == no_value ? 0 : (size_t) (offsets[at->index[i] + 1] - offsets[at->index[i]]);
        count += size ? size : 1;
    }
    FIRN_TRY(slots_init(s, side, count, ret_slots, err));
    size_t out = 0;
    for (size_t i = 0; i < at->count; i++) {
        size_t size = at->index[i] == no_value ? 0 : (size_t) (offsets[at->index[i] + 1] - offsets[at->index[i]]);
        if (size == 0) {
            ret_slots->index[out] = no_value;
            ret_slots->definition[out] = at->definition[i];
            ret_slots->repetition[out++] = at->repetition[i];
            continue;
        }
        for (size_t k = 0; k < size; k++, out++) {
            ret_slots->index[out] = (uint32_t) offsets[at->index[i]] + (uint32_t) k;
            ret_slots->definition[out] = (uint8_t) (at->definition[i] + 1);
            ret_slots->repetition[out] = k ? repetition_level : at->repetition[i];
        }
    }
    return FIRN_OK;
}

static firn_status
cut_nested(row_shredder *s, const parquet_leaf *leaf, const struct ArrowArray *rows, size_t from, size_t row_count,
           leaf_rows *ret_rows, firn_error *err)
{
    const struct ArrowArray *array = rows->children[leaf->column_index];
    slots                    at = {0};
    unsigned                 side = 0;
    uint8_t                  repetition_level = 0;

    FIRN_TRY(slots_init(s, side, row_count, &at, err));
    for (size_t i = 0; i < row_count; i++)
        at.index[i] = (uint32_t) (rows->offset + (int64_t) (from + i));
    memset(at.definition, 0, row_count);
    memset(at.repetition, 0, row_count);
    for (unsigned level = 0;; level++) {
        FIRN_TRY(apply_validity(leaf, leaf->fields[level], array, &at, err));
        if (level + 1 == leaf->depth) break;
        if (is_list(leaf->fields[level]->type->kind)) {
            slots below = {0};
            side = !side;
            FIRN_TRY(expand_lists(s, side, array, ++repetition_level, &at, &below, err));
            at = below;
        }
        int64_t shift;
        array = child_of(leaf, level, array, &shift);
        if (shift == 0) continue;
        for (size_t i = 0; i < at.count; i++) {
            if (at.index[i] != no_value) at.index[i] += (uint32_t) shift;
        }
    }

    size_t found = 0;
    for (size_t i = 0; i < at.count; i++) {
        if (at.index[i] != no_value) at.index[found++] = at.index[i];
    }
    *ret_rows = (leaf_rows){.row_count = row_count,
                            .slot_count = at.count,
                            .null_count = at.count - found,
                            .definition = leaf->definition_max ? at.definition : NULL,
                            .repetition = leaf->repetition_max ? at.repetition : NULL};
    return view_picked(s, leaf, array, at.index, found, &ret_rows->values, err);
}

firn_status
row_shredder_cut(row_shredder *s, const parquet_leaf *leaf, const struct ArrowArray *rows, size_t from,
                 size_t row_count, leaf_rows *ret_rows, firn_error *err)
{
    if (leaf->depth == 1) return cut_flat(s, leaf, rows, from, row_count, ret_rows, err);
    return cut_nested(s, leaf, rows, from, row_count, ret_rows, err);
}
