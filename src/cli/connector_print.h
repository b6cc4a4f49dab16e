/*
 * What `firn connector --register` prints: a few lines and the changed settings, or one JSON document.
 */
#ifndef FIRN_CLI_CONNECTOR_PRINT_H
#define FIRN_CLI_CONNECTOR_PRINT_H

#include "cli/connector_register.h"

typedef struct connector_print {
    const char                   *source_name, *slot_name, *topic_prefix;
    const char                   *origin; /* of the worker's URL */
    const registration_result    *result;
    bool                          dry_run;
} connector_print;

FIRN_MUST_USE firn_status connector_print_text(const connector_print *print, firn_arena *arena, firn_buffer *out, firn_error *err);
/* Schema: docs/output.schema.json, "connector". */
FIRN_MUST_USE firn_status connector_print_json(const connector_print *print, firn_buffer *out, firn_error *err);

#endif
