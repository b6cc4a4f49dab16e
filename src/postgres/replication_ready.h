/*
 * What somebody else who reads a source's changes through firn's slot and publication (Debezium) will find.
 */
#ifndef FIRN_POSTGRES_REPLICATION_READY_H
#define FIRN_POSTGRES_REPLICATION_READY_H

#include "postgres/postgres_source.h"

typedef struct published_table {
    const char *name;
    uint64_t    published_by; /* the transaction that has put it into the publication */
} published_table;

typedef struct replication_ready {
    int         server_version; /* 150018 */
    bool        in_recovery;    /* a standby: nothing can be written */
    bool        has_publication;
    bool        publication_younger; /* than what the slot has still to decode */
    const char *publication_sql;     /* makes it, or completes it; "": nothing to do. In the arena */
    unsigned    unpublished_count;   /* of the tables asked for */
    const char *unpublished;         /* the first of them, or NULL. In the arena */
    const published_table *published; /* those of the tables asked for of which that is known; in the arena */
    unsigned    published_count;
    bool        has_slot, slot_foreign, slot_lost;
    int64_t     slot_pid;       /* who reads it; 0: nobody */
    char        slot_owner[160]; /* foreign: plugin and database */
    uint64_t    slot_restart, slot_confirmed; /* positions; 0: not known */
} replication_ready;

/* Slot and publication as the source's settings name them. */
FIRN_MUST_USE firn_status replication_ready_look(source *src, const char *const tables[], unsigned table_count, firn_arena *arena,
                                                 replication_ready *ret_ready, firn_error *err);
/* Only the slot's part; the others are left as they are. */
FIRN_MUST_USE firn_status replication_ready_look_slot(source *src, replication_ready *ready, firn_error *err);

#endif
