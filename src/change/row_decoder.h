/*
 * Interface: tuples of one relation → batches, with the values, policies and errors of a load.
 *
 * Columns: those of the description, one batch column each
 * Errors:  as in the load, naming table, column and key
 * Damage:  where the owner sets `collects_damage`, a value that was lost on its way (Debezium) is null in the batch, also in a required
 *          column, and noted: the owner puts the right one there. Else the decoder treats it, or fails
 * Holes:   TUPLE_UNCHANGED becomes a null, also in a required column, where tuple->has_unchanged says so: the caller puts
 *          the value there. Else it is an error.
 * Threads: one decoder, one thread
 */
#ifndef FIRN_CHANGE_ROW_DECODER_H
#define FIRN_CHANGE_ROW_DECODER_H

#include "batch/batch.h"
#include "change/change.h"

typedef struct row_decoder row_decoder;

typedef struct row_damage {
    uint32_t    row;    /* in the batch */
    unsigned    column; /* of the batch */
    const char *loss;   /* what was lost, and what would keep it; static */
} row_damage;

typedef struct row_decoder_ops {
    firn_status (*append)(row_decoder *decoder, const change_tuple *tuple, firn_error *err);
    firn_status (*take)(row_decoder *decoder, batch *ret_batch, firn_error *err);
    void (*free)(row_decoder *decoder);
} row_decoder_ops;

struct row_decoder {
    const row_decoder_ops *ops;
    table_schema          *schema;        /* of the batches; referenced by the implementation */
    size_t                 row_count;     /* in the batch at work */
    size_t                 size_bytes;    /* of tuples in it */
    uint64_t               coerced_count; /* values treated by a policy other than error, over all batches */
    bool                   collects_damage;
    const row_damage      *damage;       /* of the batch at work, or of the one that was taken last: until the next append; by row, then column */
    size_t                 damage_count;
};

/* One row. On failure the row is not in the batch; what was before it stays. */
FIRN_MUST_USE static inline firn_status
row_decoder_append(row_decoder *decoder, const change_tuple *tuple, firn_error *err)
{
    return decoder->ops->append(decoder, tuple, err);
}

/* Moves the rows so far out; an empty batch (release == NULL) where there are none. */
FIRN_MUST_USE static inline firn_status
row_decoder_take(row_decoder *decoder, batch *ret_batch, firn_error *err)
{
    return decoder->ops->take(decoder, ret_batch, err);
}

static inline void
row_decoder_free(row_decoder *decoder)
{
    if (decoder) decoder->ops->free(decoder);
}
FIRN_DEFINE_FREEP(row_decoder, row_decoder_free)

#endif
