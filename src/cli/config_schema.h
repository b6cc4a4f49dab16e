/*
 * JSON Schema (2020-12) of a configuration file, from the same shape that config_file checks against.
 */
#ifndef FIRN_CLI_CONFIG_SCHEMA_H
#define FIRN_CLI_CONFIG_SCHEMA_H

#include "cli/config_shape.h"

FIRN_MUST_USE firn_status config_schema_add(config_kind kind, firn_buffer *out, firn_error *err);

#endif
