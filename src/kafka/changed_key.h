/*
 * A changed key in the stream: of an update that changed it Debezium makes a delete, a tombstone and a create, all of one place in the
 * log, the first saying that the last is to come (headers __debezium.newkey, oldkey). Part of kafka_stream.c.
 *
 * Between the two the connector may be killed (it sends both anew) or stopped: the offset that both have was stored with the delete, and
 * it goes on behind them (3.2.0).
 */
#ifndef FIRN_KAFKA_CHANGED_KEY_H
#define FIRN_KAFKA_CHANGED_KEY_H

#include "kafka/stream_state.h"

/* What comes behind a delete. */
typedef enum changed_key {
    CHANGED_KEY_OTHER, /* nothing that belongs to it */
    CHANGED_KEY_TWIN,  /* its create */
    CHANGED_KEY_NOT_YET,
    CHANGED_KEY_AGAIN, /* the connector was killed before the create, and sends both anew */
    CHANGED_KEY_LOST,  /* it was stopped before the create, and goes on behind it */
} changed_key;

/* Of the partition's first message. p->awaits_next: what comes behind it is to be waited for. *ret_twin: what is there, `steps` messages
 * together with the first one. */
FIRN_MUST_USE firn_status changed_key_await(kafka_stream *s, stream_partition *p, const intake_message **ret_twin, unsigned *ret_steps,
                                            changed_key *ret_next, firn_error *err);
/* The partition was at its end, and nothing more came: time in which nobody looked does not count, as that of a commit. */
bool changed_key_has_waited(const kafka_stream *s, const stream_partition *p);
/* Values that such a create does not have (unchanged TOAST) are those of the row with the old key: both are one update then. The
 * delete is the pending change. */
FIRN_MUST_USE firn_status changed_key_join(kafka_stream *s, stream_partition *p, topic_table *t, const intake_message *twin, unsigned steps,
                                           firn_error *err);
/* Of CHANGED_KEY_LOST. */
FIRN_MUST_USE firn_status changed_key_fail_lost(firn_error *err);

#endif
