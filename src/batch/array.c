#include "batch/array.h"

#include <stddef.h>

#include "base/alloc.h"

typedef struct array_owned {
    const void        *buffers[ARRAY_BUFFERS_MAX];
    struct ArrowArray *children; /* where the pointers in child_slots show */
    struct ArrowArray *child_slots[];
} array_owned;

static void
release_array(struct ArrowArray *array)
{
    array_owned *owned = array->private_data;

    for (int64_t i = 0; i < array->n_children; i++) {
        array_done(array->children[i]);
    }
    for (size_t i = 0; i < ARRAY_BUFFERS_MAX; i++) {
        void *memory;
        __builtin_memcpy(&memory, &owned->buffers[i], sizeof memory); /* ours: the const is only the ABI's */
        firn_free(memory);
    }
    firn_free(owned->children);
    firn_free(owned);
    array->release = NULL;
}

bool
array_init(struct ArrowArray *ret_array, int64_t buffer_count, int64_t child_count)
{
    array_owned *owned;

    assert(buffer_count >= 0 && buffer_count <= ARRAY_BUFFERS_MAX && child_count >= 0 && child_count <= INT32_MAX);
    owned = firn_calloc(1, sizeof *owned + (size_t) child_count * sizeof(struct ArrowArray *));
    if (!owned) return false;
    if (child_count > 0) {
        owned->children = firn_calloc((size_t) child_count, sizeof *owned->children);
        if (!owned->children) {
            firn_free(owned);
            return false;
        }
    }
    for (int64_t i = 0; i < child_count; i++) {
        owned->child_slots[i] = &owned->children[i];
    }
    *ret_array = (struct ArrowArray){
        .n_buffers = buffer_count,
        .n_children = child_count,
        .buffers = owned->buffers,
        .children = child_count > 0 ? owned->child_slots : NULL,
        .release = release_array,
        .private_data = owned,
    };
    return true;
}

void
array_done(struct ArrowArray *array)
{
    if (array->release) {
        array->release(array);
        array->release = NULL;
    }
}

void
array_move(struct ArrowArray *from, struct ArrowArray *to)
{
    *to = *from;
    from->release = NULL;
}
