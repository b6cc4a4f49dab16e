/*
 * The live rows of one scan task: a data file's, less what is deleted, less what the condition leaves out, in the
 * columns of the scan.
 *
 * Columns: by field id, as parquet/file_reader.h has it; a column that the file lacks is filled from its partition
 *          value where it has an identity partition field, else by schema.name-mapping.default, its initial default, or
 *          null (spec, "Column Projection")
 * Order:   of the file; the first batches are small, so that the first rows come soon
 * Memory:  settings->memory_bytes_max, footer and batches; and what scan_deletes.h keeps
 * Errors:  FIRN_UNSUPPORTED for data files that are not Parquet
 * Threads: one thread per reader, any number of readers
 */
#ifndef FIRN_SCAN_SCAN_READER_H
#define FIRN_SCAN_SCAN_READER_H

#include "batch/batch.h"
#include "iceberg/roaring64.h"
#include "scan/scan_plan.h"

/* Borrows settings and task. */
FIRN_MUST_USE firn_status scan_task_open(const scan_settings *settings, const scan_task *task, batch_reader **ret_reader,
                                         firn_error *err);
/* The same of some of the file's rows: a range by their number in it. */
FIRN_MUST_USE firn_status scan_task_open_range(const scan_settings *settings, const scan_task *task, uint64_t first_row,
                                               uint64_t row_count, batch_reader **ret_reader, firn_error *err);
/* Of the batch last returned: the row number in the data file (0 = first) of each of its rows. Ascending; valid until
 * the next call of the reader. */
const uint64_t *scan_reader_positions(const batch_reader *reader);

/* What deletion vector and position deletes delete of the task's file; NULL: nothing. The caller frees it. */
FIRN_MUST_USE firn_status scan_task_deleted(const scan_settings *settings, const scan_task *task,
                                            roaring64 **ret_deleted, firn_error *err);

/* All tasks of the scan, one after another. */
FIRN_MUST_USE firn_status scan_table_open(const scan_settings *settings, batch_reader **ret_reader, firn_error *err);
/* Of a reader of scan_table_open. */
scan_plan_stats scan_table_stats(const batch_reader *reader);

/* The number of rows that such a scan gives. Reads no more than it must: the manifest list, else manifests and deleted
 * positions; rows only where there is a condition or an equality delete. settings->columns is not looked at. */
FIRN_MUST_USE firn_status scan_table_count(const scan_settings *settings, uint64_t *ret_row_count, firn_error *err);

#endif
