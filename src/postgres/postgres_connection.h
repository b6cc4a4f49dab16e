/*
 * One connection to PostgreSQL: connect, run a statement, cancel, and the server's words → firn_error.
 *
 * Session:  read-only, no time limits, ISO dates and intervals, UTC, UTF-8, an empty search_path, row
 *           security off (a filtered table must fail, not shrink)
 * TLS:      verify-full for any host but loopback and sockets, unless sslmode says otherwise
 * Waiting:  every wait ends with FIRN_CANCELLED when one of the two cancels is requested
 * Errors:   SQLSTATE chooses the code: login and privileges → POSTGRES_DENIED, missing things →
 *           POSTGRES_NOT_FOUND, a lost or overloaded server → POSTGRES_UNAVAILABLE, else POSTGRES_QUERY;
 *           passwords are redacted
 * Threads:  one connection, one thread
 */
#ifndef FIRN_POSTGRES_POSTGRES_CONNECTION_H
#define FIRN_POSTGRES_POSTGRES_CONNECTION_H

#include <libpq-fe.h>

#include "postgres/postgres_source.h"

typedef struct postgres_connection postgres_connection;
struct postgres_connection {
    PGconn      *pg;
    task_cancel *cancels[2]; /* borrowed; NULL: none */
    int          server_version; /* 150018 */
    unsigned     answer_ms_max;  /* a wait without a limit of its own fails after this: FIRN_UNAVAILABLE; 0: never */
    bool         broken;         /* the protocol state is unknown: only free */
    char         backend_pid[16], backend_server[40]; /* who serves it; "" until somebody asks (copy_silence.h) */
};

/* With `replication`, a connection that understands CREATE_REPLICATION_SLOT and IDENTIFY_SYSTEM. */
FIRN_MUST_USE firn_status postgres_connection_new(const postgres_settings *settings, task_cancel *const cancels[2],
                                                  bool replication, postgres_connection **ret_connection,
                                                  firn_error *err);
void postgres_connection_free(postgres_connection *c);
FIRN_DEFINE_FREEP(postgres_connection, postgres_connection_free)

/* How values are written as text, the same in every session of firn; a replication connection does not have it at first. */
FIRN_MUST_USE firn_status postgres_set_formats(postgres_connection *c, firn_error *err);

/* One statement with text parameters and text results. `what`: "listing the tables", for messages. */
FIRN_MUST_USE firn_status postgres_query(postgres_connection *c, const char *sql, const char *const parameters[],
                                         int parameter_count, const char *what, PGresult **ret_result,
                                         firn_error *err);
/* One or more statements without parameters whose rows do not matter. */
FIRN_MUST_USE firn_status postgres_execute(postgres_connection *c, const char *sql, const char *what, firn_error *err);

/* Waits until the socket can be read (or written). timeout_ms 0: no limit; FIRN_OK also when it passed. */
FIRN_MUST_USE firn_status postgres_wait(postgres_connection *c, bool for_write, unsigned timeout_ms, firn_error *err);
/* Whether an idle connection has nothing to read: neither an end nor a message. */
bool postgres_connection_is_quiet(const postgres_connection *c);
/* FIRN_CANCELLED when a cancel is requested: for work that goes on without waiting. */
FIRN_MUST_USE firn_status postgres_check_cancel(const postgres_connection *c, firn_error *err);
/* Asks the server to stop what this connection does. Blocks for a short exchange with it. */
void postgres_connection_stop_query(postgres_connection *c);

/* An ErrorResponse's parts → firn_error; parts may be NULL. */
firn_status postgres_fail(firn_error *err, const char *what, const char *sqlstate, const char *message,
                          const char *detail, const char *server_hint);
/* The connection was lost. */
firn_status postgres_fail_lost(firn_error *err, const postgres_connection *c, const char *what);

/* Appends a quoted identifier or literal. */
FIRN_MUST_USE firn_status postgres_add_identifier(firn_buffer *out, const char *name, firn_error *err);
FIRN_MUST_USE firn_status postgres_add_literal(firn_buffer *out, const char *text, firn_error *err);

static inline void
postgres_result_freep(PGresult **slot)
{
    PQclear(*slot);
    *slot = NULL;
}

/* Cells: NULL for SQL's null. */
static inline const char *
postgres_cell(const PGresult *result, int row, int column)
{
    return PQgetisnull(result, row, column) ? NULL : PQgetvalue(result, row, column);
}

bool     postgres_cell_true(const PGresult *result, int row, int column);
int64_t  postgres_cell_i64(const PGresult *result, int row, int column); /* 0 for null */
uint32_t postgres_cell_oid(const PGresult *result, int row, int column);

#endif
