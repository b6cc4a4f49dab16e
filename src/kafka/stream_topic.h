/*
 * What a stream knows of one topic: its partitions, where each is read, and the tables whose events it has.
 *
 * Owner:  a topic that is named as Debezium names it, <prefix>.<schema>.<table>, has that table's events only. All other topics
 *         are shared: every table's position has their offsets, since any table's events may come in them. So is one that is named for a
 *         table that nobody follows and has been seen to have others' events (ByLogicalTableRouter): once it is, some table's position says so
 * Places: of a table in a partition: what it has of it (from its position in the lake), and how far it has got in the source's log
 */
#ifndef FIRN_KAFKA_STREAM_TOPIC_H
#define FIRN_KAFKA_STREAM_TOPIC_H

#include "debezium/relation.h"
#include "kafka/flattened_row.h"
#include "kafka/kafka_intake.h"
#include "kafka/kafka_place.h"
#include "kafka/kafka_skip.h"

/* A table of the source, whether it is followed or not. */
typedef struct stream_table {
    const char         *schema, *name; /* owned */
    bool                is_followed;
    bool                is_stopped; /* nothing more of it is handed out */
    bool                is_keyed;   /* in the lake */
    load_point          load;
    kafka_places        places;  /* its position in the lake as it was read last */
    dbz_relation       *in_lake; /* its columns there: what a TRUNCATE is of before any row has come; referenced */
    const char *const  *key;     /* configured; NULL: the record's */
    unsigned            key_count;
    firn_arena          arena;   /* of load and places */
    struct stream_table *next;
} stream_table;

/* How far a table is in one partition. */
typedef struct table_place {
    int64_t     has_before; /* it has all before this offset */
    event_order order;
    event_order before_run; /* as it was when the run at work began */
    uint64_t    run;        /* that this is of */
} table_place;

typedef struct topic_table {
    stream_table        *table;
    bool                 is_named; /* the topic has its name */
    dbz_table           *rows;
    change_relation     *told;   /* by the last RELATION item; borrowed from `rows` */
    table_place         *places; /* by partition */
    unsigned             place_count;
    struct topic_table  *next;
} topic_table;

typedef struct stream_topic stream_topic;

typedef struct stream_partition {
    stream_topic        *topic;
    int32_t              number;
    uint32_t             origin_part; /* its number among all that were given to us; from 1 */
    bool                 is_assigned;
    bool                 from_beginning; /* some table has no offset here: what was before `low` must not be missed */
    int64_t              low;            /* when it was assigned */
    int64_t              target;         /* its end when it was assigned first, or asked for as somebody else's; -1: not yet */
    int64_t              told_offset;    /* the group was told; -1: nothing by us */
    int64_t              eof;            /* the end that was met last; -1: none */
    /* Messages that wait. */
    intake_message     **messages;
    size_t               first, count, capacity;
    uint64_t             waiting_bytes;
    /* What is read. */
    int64_t              read_offset;  /* all before was taken */
    uint64_t             mark;         /* of the message before it; 0: not known. Ask stream_mark */
    int64_t              check_offset; /* the message that is to have `check_mark`; -1: none */
    uint64_t             check_mark;
    int64_t              run_offset;   /* read_offset and mark when the run at work began */
    uint64_t             run_mark;
    row_form             form;
    const dbz_event     *head;         /* of the first message, once it was looked at; NULL: not yet */
    /* The transaction that the last message was of: more of it may come. */
    bool                 is_open;
    uint64_t             open_transaction;
    uint64_t             heard_us;     /* monotonic: of its last message, or end */
    bool                 awaits_next;  /* the first message is a delete, and what follows it is not here yet */
    uint64_t             twin_wait_us; /* how long that is waited for */
    int64_t              last_time_us; /* of the source, of the last event */
    struct stream_partition *next_assigned;
} stream_partition;

struct stream_topic {
    char               *name;
    dbz_role            role;
    bool                is_aside; /* never has rows of tables: heartbeats, messages, transactions */
    const char         *owner; /* the table's part of the name; NULL: shared */
    bool                is_shared; /* though its name is a table's */
    stream_partition  **partitions;
    unsigned            partition_count;
    topic_table        *tables;
    stream_topic       *next;
};

FIRN_MUST_USE stream_topic *stream_topic_new(const char *name, const char *prefix, const char *schema);
void                        stream_topic_free(stream_topic *topic);
/* Made where it is not there; NULL: no memory. */
FIRN_MUST_USE stream_partition *stream_topic_partition(stream_topic *topic, int32_t number);
FIRN_MUST_USE table_place      *topic_table_place(topic_table *table, int32_t partition);
void                            topic_table_free(topic_table *table);

/* Whether the table's events may come in the topic: Debezium replaces in a topic's name what Kafka does not allow. */
bool stream_topic_may_have(const stream_topic *topic, const stream_table *table);
/* Whether it has the table's name. */
bool stream_topic_is_named_for(const stream_topic *topic, const stream_table *table);

/* The waiting messages. */
FIRN_MUST_USE bool stream_partition_push(stream_partition *partition, intake_message *take_message);
/* The first one, whose owner is the caller then. */
intake_message *stream_partition_pop(stream_partition *partition);
void                stream_partition_clear(stream_partition *partition);

#endif
