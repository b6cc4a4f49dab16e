/*
 * The Avro schema of a column → its form. The same forms as of a JSON schema block, of which the converter has made the Avro
 * schema: the semantic type is `connect.name`, its numbers are in `connect.parameters`.
 *
 * Memory: forms live in the arena; texts and names are the schema's
 */
#ifndef FIRN_DEBEZIUM_FORM_AVRO_H
#define FIRN_DEBEZIUM_FORM_AVRO_H

#include "avro/avro_schema.h"
#include "debezium/form.h"

/* `default_value` of the form: the default's bytes in a tuple (debezium/avro_row.h), where it can be told. */
FIRN_MUST_USE firn_status form_avro_read(const avro_schema *schema, firn_arena *arena, dbz_form *ret_form, firn_error *err);

#endif
