/*
 * What becomes of a connector's settings in Kafka Connect: those that firn writes are set (back), the user's own stay. Pure.
 *
 * Converters and the number of a topic's partitions and replicas are firn's only where the connector has none: firn reads what
 * others write, too (Avro by a registry, JSON with schemas). But none may write a column's default in the place of null.
 */
#ifndef FIRN_CLI_CONNECTOR_PLAN_H
#define FIRN_CLI_CONNECTOR_PLAN_H

#include "base/arena.h"
#include "codec/json_reader.h"

typedef struct connector_change {
    const char *setting;
    const char *before, *after; /* NULL: not set; "***" where it may be a secret */
} connector_change;

typedef struct connector_plan {
    bool              exists;
    firn_buffer       config; /* all settings, a JSON object */
    connector_change *changes;
    unsigned          change_count;
    const char      **kept; /* names of settings that firn does not write, or would write otherwise */
    unsigned          kept_count;
    const char       *form_change; /* a changed setting by which values are written otherwise than before, or NULL */
} connector_plan;

/* `wanted`: firn's settings; `existing`: Connect's, NULL where there is no connector. Texts live in the arena.
 * FIRN_USAGE (CONNECTOR_OTHER): the connector of this name is somebody else's. */
FIRN_MUST_USE firn_status connector_plan_make(const char *name, const jvalue *wanted, const jvalue *existing, firn_arena *arena,
                                              connector_plan *ret_plan, firn_error *err);
void                      connector_plan_done(connector_plan *plan);

#endif
