/*
 * ArrowArrays of our own: a node owns its buffers (from firn_alloc…) and its children; release frees them.
 * A child may be moved out, as the C data interface allows: each node stands for itself.
 */
#ifndef FIRN_BATCH_ARRAY_H
#define FIRN_BATCH_ARRAY_H

#include "base/attrs.h"
#include "batch/arrow_abi.h"

#include <stdbool.h>

#define ARRAY_BUFFERS_MAX 3

/* An array of length 0 with that many empty places for buffers (at most ARRAY_BUFFERS_MAX) and children
 * (zeroed; one that stays so is skipped at release). False: no memory, nothing to release. The caller
 * then sets length, null_count, buffers[i] and *children[i]. */
FIRN_MUST_USE bool array_init(struct ArrowArray *ret_array, int64_t buffer_count, int64_t child_count);
/* Releases where there is something to release; for FIRN_AUTO. */
void array_done(struct ArrowArray *array);
/* Copies the struct; `from` no longer owns. */
void array_move(struct ArrowArray *from, struct ArrowArray *to);

#endif
