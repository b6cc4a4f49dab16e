/*
 * The rows that a table's window brings → data files; values that did not come with the changes are put in (row_holes.h, row_reselect.h).
 *
 * Threads: the rows of a large window are written in a thread of their own, beside a caller who hashes the keys and looks for the old
 *          rows. Until it has joined, the caller leaves alone: the window's changes, the decoder of rows (without a key from the
 *          beginning, else that of keys once they are hashed), the stream, the table's base, the hashes. The index is read by both,
 *          and not to be changed
 */
#ifndef FIRN_FOLLOW_NEW_ROWS_H
#define FIRN_FOLLOW_NEW_ROWS_H

#include "follow/followed_table.h"
#include "write/roll_writer.h"

/* A row of a table without a key. */
typedef struct new_copy {
    uint32_t   entry;
    roll_place place;
} new_copy;

typedef struct new_rows {
    /* The caller's; borrowed. */
    const followed_table *table;
    const follow_context *ctx;
    change_stream        *stream;
    table_schema         *schema; /* the lake's */
    const key_hash       *hashes; /* per entry; being made until the keys are hashed */
    const char           *data_location, *commit_id;

    task_group *thread; /* NULL: none */
    task_lock  *guard;  /* of the next one */
    enum { KEYS_AWAITED, KEYS_HASHED, KEYS_MISSING } keys;
    firn_error  failed;
    bool        reselects;

    /* What became of it. */
    bool           of_table; /* where it failed: its own rows are to blame */
    data_file_list files;    /* whoever has them may have to discard them */
    uint64_t       row_count, coerced_count; /* the latter beside the decoder's */
    roll_place    *places;   /* per entry with a row: where that lies. Keyed */
    bool          *left_out; /* per entry: its row is gone at the source (row_reselect.h). Keyed */
    uint64_t       left_out_count;
    new_copy      *copies; /* without a key */
    size_t         copy_count;
} new_rows;

/* Before the keys are hashed. The caller's part is filled, the rest zero. */
FIRN_MUST_USE firn_status new_rows_begin(new_rows *n, firn_error *err);
/* The keys are hashed; where no thread is at work, the rows are written now. */
FIRN_MUST_USE firn_status new_rows_go_on(new_rows *n, firn_error *err);
/* Waits until they are written. False, also when asked again: n->failed says why they are not. Before the keys are hashed: they will
 * not be. */
FIRN_MUST_USE bool new_rows_join(new_rows *n);
void               new_rows_done(new_rows *n); /* joined */

#endif
