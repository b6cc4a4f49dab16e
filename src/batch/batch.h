/*
 * Rows of one table in Arrow's C data layout: `array` is a struct array whose children are the
 * columns of `schema`, in order. A batch has exactly one owner; queues move it.
 */
#ifndef FIRN_BATCH_BATCH_H
#define FIRN_BATCH_BATCH_H

#include "batch/schema.h"

typedef struct batch {
    table_schema     *schema; /* referenced */
    struct ArrowArray array;  /* release == NULL: an empty batch = end of data */
} batch;

/* Takes the array and a reference to the schema. */
void           batch_init(batch *b, table_schema *schema, struct ArrowArray *take_array);
void           batch_done(batch *b);
void           batch_move(batch *from, batch *to);
static inline int64_t
batch_row_count(const batch *b)
{
    return b->array.release ? b->array.length : 0;
}
/* Bytes of all buffers of an array, children included, as its type needs them. */
uint64_t array_size_bytes(const struct ArrowArray *array, const data_type *type);
uint64_t batch_size_bytes(const batch *b);

/* Interface: the next batch until an empty one. */
typedef struct batch_reader batch_reader;
typedef struct batch_reader_ops {
    firn_status (*next)(batch_reader *reader, batch *ret_batch, firn_error *err);
    void (*free)(batch_reader *reader);
} batch_reader_ops;
struct batch_reader {
    const batch_reader_ops *ops;
    table_schema           *schema; /* of every batch; referenced by the implementation */
};

/* FIRN_OK with a batch, or FIRN_OK with an empty batch at the end. */
FIRN_MUST_USE static inline firn_status
batch_reader_next(batch_reader *reader, batch *ret_batch, firn_error *err)
{
    return reader->ops->next(reader, ret_batch, err);
}

static inline void
batch_reader_free(batch_reader *reader)
{
    if (reader) reader->ops->free(reader);
}
FIRN_DEFINE_FREEP(batch_reader, batch_reader_free)

#endif
