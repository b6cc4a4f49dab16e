/*
 * All rows of a table on both sides → the keys whose rows differ. See validate_job.h.
 */
#ifndef FIRN_VALIDATE_ROW_COMPARE_H
#define FIRN_VALIDATE_ROW_COMPARE_H

#include "validate/table_pair.h"

/* A key's hash, and how many rows of it have no equal on the other side. */
typedef struct key_difference {
    uint64_t key_hash;
    uint64_t order; /* of the key's first column, where the pair has one */
    uint64_t only_source, only_lake;
} key_difference;

typedef struct row_compare {
    uint64_t        source_rows, lake_rows;
    bool            is_partial; /* more rows differ than memory holds: these are a part */
    size_t          count;
    key_difference *differences; /* by key_hash, ascending */
} row_compare;
void row_compare_done(row_compare *compare);

/* memory_bytes bounds what is kept of rows that may differ. */
FIRN_MUST_USE firn_status row_compare_run(const table_pair *pair, size_t memory_bytes, row_compare *ret_compare,
                                          firn_error *err);
/* Of a row that the pair has read; 0 where the pair has no order. */
uint64_t row_compare_order(const table_pair *pair, const pair_rows *rows, int64_t row);
/* NULL: the key's rows do not differ. */
const key_difference *row_compare_find(const row_compare *compare, uint64_t key_hash);

#endif
