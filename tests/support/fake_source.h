/*
 * A source of generated rows, with connections that break when they are told to: the test double of
 * source/source.h. Rows of table n: (id long key, text string), ids from 0.
 */
#ifndef FIRN_TESTS_SUPPORT_FAKE_SOURCE_H
#define FIRN_TESTS_SUPPORT_FAKE_SOURCE_H

#include "source/source.h"

#include <stdatomic.h>

typedef struct fake_table {
    const char *name;
    int64_t     row_count;
    table_kind  kind;
} fake_table;

typedef struct fake_source {
    source            base;
    const fake_table *tables;
    unsigned          table_count;
    unsigned          splits_per_table;
    uint64_t          row_bytes; /* how large a table is said to be */
    const char       *identity, *position;
    const char       *snapshot; /* that is alive */
    /* The n-th batch of the whole life breaks the connection (1-based; 0: never), `break_count` times in a row. */
    _Atomic int       break_at_batch;
    firn_code         break_code;
    _Atomic int       batches, opens;
    void (*at_batch)(void *state, int number); /* or NULL: called with each batch's number, before it is made */
    void             *at_batch_state;
    firn_code         freeze_code; /* freeze fails with it; FIRN_E_NONE: it does not */
    int64_t           altered_from, altered_to; /* ids whose text is "altered", where it is not null; the second is none of them */
    int64_t           miscount; /* added to what the server says it sent */
} fake_source;

/* In place; ops.free does nothing. */
void fake_source_init(fake_source *f, const fake_table tables[], unsigned table_count);

#endif
