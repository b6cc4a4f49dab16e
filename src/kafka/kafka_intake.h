/*
 * Takes messages from a consumer in a thread of its own, reads what the records in JSON say and makes changes of them, while the caller is
 * at work on those before: the stream finds the event and the change beside the message, and need not look at its bytes.
 *
 * Order:   of a partition as they came; ends of partitions and failures are in it
 * Reading: what says nothing of rows, Avro (its schemas may have to be asked for) and what is damaged is left to the caller
 * Memory:  as many bytes of messages as are given to start, and INTAKE_MESSAGES_MAX messages, wait here; what was taken is the caller's
 * Hand-over: while it is held nothing is read from the consumer, and all that was can be taken without waiting
 * Threads: one of its own; everything here from one other thread
 */
#ifndef FIRN_KAFKA_KAFKA_INTAKE_H
#define FIRN_KAFKA_KAFKA_INTAKE_H

#include "debezium/relation.h"
#include "kafka/kafka_consumer.h"

#define INTAKE_BATCH 256u
#define INTAKE_MESSAGES_MAX (8u * INTAKE_BATCH)

typedef struct kafka_intake kafka_intake;
typedef struct intake_batch intake_batch;
typedef struct intake_origin intake_origin; /* a table as the events of a topic name it (kafka/intake_topic.h) */

typedef struct intake_message {
    rd_kafka_message_t *record; /* owned; an end of a partition, or a failure, has its err */
    bool                was_read;
    dbz_event           event; /* where it was read: by us, or by whoever has taken the message */
    bool                has_new_key;  /* a delete that is the first half of a changed key */
    uint64_t            content_hash; /* of a row's event: event_content_hash */
    /* Where it was read here. */
    intake_origin      *origin;       /* NULL: not told apart */
    uint64_t            row_shape_id; /* that `change` was made by; 0: it was not */
    change              change;       /* its bytes lie here until the message is dropped */
    intake_batch       *batch;
} intake_message;

/* `topic_prefix` is borrowed, as is the consumer, which is read by nobody else from now on. */
FIRN_MUST_USE firn_status kafka_intake_start(kafka_consumer *consumer, const char *topic_prefix, size_t bytes_max,
                                             kafka_intake **ret_intake, firn_error *err);
/* When all that was taken is dropped. */
void kafka_intake_free(kafka_intake *intake);
FIRN_DEFINE_FREEP(kafka_intake, kafka_intake_free)

/* The next ones, INTAKE_BATCH at most, each to be dropped; none: the time is up, or the group has changed. Errors: as
 * kafka_consumer_read, once what came before is taken. */
FIRN_MUST_USE firn_status kafka_intake_take(kafka_intake *intake, uint64_t timeout_ms, intake_message *ret_messages[], unsigned *ret_count,
                                            firn_error *err);
void intake_message_drop(intake_message *message);
/* The event was read into it: what else is asked of each. */
void intake_message_was_read(intake_message *message);
/* The rows of that table look so from now on: what is read from now on comes with its changes. */
void intake_origin_renew(kafka_intake *intake, intake_origin *origin, dbz_row_shape *shape);

void kafka_intake_hold(kafka_intake *intake);
void kafka_intake_release(kafka_intake *intake);
/* Whether all that the consumer has was taken. */
bool kafka_intake_is_drained(kafka_intake *intake);

#endif
