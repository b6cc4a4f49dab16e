/*
 * One value as bytes, as bounds and partition values hold it, and as text for people and paths.
 *
 * Spec:  apache/iceberg format/spec.md, appendix D, "Binary single-value serialization"
 * Read:  shorter forms of before a type promotion are widened (int in a long, float in a double)
 */
#ifndef FIRN_ICEBERG_SINGLE_VALUE_H
#define FIRN_ICEBERG_SINGLE_VALUE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/decimal.h"

struct data_type;

/* A value in the machine's form. */
typedef struct single_value {
    bool       is_null;
    int64_t    integer; /* boolean, int, long, date, time, timestamps */
    double     real;    /* float (exactly), double */
    int128     decimal; /* unscaled */
    firn_slice bytes;   /* string, binary, fixed, uuid; borrowed */
} single_value;

/* `bytes`.data == NULL is null. FIRN_CORRUPT (ICEBERG_METADATA) where they don't fit the type. */
FIRN_MUST_USE firn_status single_value_decode(const struct data_type *type, firn_slice bytes, single_value *ret_value,
                                              firn_error *err);
/* Appends; null appends nothing. The value must fit the type. */
FIRN_MUST_USE firn_status single_value_encode(const struct data_type *type, const single_value *value, firn_buffer *out,
                                              firn_error *err);
/* The same into an arena; null gives data == NULL, an empty text data != NULL. */
FIRN_MUST_USE firn_status single_value_new(const struct data_type *type, const single_value *value, firn_arena *arena,
                                           firn_slice *ret_bytes, firn_error *err);
/* Order of Iceberg: -0.0 before 0.0, NaN last; texts, binaries and uuids by unsigned bytes. Neither is null. */
int single_value_compare(const struct data_type *type, const single_value *a, const single_value *b);
/* For people: 2024-01-31, 12.50, true, text as it is, bytes as hexadecimal digits; null as "null". */
FIRN_MUST_USE firn_status single_value_format(const struct data_type *type, const single_value *value, firn_buffer *out,
                                              firn_error *err);

#endif
