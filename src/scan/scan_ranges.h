/*
 * Which rows of a Parquet file a predicate can match, by the statistics of row groups and pages.
 */
#ifndef FIRN_SCAN_SCAN_RANGES_H
#define FIRN_SCAN_SCAN_RANGES_H

#include "parquet/file_reader.h"
#include "scan/scan_predicate.h"

/* Ascending and disjoint, in the arena. NULL ranges: all rows; otherwise *ret_count may be 0. A page index that cannot
 * be read is an error. */
FIRN_MUST_USE firn_status scan_ranges_make(const parquet_file *file, const scan_predicate *where, firn_arena *arena,
                                           const parquet_row_range **ret_ranges, size_t *ret_count, firn_error *err);

#endif
