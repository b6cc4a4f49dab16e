/*
 * How much memory a reader may hold at once: pages, dictionaries and the batch that is being made. Sizes
 * come from untrusted headers, so they are asked for here before anything is allocated.
 */
#ifndef FIRN_PARQUET_READ_BUDGET_H
#define FIRN_PARQUET_READ_BUDGET_H

#include "base/buffer.h"

typedef struct read_budget {
    size_t used_bytes, max_bytes;
} read_budget;

/* Room for `extra` more bytes in the buffer; FIRN_E_PARQUET_LIMIT where the budget does not allow it. */
FIRN_MUST_USE firn_status budget_reserve(read_budget *budget, firn_buffer *buffer, size_t extra, firn_error *err);
/* Frees the buffer and gives its memory back. */
void                      budget_release(read_budget *budget, firn_buffer *buffer);
/* Moves the bytes out, which count no more; NULL for an empty buffer. */
void                     *budget_take(read_budget *budget, firn_buffer *buffer);

#endif
