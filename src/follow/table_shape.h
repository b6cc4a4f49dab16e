/*
 * One shape of a source table while its changes are read: how its tuples become rows of the table in the lake.
 *
 * Key:      what rows are found by: the lake's key where old rows have it, else the columns of the replica identity, else
 *           (REPLICA IDENTITY FULL, no key) all columns
 * Decoders: one for rows, and one for keys alone, since an old key comes without the other columns
 * Threads:  made in the stream's thread; used by one at a time
 */
#ifndef FIRN_FOLLOW_TABLE_SHAPE_H
#define FIRN_FOLLOW_TABLE_SHAPE_H

#include "change/change_stream.h"
#include "follow/schema_evolution.h"

typedef struct table_shape {
    change_relation    *relation; /* referenced */
    uint32_t            repeat_count; /* the relation's, when its columns were looked up last */
    firn_arena          arena;
    source_description *description, *key_description;
    schema_evolution    evolution; /* from the lake's table as it was when the shape was made */
    row_decoder        *rows, *keys; /* keys NULL: all columns are the key */
    row_decoder        *row_check, *key_check; /* the same once more, for changes as they come; NULL: they are not looked at then */
    unsigned            key_count;
    const unsigned     *key_columns;   /* in the relation */
    const int32_t      *key_field_ids; /* in the lake */
    table_schema       *key_schema;    /* these fields, in this order; NULL: all columns are the key */
} table_shape;

/* FIRN_USAGE (FOLLOW_NO_IDENTITY): updates and deletes of this table cannot be followed; the hint has the SQL. */
FIRN_MUST_USE firn_status table_shape_new(change_stream *stream, change_relation *relation, const table_rules *rules,
                                          const table_metadata *lake, schema_policy policy, table_shape **ret_shape,
                                          firn_error *err);
void                      table_shape_free(table_shape *shape);
FIRN_DEFINE_FREEP(table_shape, table_shape_free)

/* Whether the change can be decoded, where the stream keeps aside what cannot: *ret_why says why not. Else it is taken for good.
 * `collects_damage` as in the decoder of rows. */
FIRN_MUST_USE firn_status table_shape_check(const table_shape *shape, const change *event, bool collects_damage, firn_error *ret_why,
                                            firn_error *err);
/* A key as row_entry has it → a tuple of all columns, null but for the key. */
FIRN_MUST_USE firn_status table_shape_key_tuple(const table_shape *shape, firn_slice key, firn_buffer *scratch,
                                                change_tuple *ret_tuple, firn_error *err);
/* Rows as the decoder gives them → the columns of `schema` (the lake's, or that of the evolution); moves what it needs out of
 * `rows`. A column that the source does not have is null. */
FIRN_MUST_USE firn_status table_shape_arrange(const table_shape *shape, const table_schema *schema, batch *rows,
                                              struct ArrowArray *ret_array, firn_error *err);
/* Keys as their decoder gives them → the columns of key_schema. */
FIRN_MUST_USE firn_status table_shape_arrange_keys(const table_shape *shape, batch *keys, struct ArrowArray *ret_array,
                                                   firn_error *err);

#endif
