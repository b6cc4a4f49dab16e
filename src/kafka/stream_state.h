/*
 * The parts of kafka_stream.c: what it has open, and the steps that have files of their own.
 */
#ifndef FIRN_KAFKA_STREAM_STATE_H
#define FIRN_KAFKA_STREAM_STATE_H

#include "kafka/dead_letter.h"
#include "kafka/kafka_stream.h"
#include "kafka/record_reader.h"
#include "kafka/stream_topic.h"

/* As many transactions as a server can have between their commit in its log and their being seen, and more. */
#define RECENT_MAX 4096u

typedef struct kafka_stream {
    change_stream         base;
    kafka_stream_settings settings;
    task_cancel          *caller; /* borrowed; NULL: none */
    kafka_consumer       *consumer;
    kafka_intake         *intake;
    record_reader        *reader;
    dead_letter          *dead;   /* NULL: not opened yet, or none */
    stream_topic         *topics;
    stream_topic         *came_last; /* the last message's; NULL: none yet */
    stream_table         *tables;
    stream_partition     *assigned; /* list */
    stream_partition     *at;       /* the one read last */
    unsigned              table_number; /* of the last dbz_table */
    uint32_t              part_count;   /* partitions that were given to us */

    /* Hand-over of partitions. */
    bool was_assigned; /* once at least */
    bool asked_caller; /* ITEM_REASSIGN was handed out */
    bool knows_ends;   /* of the partitions that are others' */
    unsigned ends_asked;

    /* The run at work, and what is to be handed out next. */
    uint64_t           ordinal; /* of the run at work, or the next one */
    uint64_t           run;     /* counts runs; 0: none yet */
    stream_partition  *running; /* NULL: no run is open */
    change_transaction transaction;
    uint32_t           recent[RECENT_MAX]; /* the source's numbers of the last transactions; a ring */
    uint64_t           recent_count;       /* of all that there were */
    topic_table       *pending_table; /* NULL: no change waits */
    unsigned           pending_steps; /* messages that it is made of */
    change             pending, last_change;
    unsigned           last_steps; /* as pending_steps */
    intake_message    *held; /* whose bytes the last item points into */
    stream_partition   *held_of; /* where it is the last one: `mark` is not made of it yet; NULL: none */
    firn_buffer        room;  /* tuples of the last change */
    firn_buffer        scratch;
    firn_error         damage; /* of the last ITEM_DAMAGED */
    char               damaged_table[256];
    const stream_topic *spot_topic; /* of the change at work; NULL: none yet */
    int32_t            spot_partition;
    int64_t            spot_offset;
    char               spot[384]; /* these, as they are told */

    uint64_t drained_us;  /* monotonic: when nothing more was there to be received, the last time */
    bool     is_settling; /* only what open transactions lack is read */
    uint64_t settling_us;
    change_stream_counts counts;
    uint64_t dead_count;
    bool     is_cancelled; /* atomic */
} kafka_stream;

/* ---- stream_start.c ---- */
FIRN_MUST_USE firn_status stream_take_tables(kafka_stream *s, const change_table_start tables[], unsigned count, firn_error *err);
/* The topics that they were read from are there, as they were when the stream was opened. */
FIRN_MUST_USE firn_status stream_check_topics(const kafka_stream *s, firn_error *err);
/* Made where it is not known; NULL: no memory. */
stream_table *stream_find_table(kafka_stream *s, const char *schema, const char *name);
stream_topic *stream_find_topic(kafka_stream *s, const char *name);
/* An event of the table came in the topic: where that shows that tables share it, it is shared from now on. Not one that is named for a table that is
 * followed: what others have in it could have been passed over, as far as that table had got. */
void                      stream_note_owner(const kafka_stream *s, stream_topic *topic, const topic_table *table);
/* Whether the table's event may be taken from it. FIRN_UNSUPPORTED (KAFKA_ROUTING). */
FIRN_MUST_USE firn_status stream_check_owner(const stream_topic *topic, const topic_table *table, firn_error *err);
/* The table in the topic; made where it is not there. */
FIRN_MUST_USE firn_status stream_table_in(kafka_stream *s, stream_topic *topic, stream_table *table, topic_table **ret_table,
                                          firn_error *err);
/* Partitions that the group gives us: where each begins, whether that can be. */
FIRN_MUST_USE firn_status stream_accept_assigned(kafka_stream *s, const rd_kafka_topic_partition_list_t *partitions, firn_error *err);
FIRN_MUST_USE firn_status stream_accept_revoked(kafka_stream *s, const rd_kafka_topic_partition_list_t *partitions, firn_error *err);

/* ---- stream_judge.c ---- */
bool                      stream_is_of_us(const kafka_stream *s, const intake_message *m);
/* The table whose row the message has. FIRN_CORRUPT (KAFKA_MESSAGE): it does not say. */
FIRN_MUST_USE firn_status stream_find_owner(kafka_stream *s, stream_partition *p, const intake_message *m, topic_table **ret_table,
                                            firn_error *err);
/* Whether the table is to get the event: it is not in its load, and did not come before. */
FIRN_MUST_USE firn_status stream_judge(kafka_stream *s, stream_partition *p, topic_table *t, const intake_message *m, bool *ret_takes,
                                       firn_error *err);
/* What comes next was here before, though it is not older than what the table has. */
FIRN_MUST_USE firn_status stream_begin_again(topic_table *t, int32_t partition, firn_error *err);
/* What has no key goes to any partition of its topic: nobody can say what came before what. */
FIRN_MUST_USE firn_status stream_check_order(const stream_topic *topic, const dbz_event *e, firn_error *err);

/* ---- kafka_stream.c ---- */
/* How long more of a transaction may take to come once its partition has no more. */
#define STREAM_GRACE_US ((uint64_t) 300000)
/* Into the message; where it was not read already. */
FIRN_MUST_USE firn_status stream_read_event(kafka_stream *s, const stream_partition *p, intake_message *m, firn_error *err);
/* Of the last message that was taken in the partition; made when somebody asks. */
uint64_t stream_mark(const kafka_stream *s, const stream_partition *p);

/* ---- stream_place.c ---- */
FIRN_MUST_USE firn_status stream_place(change_stream *stream, const char *table, const char *durable, firn_arena *arena,
                                       const char **ret_text, firn_error *err);
bool     stream_same_place(const change_stream *stream, const char *a, const char *b);
uint64_t stream_passed(change_stream *stream, const char *table, const char *durable);
void     stream_acknowledge(change_stream *stream, uint64_t position);

/* ---- stream_end.c ---- */
bool                      stream_has_reached_end(const kafka_stream *s);
FIRN_MUST_USE firn_status stream_others_reached(change_stream *stream, const change_table_start tables[], unsigned count,
                                                bool *ret_reached, firn_error *err);

/* ---- kafka_describe.c ---- */
FIRN_MUST_USE firn_status stream_describe(change_stream *stream, change_relation *relation, const table_schema *lake,
                                          const table_rules *rules, firn_arena *arena, source_description **ret_description,
                                          const int **ret_places, firn_error *err);
FIRN_MUST_USE firn_status stream_open_decoder(change_stream *stream, change_relation *relation, const source_description *description,
                                              row_decoder **ret_decoder, firn_error *err);

#endif
