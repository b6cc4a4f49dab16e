/*
 * What the Parquet writer counted → a data_file's facts.
 *
 * Counts:  column sizes for every leaf; value, null and NaN counts and bounds only for leaves that are not
 *          below a list or map, where they would not count rows
 * Bounds:  single values; texts cut to 16 characters, binaries to 16 bytes, the upper one rounded up or
 *          left out; no NaN; a zero bound of a float gets the sign that is safe
 */
#ifndef FIRN_ICEBERG_METRICS_H
#define FIRN_ICEBERG_METRICS_H

#include "iceberg/data_file.h"

struct parquet_file_info;
struct table_schema;

#define METRICS_TEXT_CHARACTERS 16
#define METRICS_BINARY_BYTES 16

/* Fills format, counts, columns, split offsets; content DATA, no partition, no sort order. The rest is the
 * caller's. `location` is copied into the arena. */
FIRN_MUST_USE firn_status metrics_of_parquet(const struct parquet_file_info *info, const struct table_schema *schema,
                                             const char *location, firn_arena *arena, data_file *ret_file,
                                             firn_error *err);

#endif
