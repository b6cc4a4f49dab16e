/*
 * Levels and dense values of leaf columns → Arrow arrays of any nesting.
 *
 * Spec:   parquet-format, README.md ("Nested Encoding"); file_schema.h says how levels tell slots
 * Checks: siblings must agree on their number of slots, else the file is damaged
 */
#ifndef FIRN_PARQUET_RECORD_ASSEMBLER_H
#define FIRN_PARQUET_RECORD_ASSEMBLER_H

#include "parquet/read_plan.h"

/* One wanted column of `row_count` rows; takes the values out of its column readers. */
FIRN_MUST_USE firn_status record_assemble(const plan_node *node, column_reader columns[], int64_t row_count,
                                          read_budget *budget, struct ArrowArray *ret_array, firn_error *err);

#endif
