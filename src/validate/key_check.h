/*
 * Keys of the lake that are null or there more than once. Reads the key columns only.
 *
 * Memory: 8 bytes a row, in as many passes over the key columns as memory_bytes makes necessary
 * Exact:  keys are compared by two independent 64-bit hashes
 */
#ifndef FIRN_VALIDATE_KEY_CHECK_H
#define FIRN_VALIDATE_KEY_CHECK_H

#include "scan/scan_reader.h"

/* `key` has the key columns. Counted are rows: of a key that is there three times, two are too many. */
FIRN_MUST_USE firn_status key_check_run(storage *files, const table_metadata *table, const snapshot *snap,
                                        table_schema *key, uint64_t row_count, size_t memory_bytes, task_cancel *cancel,
                                        uint64_t *ret_null_count, uint64_t *ret_duplicate_count, firn_error *err);

#endif
