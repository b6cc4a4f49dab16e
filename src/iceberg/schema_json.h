/*
 * Schemas ⇄ Iceberg's JSON (spec, appendix C, "Schemas"): all types, any nesting, identifier fields,
 * docs and v3 defaults.
 */
#ifndef FIRN_ICEBERG_SCHEMA_JSON_H
#define FIRN_ICEBERG_SCHEMA_JSON_H

#include "batch/schema.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"

#define SCHEMA_DEPTH_MAX 64
#define SCHEMA_FIELDS_MAX 100000

/* Writes the struct with "schema-id" and, where there are some, "identifier-field-ids". */
void schema_to_json(const table_schema *schema, jwriter *w);
/* Writes a type: a text for a primitive, an object for a nested one. */
void data_type_to_json(const data_type *type, jwriter *w);

/* FIRN_CORRUPT where it is not a schema; FIRN_UNSUPPORTED for types that firn has not (v3's variant, geometry,
 * nanoseconds). A missing schema-id is 0 (v1). */
FIRN_MUST_USE firn_status schema_from_json(const jdoc *doc, const jvalue *value, table_schema **ret_schema,
                                           firn_error *err);
/* A type's value in JSON, as in a field's "type". Parts live in the arena. */
FIRN_MUST_USE firn_status data_type_from_json(const jdoc *doc, const jvalue *value, firn_arena *arena,
                                              data_type *ret_type, firn_error *err);

#endif
