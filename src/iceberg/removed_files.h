/*
 * Which files of a base go with a change, and whether the base still has what the change counts on.
 *
 * By path:   data and delete files that removed_paths names; never a deletion vector, since its file holds others too
 * By place:  deletion vectors that removed_vectors names
 * With data: a data file that goes takes along its vector and the position delete files that are its own
 * Counted on: required_paths are live data files; an added vector is the only one of its data file
 */
#ifndef FIRN_ICEBERG_REMOVED_FILES_H
#define FIRN_ICEBERG_REMOVED_FILES_H

#include "base/map.h"
#include "iceberg/manifest_file.h"
#include "iceberg/snapshot.h"
#include "iceberg/table_change.h"

typedef struct removed_files {
    const table_change *change;
    firn_map           *paths, *required; /* values: whether found */
    firn_map           *vectors;          /* those that go, by data file */
    firn_map           *targets;          /* data files that get one; value: whether one is there */
    data_file          *vectors_wanted;
    bool                reads_data;       /* whether manifests of data files must be read */
} removed_files;

/* `parent` NULL: no snapshot. Everything is borrowed until done. */
FIRN_MUST_USE firn_status removed_files_init(removed_files *r, const table_change *change, const snapshot *parent,
                                             firn_error *err);
void                      removed_files_done(removed_files *r);
/* Whether manifests of this kind can hold something that matters here. */
bool                      removed_files_reads(const removed_files *r, manifest_content content);
/* Whether this live file goes; asked once for each of them, data files first. */
bool                      removed_files_has(removed_files *r, const data_file *file);
/* After all live files were asked for: FIRN_CONFLICT (CATALOG_FILE_GONE) where one is missing, or a vector is there
 * that the change does not know. */
FIRN_MUST_USE firn_status removed_files_check(const removed_files *r, firn_error *err);

#endif
