/*
 * One table's changes of a window → one commit: new rows in data files, old rows in delete files, the position.
 *
 * Order:     new rows are written (new_rows.h) while keys are hashed and the commit is decided on the table as it is: places in the
 *            lake are looked up, deletes written. A base that another writer has changed is taken into the index first, and the deletes are made again.
 *            The index follows when the catalog has accepted; killed in between, the next start takes the commit in as if
 *            it were another writer's.
 * Parts:     a window that the memory cannot hold is applied in parts, each a snapshot of STAGE_BRANCH; its last part is the
 *            commit that makes the branch main. A commit of another writer to main in between is FIRN_FAILED
 *            (FOLLOW_UNDERCUT): the branch is dropped and the window read again
 * Failures:  *ret_of_table says that the table's own rows or shape are to blame: the others can go on
 * Threads:   one, and one that writes rows, which has ended when this returns
 */
#ifndef FIRN_FOLLOW_TABLE_APPLY_H
#define FIRN_FOLLOW_TABLE_APPLY_H

#include "follow/followed_table.h"

typedef struct table_apply_settings {
    change_stream *stream;
    uint64_t position;   /* of the window's end */
    uint64_t consistent; /* every followed table is complete up to here once this commit is there; 0: not said */
    bool     is_part;    /* the window goes on: its rows go to STAGE_BRANCH, and nothing is said of a position */
} table_apply_settings;

FIRN_MUST_USE firn_status table_apply(followed_table *table, const follow_context *ctx,
                                      const table_apply_settings *settings, bool *ret_of_table, firn_error *err);

/* Opens the index where it is not yet, at the table as the lake has it now. */
FIRN_MUST_USE firn_status table_apply_open_index(followed_table *table, const follow_context *ctx, firn_error *err);

#endif
