/*
 * Values of a batch as text for people and files, exact: what is read back is the same value.
 *
 *   whole numbers, decimals   digits; decimals with all digits of their scale: 12.50
 *   float, double             the shortest digits that read back as the same number; NaN, Infinity, -Infinity
 *   date, time                2024-01-31, 13:45:30.000000
 *   timestamp, timestamptz    2024-01-31T13:45:30.000000, the latter in UTC with a Z
 *   uuid                      6f0c5c4e-0d3f-4c06-9d9c-0a6c2f3f9b11
 *   binary, fixed             hexadecimal digits: c0ffee
 *   struct, list              JSON object, JSON array
 *   map                       JSON object where keys are strings, else an array of {"key": …, "value": …}
 *
 * In JSON numbers and booleans stand bare, all else (and NaN, Infinity) in quotes.
 */
#ifndef FIRN_SCAN_ROW_TEXT_H
#define FIRN_SCAN_ROW_TEXT_H

#include "batch/schema.h"
#include "codec/json_writer.h"

/* Appends the value as plain text; a null appends nothing and sets *ret_null. Nested values are JSON. */
FIRN_MUST_USE firn_status row_text_add(const data_type *type, const struct ArrowArray *array, int64_t row,
                                       firn_buffer *out, bool *ret_null, firn_error *err);
/* The value in JSON. `scratch` is overwritten. */
FIRN_MUST_USE firn_status row_json_write(const data_type *type, const struct ArrowArray *array, int64_t row, jwriter *w,
                                         firn_buffer *scratch, firn_error *err);

#endif
