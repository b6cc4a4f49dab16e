/*
 * One value of a column in Arrow layout, in the machine's form.
 */
#ifndef FIRN_SCAN_ARRAY_VALUE_H
#define FIRN_SCAN_ARRAY_VALUE_H

#include "base/bitmap.h"
#include "batch/schema.h"
#include "iceberg/single_value.h"

static inline bool
array_is_null(const struct ArrowArray *array, int64_t row)
{
    return array->null_count != 0 && array->buffers[0] &&
           !bitmap_get(array->buffers[0], (size_t) (array->offset + row));
}

/* Row `row` of a column of a primitive type; bytes are views into the array. */
single_value array_value(const data_type *type, const struct ArrowArray *array, int64_t row);

#endif
