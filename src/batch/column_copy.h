/*
 * Values of Arrow arrays, appended to a column builder one by one: what puts columns of several sources together.
 */
#ifndef FIRN_BATCH_COLUMN_COPY_H
#define FIRN_BATCH_COLUMN_COPY_H

#include "batch/column_builder.h"

/* Row `row` of `array`, of `type` as the builder is; any nesting, nulls too. */
FIRN_MUST_USE firn_status column_add_from(column_builder *b, const data_type *type, const struct ArrowArray *array,
                                          int64_t row, firn_error *err);

#endif
