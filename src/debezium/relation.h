/*
 * Tables as Debezium's records show them: columns from the members of rows or from the schema block, and how the bytes of
 * each column are to be read. Rows become tuples in the framing of change/change.h.
 *
 * Shapes:   a dbz_relation begins with a change_relation and is used as one: an equal shape keeps the same object. Schemas
 *           off: the members of a row, in their order, are the shape. A key-only or row-less event keeps the newest one.
 * Key:      the members of the record's key, without what a router has added (dbz_is_routed_member), unless the caller names the columns
 * Tuples:   't' with the value's JSON token as it stands in the message, quotes and escapes included (Avro: 'b' with the
 *           field's Avro bytes); 'n' null; 'u' for a value that Debezium did not have (`__debezium_unavailable_value` in all
 *           its forms). Key columns have one spelling whatever event they are in.
 * Old rows: of a table with a key only the key columns are taken (old_is_key): under REPLICA IDENTITY DEFAULT the others are
 *           made up. Without a key the whole `before` is true (REPLICA IDENTITY FULL).
 * Threads:  a dbz_table belongs to one thread, relations are shared and immutable
 */
#ifndef FIRN_DEBEZIUM_RELATION_H
#define FIRN_DEBEZIUM_RELATION_H

#include "base/arena.h"
#include "change/change.h"
#include "debezium/event.h"

typedef struct dbz_column {
    firn_slice member; /* the member's name as it stands in messages, between its quotes */
    firn_slice schema; /* the column's schema as the message has it (form_json_read), or in Avro; size 0: schemas are off */
} dbz_column;

/* `base.columns[i]` and `columns[i]` are one column. base.columns[i].type_oid and typmod are a hash of its schema, so that a
 * change of a type is a change of the relation. One allocation, freed by change_relation_unref. */
typedef struct dbz_relation {
    change_relation   base;
    dbz_connector     connector;
    bool              is_avro;
    const dbz_column *columns;
} dbz_relation;

static inline const dbz_relation *
dbz_relation_of(const change_relation *relation)
{
    return (const dbz_relation *) (const void *) relation;
}

typedef struct dbz_table_settings {
    const char        *schema, *name; /* of the source's table; copied */
    uint32_t           id;            /* change_relation.id: the caller's number for it */
    const char *const *key;           /* columns by name, copied; NULL: those of the record's key */
    unsigned           key_count;
    const char        *unavailable; /* `unavailable.value.placeholder`, copied; NULL: Debezium's default */
} dbz_table_settings;

/* One source table in one topic. */
typedef struct dbz_table dbz_table;

FIRN_MUST_USE firn_status dbz_table_new(const dbz_table_settings *settings, dbz_table **ret_table, firn_error *err);
void                      dbz_table_free(dbz_table *table);
FIRN_DEFINE_FREEP(dbz_table, dbz_table_free)

/* The newest shape; borrowed; NULL: no row seen yet. */
dbz_relation *dbz_table_relation(const dbz_table *table);
/* All that is known of its events, for dbz_row_shape_change; borrowed until the next change; NULL: none seen yet, or Avro. */
typedef struct dbz_row_shape dbz_row_shape;
FIRN_MUST_USE firn_status dbz_table_shape(dbz_table *table, dbz_row_shape **ret_shape, firn_error *err);
/* Of that one, where it was asked for since it changed; else 0. */
uint64_t dbz_table_shape_id(const dbz_table *table);
/* For dbz_record: the schema blocks seen last. */
firn_slice dbz_table_key_schema(const dbz_table *table);
firn_slice dbz_table_value_schema(const dbz_table *table);

/* Bytes that the change of an event in JSON takes at most. */
size_t dbz_event_room(const dbz_event *event, unsigned column_count);
/* Bytes that dbz_table_change writes at most for this event. */
size_t dbz_table_room(const dbz_table *table, const dbz_event *event);
/* A row's event (c u d r t) → a change: relation (the newest shape, borrowed from the table until the next call) and tuples,
 * written to `room`, which has dbz_table_room bytes and lives as long as they shall. The relation of a TRUNCATE is NULL
 * where no row has shown it yet.
 *   CREATE, READ → INSERT; UPDATE → UPDATE without an old row (Debezium makes a delete and a create of a changed key; a
 *   table without key: with it); DELETE → DELETE; TRUNCATE → TRUNCATE. */
FIRN_MUST_USE firn_status dbz_table_change(dbz_table *table, const dbz_event *event, uint8_t *room, change *ret_change,
                                           firn_error *err);

/* The columns of the record's key, for tables that are made from events: names in `arena`; none: count 0. */
FIRN_MUST_USE firn_status dbz_key_columns(const dbz_event *event, firn_arena *arena, const char *const **ret_names,
                                          unsigned *ret_count, firn_error *err);

#endif
