/*
 * A followed table meets its changes in a shape that is new to it: how that is to be read, and what the lake's schema
 * becomes. What is done is recorded in _schema_changes before it is done, so that a crash in between forgets nothing.
 */
#ifndef FIRN_FOLLOW_TABLE_EVOLVE_H
#define FIRN_FOLLOW_TABLE_EVOLVE_H

#include "follow/followed_table.h"

typedef struct table_evolve_settings {
    change_stream   *stream;
    change_relation *relation;
    uint64_t         position; /* of the transaction that has the first change in the new shape */
    int64_t          changed_at_us;
} table_evolve_settings;

/* table->shape is the new one afterwards. *ret_of_table: this table cannot be followed any further (FOLLOW_SHAPE, or no replica
 * identity). The window must not have changes of the table. */
FIRN_MUST_USE firn_status table_evolve(followed_table *table, const follow_context *ctx,
                                       const table_evolve_settings *settings, bool *ret_of_table, firn_error *err);

/* The stream has described table->shape's relation again, in the same words: columns may have been dropped and made again, or have changed
 * their names among them. *ret_same: they are those of the shape. Errors as above. */
FIRN_MUST_USE firn_status table_evolve_look_again(followed_table *table, const follow_context *ctx, const table_evolve_settings *settings,
                                                  bool *ret_same, bool *ret_of_table, firn_error *err);

/* What the lake says of the relation whose rows it has; 0: nothing. */
uint32_t table_evolve_known_relation(const followed_table *table);

/* The source's table is gone, or another one (SCHEMA_DROP_TABLE, SCHEMA_RECREATE_TABLE): recorded. FIRN_FAILED (FOLLOW_SHAPE)
 * says so, for stopping the table with; any other failure is the job's. */
FIRN_MUST_USE firn_status table_evolve_lost(followed_table *table, const follow_context *ctx, schema_change_kind kind,
                                            uint32_t relation_id, uint64_t position, int64_t changed_at_us, firn_error *err);

#endif
