/*
 * What a table's relation is made of, and its rows are written by, where records come in Avro: the part of relation.c that
 * knows of schemas instead of members.
 */
#ifndef FIRN_DEBEZIUM_AVRO_SHAPE_H
#define FIRN_DEBEZIUM_AVRO_SHAPE_H

#include "debezium/avro_plan.h"
#include "debezium/form_json.h"
#include "debezium/relation.h"

typedef struct avro_shape avro_shape;

/* The columns of the rows, each with the text of its Avro schema; in `arena`. */
FIRN_MUST_USE firn_status avro_shape_columns(const dbz_avro_plan *value, firn_arena *arena, schema_column **ret_columns,
                                             unsigned *ret_count, firn_error *err);
/* The names of a key's fields, a NUL behind each. */
FIRN_MUST_USE firn_status avro_key_names(const dbz_avro_plan *key, firn_buffer *out, firn_error *err);

/* Replaces *shape by that of the event's schemas; the relation has avro_shape_columns' columns and says which are the key. */
FIRN_MUST_USE firn_status avro_shape_renew(avro_shape **shape, const dbz_event *event, const change_relation *relation,
                                           const char *unavailable, firn_error *err);
void avro_shape_free(avro_shape *shape);
/* Whether it is of the event's schemas; those that the event lacks don't count. `shape` may be NULL. */
bool avro_shape_fits(const avro_shape *shape, const dbz_event *event);

/* Bytes for all tuples of an event. */
size_t avro_shape_room(const dbz_event *event);
/* A row, or the event's key, as a tuple at *at, which moves behind it. */
FIRN_MUST_USE firn_status avro_shape_row(avro_shape *shape, const dbz_event *event, firn_slice row, bool keys_only, uint8_t **at,
                                         change_tuple *ret_tuple, firn_error *err);
FIRN_MUST_USE firn_status avro_shape_key(avro_shape *shape, const dbz_event *event, uint8_t **at, change_tuple *ret_tuple,
                                         firn_error *err);

#endif
