/*
 * Bounds and counts of a leaf's values, over a page, a column chunk or a whole file.
 *
 * Spec:   parquet.thrift, struct Statistics and union ColumnOrder (TYPE_ORDER)
 * Order:  signed for integers, decimals and times; unsigned bytes for strings, binaries, fixed, uuid
 * Floats: NaN is counted and kept out; a zero bound is written as -0.0 (min) and +0.0 (max)
 * Bytes:  bounds of more than PARQUET_BOUND_MAX bytes are cut: the lower one down, the upper one up, at a
 *         character boundary where the column is a string
 */
#ifndef FIRN_PARQUET_STATISTICS_H
#define FIRN_PARQUET_STATISTICS_H

#include "base/decimal.h"
#include "parquet/file_writer.h"
#include "parquet/parquet_schema.h"
#include "parquet/value_view.h"

/* One byte more than a bound can have: enough to order values and to know which were cut. */
#define VALUE_PREFIX_MAX (PARQUET_BOUND_MAX + 1)

typedef struct value_prefix {
    uint8_t size;
    uint8_t bytes[VALUE_PREFIX_MAX];
} value_prefix;

typedef struct value_stats {
    uint64_t null_count, nan_count;
    bool     has_bounds;
    union {
        struct {
            int64_t min, max;
        } whole; /* LANE_BOOL, integers of LANE_32 and LANE_64 */
        struct {
            double min, max;
        } real;
        struct {
            int128 min, max;
        } wide; /* LANE_128 */
        struct {
            value_prefix min, max;
        } text; /* LANE_BYTES */
    };
} value_stats;

/* A bound in Parquet's PLAIN bytes, without a length prefix. */
typedef struct parquet_bound {
    bool    is_present, is_exact;
    uint8_t size;
    uint8_t bytes[PARQUET_BOUND_MAX];
} parquet_bound;

/* The bounds alone; nulls are counted by the caller. */
void value_stats_add(value_stats *stats, const parquet_leaf *leaf, const value_view *values);
/* One value of LANE_BYTES. */
void value_stats_add_bytes(value_stats *stats, const uint8_t *bytes, size_t size);
void value_stats_merge(value_stats *stats, const parquet_leaf *leaf, const value_stats *other);
void value_stats_bounds(const value_stats *stats, const parquet_leaf *leaf, parquet_bound *ret_min,
                        parquet_bound *ret_max);
/* Whether every value of a decimal leaf has at most the digits of its type; true for others. */
bool value_stats_fit(const value_stats *stats, const parquet_leaf *leaf);
/* How two bounds of the leaf compare: <0, 0, >0. For the page index. */
int  parquet_bound_compare(const parquet_leaf *leaf, const parquet_bound *a, const parquet_bound *b);

#endif
