/*
 * The identity of rows that move to another file (format version 3): their _row_id and _last_updated_sequence_number go
 * with them, as columns of the new file.
 *
 * Spec:  format/spec.md, "Row Lineage": null values in a file (or columns that it has not) are inherited from its
 *        manifest entry: first_row_id plus the row's position, and the data sequence number; written out they are what
 *        they were before the move
 */
#ifndef FIRN_MAINTAIN_ROW_LINEAGE_H
#define FIRN_MAINTAIN_ROW_LINEAGE_H

#include "batch/batch.h"
#include "iceberg/data_file.h"
#include "iceberg/manifest_file.h"

#define ROW_LINEAGE_COLUMNS 2

/* Reserved field ids. */
#define ROW_LINEAGE_ROW_ID 2147483540
#define ROW_LINEAGE_UPDATED_ID 2147483539

/* The table's columns with the two behind them. */
FIRN_MUST_USE firn_status row_lineage_schema(const table_schema *table, table_schema **ret_schema, firn_error *err);
/* Fills in what the rows of a batch (of such a schema) inherit from their file; positions[i]: of row i in it. */
FIRN_MUST_USE firn_status row_lineage_fill(batch *rows, const manifest_entry *file, const uint64_t positions[],
                                           firn_error *err);
/* What `row_count` rows of a file from `first_row` on inherit, as a struct array of the two columns; the file has neither. */
FIRN_MUST_USE firn_status row_lineage_make(const manifest_entry *file, uint64_t first_row, uint64_t row_count,
                                           struct ArrowArray *ret_rows, firn_error *err);
/* Takes the two columns out of a new file's facts: readers' metrics are about the table's columns. */
void                      row_lineage_strip(data_file *file);

#endif
