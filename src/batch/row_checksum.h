/*
 * An order-independent checksum of rows: the same rows in any order, cut into any batches, give the same
 * sum, and sums of parts add up to the sum of the whole. Stored in snapshot summaries, so it never changes
 * its meaning; ROW_CHECKSUM_VERSION would.
 *
 * Value:  counts by what it means, not by how wide it is stored: int and long, float and double, decimals of
 *         any precision with the same scale agree. Null is a value of its own; all NaN are one; -0.0 and 0.0
 *         differ; a map's entries may come in any order.
 * Row:    its values with the column's place among the columns; summed over the rows modulo 2^64
 * Cost:   some 2 ns a value (bench/bench_row_checksum.c)
 * Not for: hostile data; someone who can choose rows can make two sums agree.
 */
#ifndef FIRN_BATCH_ROW_CHECKSUM_H
#define FIRN_BATCH_ROW_CHECKSUM_H

#include "batch/schema.h"

#define ROW_CHECKSUM_VERSION 1
#define ROW_CHECKSUM_TEXT_MAX 48

typedef struct row_checksum {
    uint64_t row_count, sum;
} row_checksum;

/* Adds all rows of a struct array with the schema's columns; the array's offset is honoured. */
void row_checksum_add(row_checksum *checksum, const table_schema *schema, const struct ArrowArray *rows);
static inline void
row_checksum_merge(row_checksum *to, const row_checksum *from)
{
    to->row_count += from->row_count;
    to->sum += from->sum;
}

/* hashes[i] of each row, made of some columns only: columns[k] is the index of the one at place k. With all columns in
 * their order these are the numbers that the checksum sums. */
void row_hashes(const table_schema *schema, const struct ArrowArray *rows, const unsigned columns[],
                unsigned column_count, uint64_t hashes[]);

/* "1:6000000:9f86d081884c7d65": version, rows, sum. */
void row_checksum_format(const row_checksum *checksum, char out[ROW_CHECKSUM_TEXT_MAX]);

#endif
