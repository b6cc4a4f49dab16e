/*
 * A Parquet file of a storage, opened by its manifest entry.
 */
#ifndef FIRN_SCAN_STORED_FILE_H
#define FIRN_SCAN_STORED_FILE_H

#include "iceberg/data_file.h"
#include "parquet/file_reader.h"
#include "storage/storage.h"

typedef struct stored_file {
    storage       *files;
    const char    *location;
    parquet_source source;
    parquet_file  *file;
} stored_file;

/* FIRN_UNSUPPORTED for formats other than Parquet. Borrows storage and `entry`'s path; must not be moved while open. */
FIRN_MUST_USE firn_status stored_file_open(stored_file *stored, storage *files, const data_file *entry,
                                           size_t memory_bytes_max, firn_error *err);
void                      stored_file_done(stored_file *stored); /* {0} is fine */

#endif
