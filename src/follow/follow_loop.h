/*
 * The loop of the job that follows: items of the stream into windows, windows into commits, and what was committed is
 * acknowledged. One thread.
 */
#ifndef FIRN_FOLLOW_FOLLOW_LOOP_H
#define FIRN_FOLLOW_FOLLOW_LOOP_H

#include "follow/followed_table.h"
#include "follow/position_cut.h"

typedef struct follow_loop {
    const follow_context *ctx;
    const follow_feed    *feed;
    followed_table       *tables;
    unsigned              table_count;
    firn_arena            arena;
    const char           *identity;   /* whose positions these are; in the arena, since the lake's tables are read anew */
    uint64_t              consistent; /* every followed table has all up to here, and the lake says so */
    uint64_t              start_position; /* of the stream */
    change_stream        *stream;
    task_cancel          *stream_cancel; /* not the job's: a transaction may be read to its end */
    bool                  as_text;
    unsigned              undercut_count; /* large windows that had to be read again */

    /* The transaction that is being read. */
    bool     in_transaction, transaction_has_changes;
    uint64_t commit_position;
    int64_t  commit_time_us;
    uint32_t xid;
    /* The window: whole transactions, but for the one being read. */
    uint64_t window_end;      /* all before it was read */
    uint64_t window_changes;
    size_t   window_bytes;    /* of memory, in all tables */
    uint64_t window_began_us; /* its first change; 0: none yet */
    bool     is_staged;       /* parts of it are on the tables' STAGE_BRANCH */
    uint64_t noted_us;        /* when the lake was last told of an idle source */
    /* What others are told of us. */
    bool     status_is_old;   /* something happened that _cdc_status does not say */
    uint64_t looked_us; /* when the source was last asked for its tables; monotonic, 0: not yet */
    uint64_t status_us, published_us, lags_us, told_us, others_us; /* the last time; monotonic, 0: not yet */
    uint64_t set_aside; /* by streams before this one */

    uint64_t target; /* until_caught_up, until_position: 0 not */
    position_cut cut; /* where somebody else wants a commit */
    uint64_t change_count, commit_count, transaction_count, received_bytes;
    uint64_t restart_count, skipped[SKIP_REASON_COUNT];
    bool     caught_up;
    bool     wants_load; /* ended because tables are to be loaded */
    bool     wants_round; /* ended because there are more tables now */
} follow_loop;

/* Opens the stream. */
FIRN_MUST_USE firn_status follow_loop_open(follow_loop *loop, firn_error *err);
/* FIRN_OK: cancelled, caught up, or a load is wanted; whole transactions are committed. FIRN_FAILED (FOLLOW_FENCED), of a stream of
 * ordinals: somebody else has moved what we read, or a table; nothing of the window was committed there, and the tables are to be looked at anew. */
FIRN_MUST_USE firn_status follow_loop_run(follow_loop *loop, firn_error *err);
void                      follow_loop_done(follow_loop *loop);
/* Writes the tables' rows of _cdc_status, where something happened since. A failure is a warning. */
void                      follow_loop_keep_status(follow_loop *loop);

/* The table is not followed any more, durably: before anything is acknowledged that it lacks. `consistent` 0: not said. */
FIRN_MUST_USE firn_status follow_loop_stop_table(follow_loop *loop, followed_table *table, uint64_t consistent,
                                                 const firn_error *why, firn_error *err);

#endif
