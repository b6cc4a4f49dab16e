/*
 * The columns that are read of one data file: those of the scan first, then what the condition and the equality deletes
 * need besides. Columns that the file lacks, but its partition has, become constants: their initial default.
 *
 * Spec: "Column Projection"
 */
#ifndef FIRN_SCAN_READ_COLUMNS_H
#define FIRN_SCAN_READ_COLUMNS_H

#include "parquet/file_reader.h"
#include "scan/equality_set.h"
#include "scan/scan_task.h"

FIRN_MUST_USE firn_status read_columns_make(const scan_settings *settings, const data_file *data,
                                            const parquet_file *file, const equality_set *const sets[],
                                            unsigned set_count, firn_arena *arena, table_schema **ret_schema,
                                            firn_error *err);

#endif
