/*
 * The configuration that Kafka Connect takes for Debezium's PostgreSQL connector (3.2). Pure.
 *
 * The slot and the publication are firn's own: the load fixes the slot's point in time, the connector goes on from
 * there and takes no snapshot. The publication must exist before the slot, so the connector may not make one.
 */
#ifndef FIRN_CLI_CONNECTOR_JSON_H
#define FIRN_CLI_CONNECTOR_JSON_H

#include "base/buffer.h"

typedef struct connector_key {
    const char        *table;
    const char *const *columns;
    unsigned           column_count;
} connector_key;

typedef struct connector_settings {
    const char          *source_name;
    const char          *topic_prefix;
    const char          *host;
    unsigned             port;
    const char          *database, *username;
    const char          *password; /* as the configuration has it: "${NAME}", "${file:/path}"; NULL: none */
    const char          *schema;
    const char          *sslmode, *sslrootcert, *sslcert, *sslkey; /* NULL: not set */
    const char          *slot_name, *publication_name;
    const char *const   *tables; /* to be captured; none: the whole schema */
    unsigned             table_count;
    const connector_key *keys; /* overridden ones */
    unsigned             key_count;
    bool                 writes_heartbeats; /* the server takes messages from us: not a standby, PostgreSQL 14 or later */
} connector_settings;

/* FIRN_USAGE where the password is no reference that Kafka Connect can resolve. */
FIRN_MUST_USE firn_status connector_json_add(const connector_settings *settings, firn_buffer *out, firn_error *err);

#endif
