/*
 * A value as it stands in a condition → a value of a column's type.
 */
#ifndef FIRN_SCAN_WHERE_VALUE_H
#define FIRN_SCAN_WHERE_VALUE_H

#include "batch/schema.h"
#include "iceberg/single_value.h"

/* Numbers that a whole number or decimal column cannot hold still compare with those that it can. */
typedef enum value_fit {
    VALUE_EXACT,
    VALUE_BETWEEN, /* between the value returned and the next greater one of the type */
    VALUE_ABOVE,   /* above all values of the type */
    VALUE_BELOW,
} value_fit;

/* `is_number`: written without quotes. Bytes live in `arena`. False: it is no value of the type. */
FIRN_MUST_USE bool where_value_read(const data_type *type, firn_slice text, bool is_number, firn_arena *arena,
                                    single_value *ret_value, value_fit *ret_fit);
/* What it should look like, for messages. */
const char *where_value_example(const data_type *type);

#endif
