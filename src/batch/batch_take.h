/*
 * Rows of an Arrow array by index, copied into a new array: partition fan-out, sorting.
 */
#ifndef FIRN_BATCH_BATCH_TAKE_H
#define FIRN_BATCH_BATCH_TAKE_H

#include "batch/batch.h"

/* indexes[i] < rows->length; any order, repeats allowed. `rows` is a struct array with the columns of
 * `schema`. FIRN_NO_MEMORY; offsets beyond 2 GiB are FIRN_UNSUPPORTED. */
FIRN_MUST_USE firn_status batch_take(table_schema *schema, const struct ArrowArray *rows, const uint32_t indexes[],
                                     size_t index_count, struct ArrowArray *ret_array, firn_error *err);

#endif
