/*
 * The files of a snapshot: what its manifests hold that is not deleted.
 */
#ifndef FIRN_ICEBERG_LIVE_FILES_H
#define FIRN_ICEBERG_LIVE_FILES_H

#include "iceberg/manifest_file.h"
#include "iceberg/table_metadata.h"

struct storage;

typedef struct live_files {
    size_t          data_count, delete_count;
    manifest_entry *data;    /* data files, in the manifests' order */
    manifest_entry *deletes; /* position and equality delete files, deletion vectors */
} live_files;

/* Everything lives in `arena`. `snap` NULL (a table without snapshots): no files. */
FIRN_MUST_USE firn_status live_files_read(const table_metadata *table, const snapshot *snap, struct storage *files,
                                          firn_arena *arena, live_files *ret_files, firn_error *err);

#endif
