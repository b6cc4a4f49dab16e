/*
 * What is scanned, and a piece of it: one data file with the deletes that apply to it.
 */
#ifndef FIRN_SCAN_SCAN_TASK_H
#define FIRN_SCAN_SCAN_TASK_H

#include "iceberg/manifest_file.h"
#include "iceberg/table_metadata.h"
#include "scan/scan_predicate.h"
#include "storage/storage.h"
#include "task/cancel.h"

#define SCAN_BATCH_ROWS_DEFAULT 65536
#define SCAN_MEMORY_BYTES_DEFAULT ((size_t) 256 << 20)

/* All of it is borrowed for as long as plans and readers made of it live. */
typedef struct scan_settings {
    storage               *files;
    const table_metadata  *table;
    const snapshot        *snap;    /* NULL: a table without rows */
    table_schema          *columns; /* the wanted columns, by field id; any subset and order, parts of structs too */
    const scan_predicate  *where;   /* NULL: all rows */
    size_t                 batch_rows;       /* at most; 0: the default */
    size_t                 memory_bytes_max; /* of an open task; the deletes that tasks share may take the same
                                              * again. 0: the default */
    task_cancel           *cancel;           /* NULL: never */
    bool                   with_column_facts; /* tasks keep the counts and bounds of their data file's columns */
} scan_settings;

struct scan_deletes;

typedef struct scan_task {
    const manifest_entry        *data;
    unsigned                     delete_count; /* the deletion vector alone, or position delete files; equality deletes */
    const manifest_entry *const *deletes;
    struct scan_deletes         *shared; /* the plan's, for what tasks share */
} scan_task;

#endif
