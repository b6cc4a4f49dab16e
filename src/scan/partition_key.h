/*
 * A partition (spec and values) as bytes: equal bytes are equal partitions.
 *
 * Spec: "Scan Planning", note 3 for floats. Values of before a type promotion equal those of after.
 */
#ifndef FIRN_SCAN_PARTITION_KEY_H
#define FIRN_SCAN_PARTITION_KEY_H

#include "iceberg/data_file.h"
#include "iceberg/table_metadata.h"

/* Appends. A file whose spec the table has not is FIRN_CORRUPT. */
FIRN_MUST_USE firn_status partition_key_add(const table_metadata *table, const data_file *file, firn_buffer *out,
                                            firn_error *err);

#endif
