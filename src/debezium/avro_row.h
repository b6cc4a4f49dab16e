/*
 * Rows in Avro → tuples of change/change.h, by a plan that is made once per schema.
 *
 * Values:  'b' with the value's Avro bytes, without the branch of a union; strings and bytes without their length, int and
 *          long in their shortest form: equal values of a key have equal bytes, whether their field may be null or not.
 *          'n' null; 'u' what Debezium did not have: the placeholder as text or bytes, as an array's only item, as a map's
 *          only key, or as the numbers of its bytes
 * Columns: the record's fields in their order, without those that ExtractNewRecordState adds; of a key's record those of
 *          the same name, all others null
 * Memory:  a plan borrows schema and names; tuples are written to the caller's room
 * Threads: one plan, one thread
 */
#ifndef FIRN_DEBEZIUM_AVRO_ROW_H
#define FIRN_DEBEZIUM_AVRO_ROW_H

#include "avro/avro_schema.h"
#include "base/error.h"
#include "change/change.h"

typedef struct avro_row avro_row;

/* The columns that `row` has: names and, by turns, types (never a union; NULL: null only). */
typedef struct avro_row_column {
    const char        *name;
    const avro_schema *type;
    bool               is_optional;
} avro_row_column;

/* DEBEZIUM_EVENT: too many columns, a union of several types. `unavailable`: Debezium's placeholder. */
FIRN_MUST_USE firn_status avro_row_new(const avro_schema *record, bool is_flattened, const char *unavailable,
                                       avro_row **ret_row, firn_error *err);
/* Of a key: its fields are put to the columns of `row`. */
FIRN_MUST_USE firn_status avro_row_new_of_key(const avro_schema *record, const avro_row *row, avro_row **ret_row,
                                              firn_error *err);
void avro_row_free(avro_row *row);
FIRN_DEFINE_FREEP(avro_row, avro_row_free)

const avro_row_column *avro_row_columns(const avro_row *row, unsigned *ret_count);
/* Only these columns are not null in tuples by `key_only`. */
void avro_row_set_key(avro_row *row, unsigned column_index);

/* Bytes that avro_row_tuple writes at most. */
size_t avro_row_room(const avro_row *row, firn_slice bytes);
/* `bytes` is one record; the tuple lies in `room`, *ret_size bytes of it. `has_all`: a row of a snapshot, which lacks
 * nothing. DEBEZIUM_EVENT. */
FIRN_MUST_USE firn_status avro_row_tuple(avro_row *row, firn_slice bytes, bool key_only, bool has_all, uint8_t *room,
                                         change_tuple *ret_tuple, size_t *ret_size, firn_error *err);

#endif
