/*
 * One point in time for all connections of a load.
 *
 * Where an exact point is asked for and the role may: CREATE_REPLICATION_SLOT … EXPORT_SNAPSHOT, whose consistent
 * point is exactly the WAL position of the snapshot. The holder takes that snapshot over and exports it again, so that
 * nothing but the holder's transaction is needed from then on; a temporary slot ends at once, and holds no WAL.
 * Otherwise a plain exported snapshot, with the WAL position from just before it: no change after the snapshot is
 * missing behind that position, some before it may be seen again.
 */
#ifndef FIRN_POSTGRES_POSTGRES_SNAPSHOT_H
#define FIRN_POSTGRES_POSTGRES_SNAPSHOT_H

#include "postgres/postgres_connection.h"

typedef struct postgres_snapshot {
    char                 id[64]; /* "" : none */
    postgres_connection *holder; /* its transaction keeps the snapshot and the tables' locks; NULL: another process */
    postgres_connection *joined; /* borrowed: in a transaction that sees another process's snapshot */
} postgres_snapshot;

/* How the point is to be found. */
typedef struct snapshot_wish {
    bool                 exact;     /* by a slot, where that can be had */
    bool                 keep_slot; /* of settings->slot_name, made unless it is there; its publication exists */
    const source_teller *teller;    /* with `exact` */
} snapshot_wish;

FIRN_MUST_USE firn_status postgres_snapshot_init(postgres_snapshot *snapshot, const postgres_settings *settings,
                                                 task_cancel *const cancels[2], postgres_connection *catalog,
                                                 const snapshot_wish *wish, source_point *ret_point, firn_error *err);
void postgres_snapshot_done(postgres_snapshot *snapshot);
/* Makes an idle connection see the snapshot. */
FIRN_MUST_USE firn_status postgres_snapshot_adopt(const postgres_snapshot *snapshot, postgres_connection *c,
                                                  firn_error *err);
/* Begins to see the snapshot that another process holds: on `catalog` too, until postgres_snapshot_done. */
FIRN_MUST_USE firn_status postgres_snapshot_join(postgres_snapshot *snapshot, postgres_connection *catalog,
                                                 const source_point *point, firn_error *err);
/* The same, and holds it from then on by a connection of its own; *ret_point is `point` with the new snapshot. */
FIRN_MUST_USE firn_status postgres_snapshot_take_over(postgres_snapshot *snapshot, const postgres_settings *settings,
                                                      task_cancel *const cancels[2], postgres_connection *catalog,
                                                      const source_point *point, source_point *ret_point,
                                                      firn_error *err);
/* Whether the holder still has its transaction. */
FIRN_MUST_USE firn_status postgres_snapshot_check(const postgres_snapshot *snapshot, firn_error *err);
/* Keeps others from truncating or rewriting the table until the end, and fails with POSTGRES_REWRITTEN where
 * that has happened since the snapshot: PostgreSQL would then show it empty. `relation`: quoted. */
FIRN_MUST_USE firn_status postgres_snapshot_lock(const postgres_snapshot *snapshot, const char *relation,
                                                 const char *table, firn_error *err);

#endif
