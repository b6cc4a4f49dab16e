/*
 * One point in time for all connections of a load.
 *
 * With a slot name and the privilege: CREATE_REPLICATION_SLOT … EXPORT_SNAPSHOT, whose consistent point is
 * exactly the WAL position of the snapshot. Otherwise, or where a slot of that name exists already, a plain
 * exported snapshot, with the WAL position from just before it: no change after the snapshot is missing
 * behind that position, some before it may be seen again.
 */
#ifndef FIRN_POSTGRES_POSTGRES_SNAPSHOT_H
#define FIRN_POSTGRES_POSTGRES_SNAPSHOT_H

#include "postgres/postgres_connection.h"

typedef struct postgres_snapshot {
    char                 id[64];        /* "" : none */
    postgres_connection *holder;        /* its transaction keeps the snapshot and the tables' locks */
    postgres_connection *slot_creator;  /* NULL: plain. No command may run on it: that ends the export */
} postgres_snapshot;

FIRN_MUST_USE firn_status postgres_snapshot_init(postgres_snapshot *snapshot, const postgres_settings *settings,
                                                 task_cancel *const cancels[2], postgres_connection *catalog,
                                                 source_point *ret_point, firn_error *err);
void postgres_snapshot_done(postgres_snapshot *snapshot);
/* Makes an idle connection see the snapshot. */
FIRN_MUST_USE firn_status postgres_snapshot_adopt(const postgres_snapshot *snapshot, postgres_connection *c,
                                                  firn_error *err);
/* Keeps others from truncating or rewriting the table until the end, and fails with FIRN_UNAVAILABLE where
 * that has happened since the snapshot: PostgreSQL would then show it empty. `relation`: quoted. */
FIRN_MUST_USE firn_status postgres_snapshot_lock(const postgres_snapshot *snapshot, const char *relation,
                                                 const char *table, firn_error *err);

#endif
