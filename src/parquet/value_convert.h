/*
 * Physical values of a file → the Arrow layout of the type that is wanted: Iceberg's promotions, units of
 * time, decimals of any storage, half floats, INT96.
 *
 * Spec:   parquet-format, LogicalTypes.md; Iceberg spec, "Schema Evolution" and appendix A "Parquet"
 * Errors: a value that does not fit is told by the text in `ret_problem`; a pair of types that do not go
 *         together is FIRN_UNSUPPORTED when the plan is made
 */
#ifndef FIRN_PARQUET_VALUE_CONVERT_H
#define FIRN_PARQUET_VALUE_CONVERT_H

#include "base/error.h"
#include "batch/schema.h"
#include "parquet/file_metadata.h"

typedef struct value_conversion value_conversion;

/* `in`: `count` values, back to back, any alignment. False with a problem. */
typedef bool (*value_convert)(const value_conversion *conversion, const uint8_t *in, size_t count, uint8_t *out,
                              const char **ret_problem);

struct value_conversion {
    uint32_t      in_size;  /* bytes of a physical value; 0: BYTE_ARRAY; booleans are bytes here */
    uint32_t      out_size; /* bytes of a value in the batch; 0: offsets and bytes; booleans are bytes here */
    value_convert convert;  /* NULL: the bytes are the same, or BYTE_ARRAY is cut by the decoder */
    /* BYTE_ARRAY of a decimal: one value of `size` bytes. */
    bool (*convert_bytes)(const uint8_t *in, size_t size, uint8_t *out);
    int64_t factor;    /* multiplies (> 0) or divides (< 0) */
    bool    truncates; /* a division may drop digits */
};

/* `truncate_nanos`: nanoseconds are cut to microseconds instead of refused. */
FIRN_MUST_USE firn_status value_conversion_init(const char *file, const parquet_element *element,
                                                const data_type *wanted, bool truncate_nanos,
                                                value_conversion *ret_conversion, firn_error *err);

#endif
