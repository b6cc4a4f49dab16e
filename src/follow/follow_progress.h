/*
 * How far the job that follows has come, for whoever watches it while it works: the job writes, others take copies.
 *
 * Counts:  since the job began, but for events_applied, which the lake knows
 * Times:   microseconds since 1970; the source's own clock for changes, ours for commits. 0: none yet
 * Threads: a lock holds; every function from any thread
 */
#ifndef FIRN_FOLLOW_FOLLOW_PROGRESS_H
#define FIRN_FOLLOW_FOLLOW_PROGRESS_H

#include "base/arena.h"
#include "base/error.h"
#include "base/histogram.h"
#include "change/change_stream.h"
#include "iceberg/snapshot.h"

#define PROGRESS_OP_COUNT (CHANGE_TRUNCATE + 1)
#define PROGRESS_REASON_MAX 512

typedef struct table_progress {
    const char *name;
    bool        is_stopped;
    char        reason[PROGRESS_REASON_MAX]; /* "": none */
    uint64_t    position;                    /* it has all that this contains */
    int64_t     last_event_us, last_commit_us;
    int64_t     oldest_pending_us; /* commit time of the oldest change that is in no commit yet */
    int64_t     events_applied;
    uint64_t    changes[PROGRESS_OP_COUNT]; /* committed, by change_op */
    uint64_t    commit_count, failed_count, row_count, deleted_row_count;
    uint64_t    data_file_count, delete_file_count, data_bytes, delete_bytes;
    snapshot_totals totals;        /* of the table as the job has left it, or found it */
    double      small_file_ratio;   /* of its data files, when it was measured last; -1: not yet */
    double      changes_per_second; /* committed, over the last five minutes or since the job began */
} table_progress;

/* Changes that were read and not applied, by reason. */
typedef enum skip_reason {
    SKIP_BEFORE_POSITION, /* the load, or an earlier run, has them */
    SKIP_TABLE_STOPPED,
    SKIP_NOT_FOLLOWED, /* a table that is not in the lake */
    SKIP_REPLAYED,     /* a window that a snapshot says was applied */
    SKIP_REASON_COUNT,
} skip_reason;

typedef struct stream_progress {
    bool     is_open;           /* changes are being read; false: the connection is lost, too */
    bool     by_ordinals;       /* positions are numbers of messages, of use within the run only */
    uint64_t set_aside;         /* messages that could not be applied and are kept elsewhere */
    uint64_t consistent;        /* all tables are complete up to here */
    uint64_t read_position;     /* all before it was read */
    uint64_t server_position;   /* the source's end, at its last word */
    int64_t  server_time_us;    /* of that word */
    int64_t  transaction_us;    /* commit time of the last transaction that was read */
    uint64_t received_bytes, spilled_bytes, transaction_count;
    uint64_t memory_bytes;      /* of changes that wait for their commit */
    uint64_t restart_count;     /* times that a lost connection was made again */
    uint64_t skipped[SKIP_REASON_COUNT];
    int64_t  heard_us;          /* when the job said last that it is connected; filled in */
} stream_progress;

/* The source's slot, as whoever watches it saw it last. */
typedef struct slot_progress {
    const char *name;   /* lives as long as the progress; NULL: nobody has looked yet */
    bool        exists, is_active;
    char        status[16]; /* "reserved", "extended", "unreserved", "lost"; "": not known */
    int64_t     retained_bytes, safe_bytes, limit_bytes; /* safe: -1 no limit at the source; limit: 0 none of ours */
} slot_progress;

#define PROGRESS_ERROR_CODES_MAX 32
typedef struct error_count {
    firn_code code;
    uint64_t  count;
} error_count;

typedef struct follow_progress follow_progress;

FIRN_MUST_USE firn_status follow_progress_new(follow_progress **ret_progress, firn_error *err);
void                      follow_progress_free(follow_progress *p);
FIRN_DEFINE_FREEP(follow_progress, follow_progress_free)

/* All calls below take NULL for: nobody watches. */

/* The tables as the job begins, or goes on with more of them (counts go on, too); names are copied. */
FIRN_MUST_USE firn_status follow_progress_begin(follow_progress *p, const table_progress tables[], unsigned count,
                                                firn_error *err);
void follow_progress_stream(follow_progress *p, const stream_progress *stream);
/* What parts of the source's stream have that was not read yet; copied. */
void follow_progress_lags(follow_progress *p, const change_lag lags[], unsigned count);
/* The source is away, and the job waits for it: until it speaks of the stream again. */
void follow_progress_lost(follow_progress *p);
void follow_progress_slot(follow_progress *p, const slot_progress *slot);
/* Something went wrong, whatever became of it. */
void follow_progress_error(follow_progress *p, firn_code code);
/* A table was measured: of its data files, so many are small. */
void follow_progress_small_files(follow_progress *p, const char *table, int64_t small_count, int64_t count);
/* Changes of a table came that wait for their commit; `number` as in begin. */
void follow_progress_pending(follow_progress *p, unsigned number, int64_t oldest_us);

typedef struct table_commit_progress {
    uint64_t position, changes[PROGRESS_OP_COUNT], row_count, deleted_row_count;
    uint64_t data_file_count, delete_file_count, data_bytes, delete_bytes, elapsed_us;
    int64_t  oldest_event_us, last_event_us;
    snapshot_totals totals;
} table_commit_progress;

void follow_progress_committed(follow_progress *p, unsigned number, const table_commit_progress *commit);
/* Rows of which values were lost were read again from the source. */
void follow_progress_reselected(follow_progress *p, uint64_t row_count);
void follow_progress_stopped(follow_progress *p, unsigned number, const char *reason);

/* A copy, in `arena`; no tables before begin. */
typedef struct follow_view {
    stream_progress stream;
    slot_progress   slot;
    unsigned        table_count, error_count, lag_count;
    uint64_t        reselected; /* rows that were read again from the source */
    table_progress *tables;
    change_lag     *lags; /* of streams that have parts */
    error_count     errors[PROGRESS_ERROR_CODES_MAX]; /* the first codes that were met */
} follow_view;
FIRN_MUST_USE firn_status follow_progress_read(follow_progress *p, firn_arena *arena, follow_view *ret_view, firn_error *err);

/* How old the oldest change of the table is that is in no commit; 0: it has all that the source has. Where
 * the connection is lost, or the job says nothing for half a minute, nobody knows what the source does: since then. */
int64_t follow_view_lag_us(const follow_view *view, const table_progress *table, int64_t now_us);
/* What the table has not of the source's log. */
uint64_t follow_view_lag_bytes(const follow_view *view, const table_progress *table);
/* The table's position; behind it, the one that all of them have reached. */
uint64_t follow_view_position(const follow_view *view, const table_progress *table);

/* A table's commits: from the source's commit of their oldest change to ours; and how long they took. Read as they are. */
const firn_histogram *follow_progress_latency(const follow_progress *p);
const firn_histogram *follow_progress_duration(const follow_progress *p);

#endif
