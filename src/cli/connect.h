/*
 * Configuration → the things that a job works with: the only place that names concrete sources, storages and
 * catalogs.
 */
#ifndef FIRN_CLI_CONNECT_H
#define FIRN_CLI_CONNECT_H

#include "cli/session.h"
#include "load/load_job.h"
#include "postgres/postgres_source.h"

typedef struct lake_connection {
    const char *warehouse; /* the location, for messages */
    storage    *files;
    catalog    *lake;
} lake_connection;

/* Opens the catalog of --catalog-name. Nothing is read yet. */
FIRN_MUST_USE firn_status connect_lake(session *s, lake_connection *ret_lake, firn_error *err);
void                      lake_connection_done(lake_connection *lake);

/* The namespace's levels, in the session's arena. */
FIRN_MUST_USE firn_status connect_namespace(session *s, const char *const **ret_levels, unsigned *ret_count,
                                            firn_error *err);
/* Connects to the source that session_open_source has opened (with its secrets revealed). */
FIRN_MUST_USE firn_status connect_source(session *s, source **ret_source, firn_error *err);
/* The same, where publication and slot shall be made whatever the configuration says of a load. */
FIRN_MUST_USE firn_status connect_source_with_slot(session *s, source **ret_source, firn_error *err);
/* The same, for a command that only reads: nothing is made in the database. */
FIRN_MUST_USE firn_status connect_source_to_read(session *s, source **ret_source, firn_error *err);
static inline void
connect_source_freep(source **slot)
{
    if (*slot) (*slot)->ops->free(*slot);
    *slot = NULL;
}
/* The server, with the names of slot and publication; texts live in the session's arena. */
FIRN_MUST_USE firn_status connect_postgres_settings(session *s, postgres_settings *ret_settings, firn_error *err);
/* The job's settings, from the values and the source's entry; texts live in the session's arena. */
FIRN_MUST_USE firn_status connect_load_settings(session *s, const yaml_node *entry, load_settings *ret_settings,
                                                firn_error *err);
/* The rules of one table: its own where configured, else the defaults. */
const load_table_config  *connect_table_config(const load_settings *settings, const char *table);
/* Whether a table's name passes --table-filter. */
bool                      connect_filter_matches(const load_settings *settings, const char *table);
/* Whether a load makes publication and slot: as set, else whether changes will be followed. */
bool connect_creates_slot(const session *s);

#endif
