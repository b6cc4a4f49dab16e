/*
 * The value that a new column has in old rows, as PostgreSQL keeps it (pg_attribute.attmissingval), as Iceberg's JSON
 * (spec, "JSON single-value serialization"), for a field's initial-default.
 */
#ifndef FIRN_FOLLOW_MISSING_VALUE_H
#define FIRN_FOLLOW_MISSING_VALUE_H

#include "batch/schema.h"

/* `text`: the type's output with ISO dates and UTC. *ret_json lives in `arena`; NULL where the type has no such form or
 * the text is no value of it: the caller then does without. */
FIRN_MUST_USE firn_status missing_value_to_json(const data_type *type, const char *text, firn_arena *arena,
                                                const char **ret_json, firn_error *err);

#endif
