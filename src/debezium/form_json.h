/*
 * The schema block of a JSON message ({"type": "struct", "fields": [ … ]}) → the forms of its columns.
 *
 * Memory: forms live in the arena; texts and names point into the schema's text
 * Limits: FORM_DEPTH_MAX levels of nesting
 */
#ifndef FIRN_DEBEZIUM_FORM_JSON_H
#define FIRN_DEBEZIUM_FORM_JSON_H

#include "base/error.h"
#include "debezium/form.h"

typedef struct schema_column {
    jtoken     name;
    firn_slice text; /* of the column's schema */
} schema_column;

/* The columns of the rows that the block describes: of an envelope those of `after` (or `before`), else the fields
 * themselves. `is_flattened`: without the members that ExtractNewRecordState adds. */
FIRN_MUST_USE firn_status form_json_columns(firn_slice schema, bool is_flattened, firn_arena *arena, schema_column **ret_columns,
                                            unsigned *ret_count, firn_error *err);
/* One column's schema. */
FIRN_MUST_USE firn_status form_json_read(firn_slice text, firn_arena *arena, dbz_form *ret_form, firn_error *err);

/* The form of a semantic type by name; false: not one that changes how the bytes are read. For Avro, too: there the name is
 * `connect.name`, and the numbers are in `connect.parameters`. */
FIRN_MUST_USE bool dbz_form_of_semantic(firn_slice name, dbz_form *form);

#endif
