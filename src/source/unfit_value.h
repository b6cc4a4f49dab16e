/*
 * What becomes of a value that its Iceberg type cannot hold: the policy's answer, and the message where that is to fail.
 * One place for all readers of sources, so that load and changes treat and say the same.
 */
#ifndef FIRN_SOURCE_UNFIT_VALUE_H
#define FIRN_SOURCE_UNFIT_VALUE_H

#include "source/source.h"

/* Which policies have an answer for the value at hand. */
typedef enum unfit_remedy { REMEDY_NONE, REMEDY_CLAMP, REMEDY_CLAMP_OR_ROUND } unfit_remedy;

typedef enum unfit_answer { UNFIT_FAILS, UNFIT_NULL, UNFIT_REMEDY } unfit_answer;

/* Where the value is, for messages. */
typedef struct unfit_place {
    const char *column, *qualified_name, *table_name; /* "shop.orders", "orders" */
    const char *config_file, *source_name;            /* or NULL */
} unfit_place;

/* The column's own, or the source's; rules NULL: POLICY_ERROR. */
value_policy unfit_value_policy(const table_rules *rules, const char *column);
unfit_answer unfit_value_answer(value_policy policy, bool is_required, unfit_remedy possible);
/* VALUE_UNREPRESENTABLE; `value` and `key` for people, `is_text`: the column cannot become string, it is one. */
FIRN_MUST_USE firn_status unfit_value_fail(const unfit_place *place, const char *value, const char *key, const char *problem,
                                           unfit_remedy possible, bool is_text, firn_error *err);
/* A null in a required column. */
FIRN_MUST_USE firn_status unfit_null_fail(const unfit_place *place, const char *key, firn_error *err);

#endif
