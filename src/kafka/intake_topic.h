/*
 * What the records of one topic have in common, so that the next one is read faster: the envelope and the schema blocks of the one
 * before, which tables' events it has, and what those tables' rows look like (debezium/row_shape.h).
 *
 * Tables:  an intake_origin is a table as events name it. Whoever takes the messages says what its rows look like when that has
 *          changed (intake_origin_renew); until then it makes the changes itself
 * Threads: the intake's, but for renewing, and for an origin's texts, which never change
 */
#ifndef FIRN_KAFKA_INTAKE_TOPIC_H
#define FIRN_KAFKA_INTAKE_TOPIC_H

#include "debezium/event_memo.h"
#include "debezium/row_shape.h"
#include "kafka/kafka_intake.h"

/* Tables of a topic that are told apart here. */
#define INTAKE_ORIGINS_MAX 4096u

typedef struct origin_name {
    jtoken_kind kind;
    firn_slice  text; /* owned */
} origin_name;

struct intake_origin {
    struct topic_table *table;   /* of whoever takes; NULL: not looked for yet */
    uint64_t            told_id; /* of whoever takes: the shape that was given last; 0: none */
    bool                is_of_prefix; /* the connector is the one that is followed */
    origin_name         name, schema_name, table_name;
    dbz_row_shape      *row_shape; /* NULL: not known */
    dbz_row_shape      *renewed;   /* under the intake's lock: to be taken by its thread; NULL: none */
    intake_origin      *next;
};

typedef struct intake_topic {
    char                *name;
    dbz_role             role;
    const char          *prefix; /* borrowed */
    dbz_event_memo      *memo;
    firn_buffer          key_schema, value_schema; /* of the record before */
    intake_origin       *origins; /* the last one's first */
    unsigned             origin_count;
    firn_error           ignored;
    struct intake_topic *next;
} intake_topic;

/* Whether an event is of the connector with this topic prefix, or does not say of which. */
bool source_is_of_prefix(const dbz_source *source, const char *prefix);

/* NULL: no memory. */
intake_topic *intake_topic_new(const char *name, const char *prefix);
void          intake_topic_free(intake_topic *topic);

/* Reads the message, if that is possible here: was_read. Damage is left to whoever takes it. */
void intake_topic_read(intake_topic *topic, intake_message *message);
/* What the rows look like from now on; under the lock. */
void intake_topic_take_renewed(intake_topic *topic);

#endif
