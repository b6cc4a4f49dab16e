/*
 * What the envelopes of one topic have in common, so that the next one is compared instead of read: behind the rows, only digits and the
 * letter of the operation differ from one event to the next.
 *
 * Learnt from an envelope that was read: constant bytes, and between them the values that may differ: numbers, digits in `sequence` and
 * in the transaction's id, `op`. An envelope that fits gives just what reading it would have given; any other is read.
 *
 * Rows:    where the one before it ended so many bytes before the message's end, `after` ends there, too, if all behind it fits. The row
 *          itself is checked by whoever takes its values.
 * Memory:  the memo's copy of an envelope, EVENT_MEMO_SIZE_MAX
 * Threads: one at a time
 */
#ifndef FIRN_DEBEZIUM_EVENT_MEMO_H
#define FIRN_DEBEZIUM_EVENT_MEMO_H

#include "debezium/source_block.h"

#define EVENT_MEMO_SIZE_MAX 4096u

/* NULL: no memory. */
FIRN_MUST_USE dbz_event_memo *dbz_event_memo_new(void);
void                          dbz_event_memo_free(dbz_event_memo *memo);

/* What an envelope says besides the event. */
typedef struct envelope_tail {
    time_tokens    times;
    bool           has_op;
    dbz_event_kind kind;
} envelope_tail;

/* What follows `after`, whose value is next in the scan or was read. False: it does not fit, nothing was taken. */
FIRN_MUST_USE bool event_memo_take(dbz_event_memo *memo, jscan *s, dbz_event *event, envelope_tail *ret_tail);
/* `after`'s value is next: both it and what follows. */
FIRN_MUST_USE bool event_memo_take_row(dbz_event_memo *memo, jscan *s, dbz_event *event, envelope_tail *ret_tail);
/* From an envelope that was read whole: from behind `after` to behind the closing brace; `left`: bytes of the message behind that. */
void event_memo_learn(dbz_event_memo *memo, firn_slice tail, size_t left);

/* In event.c. */
bool dbz_op_kind(const jtoken *op, dbz_event_kind *ret_kind);
void dbz_transaction_member(const jtoken *name, const jtoken *value, dbz_transaction *transaction);

#endif
