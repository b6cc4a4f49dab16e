/*
 * How far what follows a server is behind it, as the server says: asked once, over a connection of its own.
 */
#ifndef FIRN_POSTGRES_REPLICATION_LAG_H
#define FIRN_POSTGRES_REPLICATION_LAG_H

#include "postgres/postgres_source.h"

typedef struct replication_lag {
    uint64_t server_position; /* where its log ends */
    bool     slot_exists;
    bool     is_followed;     /* somebody reads the slot */
    int64_t  confirmed_us;    /* followed: how long what was confirmed last had been in the log by then; -1: not known */
    int64_t  retained_bytes;  /* of log that the slot holds */
    int64_t  behind_bytes;    /* from what was confirmed to the end of the log */
    char     status[16];      /* wal_status: "reserved", "extended", "unreserved", "lost"; "": before version 13, or no slot */
    int64_t  safe_bytes;      /* left until the slot is invalidated; -1: no limit, or not known */
} replication_lag;

/* Waits a few seconds for a server that does not answer. */
FIRN_MUST_USE firn_status replication_lag_ask(const postgres_settings *settings, task_cancel *cancel,
                                              replication_lag *ret_lag, firn_error *err);

#endif
