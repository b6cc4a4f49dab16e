/*
 * Columns that a file does not have: nulls, or the field's initial default.
 *
 * Spec: Iceberg spec, "Default values" and appendix D "JSON single-value serialization"
 */
#ifndef FIRN_PARQUET_DEFAULT_VALUE_H
#define FIRN_PARQUET_DEFAULT_VALUE_H

#include "batch/schema.h"
#include "parquet/read_budget.h"

/* `count` times the initial default of the field, or null. The array is the caller's to release whatever
 * the result (zeroed where it was not made). */
FIRN_MUST_USE firn_status default_array(const schema_field *field, int64_t count, read_budget *budget,
                                        struct ArrowArray *ret_array, firn_error *err);

#endif
