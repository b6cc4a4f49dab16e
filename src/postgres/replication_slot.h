/*
 * A logical replication slot: its state, making one with an exported snapshot, dropping it.
 *
 * A slot waits while it is made until every transaction that runs has ended; who holds it up is told.
 */
#ifndef FIRN_POSTGRES_REPLICATION_SLOT_H
#define FIRN_POSTGRES_REPLICATION_SLOT_H

#include "postgres/postgres_connection.h"

typedef struct slot_state {
    bool    exists;
    bool    foreign;  /* of another database or plugin */
    bool    lost;     /* invalidated: it can never be read again */
    int64_t active_pid; /* 0: nobody reads it */
    char    plugin[64], database[64];
    char    wal_status[32]; /* "": before version 13 */
    char    retained[32];   /* "12 GB"; "": nothing */
    int64_t retained_bytes;
    int64_t safe_bytes;     /* that may be written before the slot is invalidated; -1: no limit, or not known */
} slot_state;

FIRN_MUST_USE firn_status replication_slot_look(postgres_connection *catalog, const char *name, slot_state *ret_state,
                                                firn_error *err);
/* Why this role cannot make a logical slot here, or "" where it can; `out` has FIRN_ERROR_TEXT_MAX bytes. */
FIRN_MUST_USE firn_status replication_slot_obstacle(postgres_connection *catalog, char *out, firn_error *err);

/* What making one gives. No command may run on `connection`: it ends the export, and a temporary slot. */
typedef struct slot_snapshot {
    postgres_connection *connection;
    char                 position[64], id[64];
} slot_snapshot;

/* `name` NULL: a temporary slot, and FIRN_UNAVAILABLE when other transactions hold it up for too long. */
FIRN_MUST_USE firn_status replication_slot_create(const postgres_settings *settings, task_cancel *const cancels[2],
                                                  postgres_connection *catalog, const char *name,
                                                  const source_teller *teller, slot_snapshot *ret_snapshot,
                                                  firn_error *err);
void                      slot_snapshot_done(slot_snapshot *snapshot);

/* One that is not there is fine. FIRN_CONFLICT (POSTGRES_SLOT_IN_USE): somebody reads it. */
FIRN_MUST_USE firn_status replication_slot_drop(postgres_connection *catalog, const char *name, firn_error *err);
FIRN_MUST_USE firn_status replication_slot_fail_active(const char *name, int64_t pid, firn_error *err);

#endif
