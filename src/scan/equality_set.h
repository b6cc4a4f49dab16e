/*
 * Keys that equality delete files delete, each with the highest sequence number that deletes it: a row goes where its
 * key's number is higher than that of the row's data file. So one set serves all data files of a partition.
 *
 * Spec:    "Equality Delete Files"; a null equals a null
 * Limits:  memory_bytes_max of keys and table together; past it FIRN_UNSUPPORTED (SCAN_LIMIT)
 * Threads: one thread while it is filled; readers share it afterwards
 */
#ifndef FIRN_SCAN_EQUALITY_SET_H
#define FIRN_SCAN_EQUALITY_SET_H

#include "scan/column_path.h"

typedef struct equality_set equality_set;

/* The delete columns in any order; their fields must live as long as the set. Paths are copied. */
FIRN_MUST_USE firn_status equality_set_new(const column_path columns[], unsigned column_count, size_t memory_bytes_max,
                                           equality_set **ret_set, firn_error *err);
void                      equality_set_free(equality_set *set);
FIRN_DEFINE_FREEP(equality_set, equality_set_free)

unsigned           equality_set_column_count(const equality_set *set);
const column_path *equality_set_columns(const equality_set *set);
uint64_t           equality_set_count(const equality_set *set);

/* The keys of all rows; `schema` holds the delete columns (column_rows_find). */
FIRN_MUST_USE firn_status equality_set_add(equality_set *set, const table_schema *schema,
                                           const struct ArrowArray *rows, int64_t sequence_number, firn_error *err);
/* Clears keep[i] where row i is deleted from a data file with this sequence number. `key` is scratch. */
FIRN_MUST_USE firn_status equality_set_apply(const equality_set *set, const table_schema *schema,
                                             const struct ArrowArray *rows, int64_t sequence_number, firn_buffer *key,
                                             uint8_t keep[], firn_error *err);

#endif
