/*
 * What a load tells while it runs: events as they happen (any thread), and counters to be polled.
 */
#ifndef FIRN_LOAD_LOAD_EVENTS_H
#define FIRN_LOAD_LOAD_EVENTS_H

#include "base/error.h"

#include <stdatomic.h>
#include <stdint.h>

/* Counters of one table, written by its workers, read by whoever draws progress. */
typedef struct load_table_progress {
    const char       *name;
    uint64_t          row_estimate, byte_estimate; /* fixed at the plan; bytes are the heap's */
    _Atomic unsigned  state;                       /* load_state */
    _Atomic uint64_t  row_count, byte_count;       /* read so far (bytes as received) */
    _Atomic uint64_t  file_bytes;
    _Atomic unsigned  split_count, split_done_count;
    _Atomic int64_t   started_us, ended_us;
} load_table_progress;

/* Lives from LOAD_EVENT_PLANNED until load_run returns. */
typedef struct load_progress {
    unsigned             table_count;
    load_table_progress *tables; /* biggest first: the order of work */
    int64_t              started_us;
} load_progress;

typedef enum load_event_kind {
    LOAD_EVENT_PLANNED,         /* progress is valid from now */
    LOAD_EVENT_TABLE_STARTED,
    LOAD_EVENT_TABLE_WARNING,   /* message: no primary key …, left out … */
    LOAD_EVENT_TABLE_RETRY,     /* attempt, delay_ms, error */
    LOAD_EVENT_TABLE_COMMITTED, /* rows, file_bytes, file_count, snapshot_id, elapsed_ms */
    LOAD_EVENT_TABLE_SKIPPED,   /* message: why */
    LOAD_EVENT_TABLE_FAILED,    /* error */
    LOAD_EVENT_WARNING,         /* of the job */
    LOAD_EVENT_NOTE,            /* of the job */
    LOAD_EVENT_ENDED,           /* progress is about to go */
} load_event_kind;

typedef struct load_event {
    load_event_kind      kind;
    const char          *table;   /* NULL for the job's own */
    const char          *message; /* or NULL */
    const firn_error    *error;   /* or NULL; borrowed for the call */
    const load_progress *progress;
    uint64_t             row_count, file_bytes, elapsed_ms, delay_ms;
    unsigned             file_count, attempt;
    int64_t              snapshot_id;
} load_event;

typedef struct load_events {
    void (*emit)(void *state, const load_event *event); /* any thread */
    void *state;
} load_events;

#endif
