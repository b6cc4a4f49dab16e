/*
 * Registers the source's connector with Kafka Connect: looks at the worker and at the database, checks and puts the settings,
 * waits until the connector reads the slot.
 *
 * Order:  nothing is changed in Connect unless the slot and the publication are there and the settings were found to be right:
 *         a connector without its slot would make one of its own, behind the load
 * Offset: Connect may remember a position from before the slot's: the slot was made anew by a load, or read by firn itself. It is
 *         forgotten where the lake has everything up to the slot's own; else changes are lost, and that is an error
 * Runs:   connector and tasks say RUNNING, and PostgreSQL says that somebody reads the slot: a task that tries in vain to
 *         start its stream says RUNNING, too
 */
#ifndef FIRN_CLI_CONNECTOR_REGISTER_H
#define FIRN_CLI_CONNECTOR_REGISTER_H

#include "cli/connector_plan.h"
#include "cli/kafka_connect.h"
#include "cli/lake_position.h"
#include "postgres/replication_ready.h"

#define CONNECTOR_CLASS "io.debezium.connector.postgresql.PostgresConnector"

typedef struct connector_registration {
    kafka_connect *connect;
    source        *src;
    const char    *source_name, *slot_name; /* the connector is called as the slot */
    const char *const *tables;
    unsigned       table_count;
    firn_slice     json; /* what connector_json_add has made */
    uint64_t       wait_ms; /* 0: registered only */
    bool           dry_run; /* nothing is put */
    /* Up to where the lake has the source's changes; asked only where it matters. */
    firn_status (*lake_position)(void *state, lake_position *ret_position, firn_error *err);
    void          *state;
    firn_arena    *arena;
} connector_registration;

typedef struct registration_result {
    connect_worker worker;
    const char    *name, *plugin_version;
    connector_plan plan;
    bool           was_put, was_restarted, offset_was_forgotten;
    connect_status status; /* as of the end */
    replication_ready ready;
    const char   **trace; /* of what failed */
    unsigned       trace_count;
    connect_complaint *complaints;
    unsigned       complaint_count;
} registration_result;

/* The result holds what is known also where it fails. */
FIRN_MUST_USE firn_status connector_register(const connector_registration *job, registration_result *result, firn_error *err);
void                      registration_result_done(registration_result *result);

#endif
