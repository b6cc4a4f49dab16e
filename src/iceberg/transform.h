/*
 * Partition and sort transforms: what a row's partition value is.
 *
 * Spec:    "Partition Transforms"; hashes as in appendix B (Murmur3 x86 32-bit, seed 0)
 * Values:  in and out are Iceberg single values (appendix D), or a row of an Arrow column in
 *          (batch/schema.h has the layouts)
 * Threads: no shared state
 */
#ifndef FIRN_ICEBERG_TRANSFORM_H
#define FIRN_ICEBERG_TRANSFORM_H

#include "batch/schema.h"
#include "iceberg/single_value.h"

#define TRANSFORM_TEXT_MAX 32

typedef enum transform_kind {
    TRANSFORM_IDENTITY,
    TRANSFORM_BUCKET,
    TRANSFORM_TRUNCATE,
    TRANSFORM_YEAR,
    TRANSFORM_MONTH,
    TRANSFORM_DAY,
    TRANSFORM_HOUR,
    TRANSFORM_VOID,
    TRANSFORM_UNKNOWN, /* another writer's: kept, never applied */
} transform_kind;

typedef struct transform {
    transform_kind kind;
    uint32_t       parameter; /* buckets or width; 0 for the others */
} transform;

/* The JSON form, "bucket[16]", "truncate[4]", "identity". A name that is not known becomes
 * TRANSFORM_UNKNOWN; false: a known name with a bad parameter. */
FIRN_MUST_USE bool transform_parse(firn_slice text, transform *ret_transform);
/* The JSON form; not for TRANSFORM_UNKNOWN. */
void transform_format(transform t, char out[TRANSFORM_TEXT_MAX]);

/* A setting as a person writes it: "month(CREATED)", "bucket(16, ID)", "truncate(4, NAME)", "ID".
 * *ret_column is the column's name without blanks around it, a view into `text`; a name may be put into
 * double quotes. False: not such a text. */
FIRN_MUST_USE bool transform_parse_setting(const char *text, transform *ret_transform, firn_slice *ret_column);

/* The type of the values; false: this transform does not take this type. */
FIRN_MUST_USE bool transform_result_type(transform t, const data_type *source, data_type *ret_type);

/* Appends the transformed single value of row `row` of `column`; *ret_null where the value is null
 * (nothing is appended). The type must be one that transform_result_type accepts. */
FIRN_MUST_USE firn_status transform_apply(transform t, const data_type *type, const struct ArrowArray *column,
                                          int64_t row, firn_buffer *out, bool *ret_null, firn_error *err);
/* The same from a single value (data == NULL: null). */
FIRN_MUST_USE firn_status transform_apply_value(transform t, const data_type *type, firn_slice value,
                                                firn_buffer *out, bool *ret_null, firn_error *err);
/* The same in the machine's form; bytes of the result are a view into the input's. */
FIRN_MUST_USE firn_status transform_apply_decoded(transform t, const data_type *type, const single_value *value,
                                                  single_value *ret_value, firn_error *err);
/* The 32-bit hash under bucket[N]. */
int32_t transform_hash(const data_type *type, const single_value *value);

/* A partition value as people read it in paths: "2024-01", "2024-01-31-13", base64 for binary, "null". */
FIRN_MUST_USE firn_status transform_add_human(transform t, const data_type *source, firn_slice value,
                                              firn_buffer *out, firn_error *err);

#endif
