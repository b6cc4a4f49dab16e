/*
 * The PostgreSQL source's own state, shared by postgres_source.c, postgres_check.c and replication_ready.c only.
 */
#ifndef FIRN_POSTGRES_POSTGRES_SOURCE_INTERNAL_H
#define FIRN_POSTGRES_POSTGRES_SOURCE_INTERNAL_H

#include "postgres/postgres_snapshot.h"
#include "postgres/postgres_types.h"

typedef struct postgres_source {
    source                base;
    postgres_settings     settings;
    firn_arena            arena; /* of the settings' texts */
    task_cancel          *own_cancel;
    task_cancel          *cancels[2]; /* the caller's, ours */
    postgres_connection  *catalog;    /* for everything but rows */
    postgres_type_catalog types;
    task_lock            *catalog_lock; /* guards catalog, types and the snapshot's holder */
    postgres_snapshot     snapshot;
    snapshot_wish         wish; /* of the next freeze; from prepare */
    task_lock            *idle_lock; /* guards idle */
    unsigned              idle_count;
    postgres_connection  *idle[64]; /* readers' connections between two splits; all see the snapshot */
} postgres_source;

#endif
