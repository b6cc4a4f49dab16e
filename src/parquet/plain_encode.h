/*
 * PLAIN encoding of values.
 *
 * Spec:   parquet-format, Encodings.md, "Plain: (PLAIN = 0)"
 * Output: appended to `out`; booleans as a byte each, until plain_pack_bools makes bits of a whole page
 * Errors: FIRN_NO_MEMORY, also when `out` would pass its limit
 */
#ifndef FIRN_PARQUET_PLAIN_ENCODE_H
#define FIRN_PARQUET_PLAIN_ENCODE_H

#include "parquet/parquet_schema.h"
#include "parquet/value_view.h"

FIRN_MUST_USE firn_status plain_encode(const parquet_leaf *leaf, const value_view *values, firn_buffer *out,
                                       firn_error *err);
/* Bytes 0 and 1 → bits, the first in the lowest. */
FIRN_MUST_USE firn_status plain_pack_bools(firn_slice bools, firn_buffer *out, firn_error *err);
/* Bytes that plain_encode would add. */
size_t                    plain_size_bytes(const parquet_leaf *leaf, const value_view *values);

#endif
