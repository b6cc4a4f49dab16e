/*
 * The publication through which the changes of a load's tables will come.
 *
 * It must be older than the slot: a change that the slot meets before its publication exists cannot be decoded. A table
 * without replica identity is never published by us: PostgreSQL would refuse the application's updates and deletes.
 */
#ifndef FIRN_POSTGRES_PUBLICATION_H
#define FIRN_POSTGRES_PUBLICATION_H

#include "postgres/postgres_connection.h"

typedef struct publication_table {
    const char *name;
    uint32_t    oid;
    bool        identified; /* the table, or each of its partitions */
    bool        logged;
    bool        published; /* the table, or each of its partitions */
    uint64_t    published_by; /* the transaction that has put the table itself into it; its epoch is the last that it may be. 0: not known, as where
                               * it is of all tables: its row says only who has changed anything of it */
} publication_table;

typedef struct publication_state {
    const char        *name, *schema; /* borrowed */
    bool               exists;
    bool               complete; /* all of INSERT, UPDATE, DELETE and TRUNCATE, partitions as their root */
    unsigned           table_count;
    publication_table *tables;
} publication_state;

/* How it stands with these tables (ordinary and partitioned ones count). */
FIRN_MUST_USE firn_status publication_look(postgres_connection *catalog, const postgres_settings *settings,
                                           const source_table *const tables[], unsigned table_count, firn_arena *arena,
                                           publication_state *ret_state, firn_error *err);
/* Whether the slot has still to decode changes from before the publication was made (or its settings changed). */
FIRN_MUST_USE firn_status publication_is_younger(postgres_connection *catalog, const char *publication, const char *slot,
                                                 bool *ret_younger, firn_error *err);
/* CREATE PUBLICATION or ALTER PUBLICATION … ADD TABLE for what is missing and can be in it; "" where nothing is. */
FIRN_MUST_USE firn_status publication_add_sql(const publication_state *state, int server_version, firn_buffer *out,
                                              firn_error *err);
/* Makes or completes it where the role may; what is missing then is told, with the SQL. `ret_usable`: it exists. */
FIRN_MUST_USE firn_status publication_prepare(postgres_connection *catalog, const postgres_settings *settings,
                                              const source_table *const tables[], unsigned table_count,
                                              const source_teller *teller, bool *ret_usable, firn_error *err);

#endif
