/*
 * Appends values and nulls to one column by type, any nesting, and finishes it into an ArrowArray.
 * Not for the COPY hot path (postgres/copy_decode fills its own buffers) but for everything else.
 */
#ifndef FIRN_BATCH_COLUMN_BUILDER_H
#define FIRN_BATCH_COLUMN_BUILDER_H

#include "base/decimal.h"
#include "batch/batch.h"

typedef struct column_builder column_builder;

/* Borrows `type`. The limit counts all buffers together. */
FIRN_MUST_USE firn_status column_builder_new(const data_type *type, size_t size_bytes_max,
                                             column_builder **ret_builder, firn_error *err);
void column_builder_free(column_builder *b);

int64_t column_builder_count(const column_builder *b);
FIRN_MUST_USE firn_status column_add_null(column_builder *b, firn_error *err);
FIRN_MUST_USE firn_status column_add_bool(column_builder *b, bool value, firn_error *err);
/* int, long, date, time, timestamp, timestamptz, decimal up to 18 digits. */
FIRN_MUST_USE firn_status column_add_i64(column_builder *b, int64_t value, firn_error *err);
FIRN_MUST_USE firn_status column_add_decimal(column_builder *b, int128 value, firn_error *err);
FIRN_MUST_USE firn_status column_add_double(column_builder *b, double value, firn_error *err); /* float too */
/* string, binary, uuid, fixed. */
FIRN_MUST_USE firn_status column_add_bytes(column_builder *b, firn_slice value, firn_error *err);
FIRN_MUST_USE firn_status column_add_text(column_builder *b, const char *value, firn_error *err); /* NULL: null */
/* Children: list → 0 (element); map → 0 key, 1 value; struct → its fields. Fill the children first,
 * then end the parent: for a list or map, all child values since the last end belong to it; for a
 * struct each child must have got exactly one value. */
column_builder *column_child(column_builder *b, unsigned index);
FIRN_MUST_USE firn_status column_end(column_builder *b, firn_error *err);

/* Takes all rows from `count` on out again, the last one may be half made, children too. */
void column_rewind(column_builder *b, int64_t count);

/* Moves out what was built and leaves the builder empty. */
FIRN_MUST_USE firn_status column_builder_finish(column_builder *b, struct ArrowArray *ret_array, firn_error *err);
/* Finishes `count` builders as the columns of a batch of `schema`. */
FIRN_MUST_USE firn_status batch_from_builders(table_schema *schema, column_builder *const builders[],
                                              batch *ret_batch, firn_error *err);
FIRN_DEFINE_FREEP(column_builder, column_builder_free)

#endif
