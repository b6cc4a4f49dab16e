/*
 * Where a table stands in Kafka: per topic and partition the offset that it needs next, and what it takes to recognise a topic
 * that was made anew and an event that came before.
 *
 * Text:    one line of JSON, kept in the table's firn.position:
 *          {"kafka":"CLUSTER","topics":{"dev.shop.public.orders":{"0":[1234,"8f0c…",[23088,23104],2,"91ab…",1764360000000000]}}}
 *          next offset; mark of the message before it; order (two or four numbers) and number of the events with the highest order so far, a hash of
 *          the first of them, and the time of their commit. The last four are missing where no event was taken yet.
 *          "since":"0/1A2B": the position of the stream of the slot itself from which the table came to Kafka; missing where none
 * Mark:    hash of the message's time, key and value: librdkafka 2.0 does not tell a topic's id, and offsets alone look the same
 *          in a topic that was made anew, or whose tail an unclean election has replaced
 * Limits:  KAFKA_PLACES_MAX entries
 */
#ifndef FIRN_KAFKA_KAFKA_PLACE_H
#define FIRN_KAFKA_KAFKA_PLACE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "debezium/event.h"

#define KAFKA_PLACES_MAX 1000000u

typedef struct kafka_place {
    const char *topic; /* in the arena of whoever reads */
    int32_t     partition;
    int64_t     next_offset;
    uint64_t    mark; /* of the message at next_offset - 1; 0: not known */
    bool        has_order;
    dbz_order   order;
    uint32_t    order_count; /* events that had this order */
    uint64_t    order_hash;  /* of the first one */
    int64_t     commit_us;   /* of their transaction; 0: not known */
} kafka_place;

typedef struct kafka_places {
    const char  *cluster_id; /* NULL: the text is none of Kafka's */
    const char  *since;      /* NULL: none */
    kafka_place *places;     /* by topic, then partition */
    unsigned     count;
} kafka_places;

/* FIRN_CORRUPT (FOLLOW_POSITION): not such a text. `name` is for messages. */
FIRN_MUST_USE firn_status kafka_places_parse(const char *text, const char *name, firn_arena *arena, kafka_places *ret_places,
                                             firn_error *err);
FIRN_MUST_USE firn_status kafka_places_format(const kafka_places *places, firn_buffer *out, firn_error *err);
/* Ascending, as parse gives them. */
void               kafka_places_sort(kafka_places *places);
const kafka_place *kafka_places_find(const kafka_places *places, const char *topic, int32_t partition);
/* Whether the topic is named at all. */
bool               kafka_places_has_topic(const kafka_places *places, const char *topic);

#endif
