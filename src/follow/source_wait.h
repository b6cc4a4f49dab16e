/*
 * A source that does not answer while a table's columns are to be described, or the stream is to be opened again: it is asked again,
 * about as long as a stream itself waits for its connection (ten minutes). Meanwhile nothing is read, so that nothing is lost, and
 * /readyz says so.
 */
#ifndef FIRN_FOLLOW_SOURCE_WAIT_H
#define FIRN_FOLLOW_SOURCE_WAIT_H

#include "follow/followed_table.h"
#include "task/retry.h"

typedef struct source_wait {
    const follow_context *ctx;
    const char           *table; /* NULL: the stream as a whole */
    task_retry            retry;
    bool                  was_told;
} source_wait;

source_wait source_wait_of(const follow_context *ctx, const char *table);

/* After an attempt that ended as *err says. True: *err is taken, some time has gone by, try again. False: *err stands (it may be that of
 * success), or the job was cancelled meanwhile (FIRN_CANCELLED). */
FIRN_MUST_USE bool source_wait_again(source_wait *wait, firn_error *err);

#endif
