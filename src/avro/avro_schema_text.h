/*
 * A schema, or a part of one, as JSON: whole by itself, with the attributes that change what its values mean. Equal types give
 * equal texts, whatever schema they were part of: named types stand where they are first used, by their full names.
 */
#ifndef FIRN_AVRO_AVRO_SCHEMA_TEXT_H
#define FIRN_AVRO_AVRO_SCHEMA_TEXT_H

#include "avro/avro_schema.h"
#include "base/buffer.h"

FIRN_MUST_USE firn_status avro_schema_add_text(const avro_schema *schema, firn_buffer *out, firn_error *err);

#endif
