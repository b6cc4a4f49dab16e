#include "postgres/copy_batch.h"

#include "base/alloc.h"

/* The struct array over the columns. */
typedef struct batch_owner {
    const void         *buffers[1];
    struct ArrowArray **children;
    struct ArrowArray  *child_arrays;
} batch_owner;

static void
release_batch(struct ArrowArray *array)
{
    batch_owner *owner = array->private_data;
    for (int64_t i = 0; i < array->n_children; i++)
        if (owner->child_arrays[i].release) owner->child_arrays[i].release(&owner->child_arrays[i]);
    firn_free(owner->children);
    firn_free(owner->child_arrays);
    firn_free(owner);
    array->release = NULL;
}

firn_status
copy_batch_take(copy_column columns[], unsigned column_count, size_t row_count, table_schema *schema, batch *ret_batch,
                firn_error *err)
{
    *ret_batch = (batch){0};
    if (row_count == 0) return FIRN_OK;

    batch_owner *owner = firn_calloc(1, sizeof *owner);
    if (!owner) return firn_fail_memory(err, "a batch");
    owner->children = firn_calloc(column_count, sizeof *owner->children);
    owner->child_arrays = firn_calloc(column_count, sizeof *owner->child_arrays);
    struct ArrowArray array = {
        .length = (int64_t) row_count,
        .n_buffers = 1,
        .buffers = owner->buffers,
        .children = owner->children,
        .release = release_batch,
        .private_data = owner,
    };
    if (!owner->children || !owner->child_arrays) {
        release_batch(&array);
        return firn_fail_memory(err, "a batch");
    }
    array.n_children = column_count;
    for (unsigned i = 0; i < column_count; i++) {
        owner->children[i] = &owner->child_arrays[i];
        if (copy_column_finish(&columns[i], row_count, owner->children[i], err)) {
            release_batch(&array);
            return err->status;
        }
    }
    batch_init(ret_batch, schema, &array);
    return FIRN_OK;
}
