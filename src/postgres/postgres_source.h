/*
 * PostgreSQL as a source: tables → batches, as of one exported snapshot.
 *
 * Versions: 10 and later. From 14 on, big tables are cut into ctid block ranges (TID range scans);
 *           below, into ranges of an integer key, or not at all.
 * Threads:  open_split and cancel from any thread; the rest from one thread at a time (a lock holds).
 * Limits:   one value is at most 1 GiB (PostgreSQL's own limit), one row at most 1 GiB on the wire.
 * Settings: all texts are copied; the password is revealed to libpq only.
 */
#ifndef FIRN_POSTGRES_POSTGRES_SOURCE_H
#define FIRN_POSTGRES_POSTGRES_SOURCE_H

#include "base/error.h"
#include "base/secret.h"
#include "source/source.h"
#include "task/task.h"

#define POSTGRES_PORT_DEFAULT 5432
#define POSTGRES_CONNECT_TIMEOUT_S_DEFAULT 15

typedef struct postgres_settings {
    const char        *host;     /* name, address or socket folder; NULL: libpq's default socket */
    unsigned           port;     /* 0: 5432 */
    const char        *database; /* required */
    const char        *username; /* required */
    const firn_secret *password; /* NULL: none (peer, certificate, .pgpass); borrowed until free */
    const char        *schema;   /* NULL: "public" */
    /* NULL: verify-full for any host but loopback and sockets (there: prefer). */
    const char *sslmode;
    const char *sslrootcert, *sslcert, *sslkey; /* NULL: libpq's default, then the system's bundle */
    const char *slot_name, *publication_name;   /* both or none: what follows this source reads */
    bool        create_slot;                    /* prepare and freeze make them, where they are not there */
    unsigned    connect_timeout_s;              /* 0: 15 */
    unsigned    answer_timeout_ms;              /* of questions that are answered at once; 0: as long as it takes */
    unsigned    silence_ms_max;                 /* a COPY that is silent for so long is looked after; 0: 60 s */
    const char *application_name;               /* NULL: "firn" */
} postgres_settings;

/* Connects once and keeps that connection for the catalog queries and the snapshot. Waits end with
 * FIRN_CANCELLED when `cancel` (borrowed; may be NULL) is requested. */
FIRN_MUST_USE firn_status postgres_source_new(const postgres_settings *settings, task_cancel *cancel,
                                              source **ret_source, firn_error *err);

/* What `firn check` shows: one thing that was looked at. */
typedef enum finding_level { FINDING_OK, FINDING_NOTE, FINDING_WARNING, FINDING_ERROR } finding_level;

typedef struct source_finding {
    finding_level level;
    const char   *subject; /* "connection", "wal_level", "public.orders", "public.orders.amount" */
    const char   *text;    /* what was found */
    const char   *remedy;  /* the SQL or setting that mends it; NULL: nothing to do */
} source_finding;

typedef struct source_findings {
    unsigned        count;
    source_finding *findings; /* in the arena given */
} source_findings;

/* Server, TLS, wal_level and replication privileges of a connected source, before list and freeze. */
FIRN_MUST_USE firn_status postgres_source_check(source *src, firn_arena *arena, source_findings *ret_findings,
                                                firn_error *err);
/* One table: privilege, key, replica identity, columns whose values may need a policy (a sample is read). */
FIRN_MUST_USE firn_status postgres_source_check_table(source *src, const source_table *table,
                                                      const table_rules *rules, firn_arena *arena,
                                                      source_findings *ret_findings, firn_error *err);

#endif
