/*
 * PostgreSQL's COPY BINARY bytes → Arrow columns. Pure: bytes in, batches out.
 *
 * Spec:    PostgreSQL documentation, "COPY", "Binary Format"; the binary forms of the types are those of
 *          their send functions in the server's source
 * Shape:   signature, flags, extension; then per row an int16 field count and per field int32 length
 *          (-1: null) and bytes; int16 -1 ends the stream
 * Input:   whole CopyData messages: the server never splits a row over two of them
 * Output:  batches of at most batch_rows rows and about batch_bytes bytes; buffers are fresh per batch
 *          and belong to it. A column gets a validity bitmap with its first null.
 * Hostile: each length is checked against the message before use, nothing is allocated from a count
 *          that the remaining bytes could not hold; at most COPY_NESTING_MAX levels
 * Threads: one decoder, one thread
 */
#ifndef FIRN_POSTGRES_COPY_DECODE_H
#define FIRN_POSTGRES_COPY_DECODE_H

#include "batch/batch.h"
#include "postgres/copy_layout.h"

#define COPY_NESTING_MAX 32

typedef struct copy_decoder copy_decoder;

/* Borrows `layout`. batch_rows and batch_bytes: 0 chooses. */
FIRN_MUST_USE firn_status copy_decoder_new(const copy_layout *layout, size_t batch_rows, size_t batch_bytes,
                                           copy_decoder **ret_decoder, firn_error *err);
void copy_decoder_free(copy_decoder *d);
FIRN_DEFINE_FREEP(copy_decoder, copy_decoder_free)

/* One CopyData message. Must not be called while the batch is full. */
FIRN_MUST_USE firn_status copy_decoder_add(copy_decoder *d, const uint8_t *bytes, size_t size, firn_error *err);
/* Take the batch now. */
bool copy_decoder_full(const copy_decoder *d);
/* Whether the end mark of the stream was seen. */
bool copy_decoder_ended(const copy_decoder *d);
/* Moves the rows so far out; an empty batch (release == NULL) where there are none. */
FIRN_MUST_USE firn_status copy_decoder_take(copy_decoder *d, batch *ret_batch, firn_error *err);
/* Expects the next stream's signature; rows so far stay. */
void copy_decoder_restart(copy_decoder *d);

uint64_t copy_decoder_row_count(const copy_decoder *d);
uint64_t copy_decoder_coerced_count(const copy_decoder *d);

#endif
