/*
 * The rows of keys that differ, read once more: some of them as text for people, all of them for a repair.
 *
 * Text:  at most VALIDATE_TEXT_MAX bytes a value
 */
#ifndef FIRN_VALIDATE_ROW_DETAIL_H
#define FIRN_VALIDATE_ROW_DETAIL_H

#include "validate/row_compare.h"
#include "validate/validate_job.h"

#define VALIDATE_TEXT_MAX 120

/* Called for each row of a differing key, by one thread at a time; NULL: not wanted. */
typedef firn_status (*row_detail_visit)(void *state, const pair_rows *rows, int64_t row, firn_error *err);

/* Fills shown, column_differences and ranges of `result`; texts live in its arena. What `visit` keeps of tasks lives as long as the
 * pass. */
FIRN_MUST_USE firn_status row_detail_run(const table_pair *pair, const row_compare *compare, row_detail_visit visit,
                                         void *state, validate_table_result *result, pair_pass **ret_pass,
                                         firn_error *err);

#endif
