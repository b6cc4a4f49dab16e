/*
 * All files that snapshots of a table hold: manifest lists, manifests, data and delete files.
 *
 * A manifest that many snapshots have is read once. Live entries only: what a snapshot has deleted, it does not need.
 */
#ifndef FIRN_MAINTAIN_REACHABLE_FILES_H
#define FIRN_MAINTAIN_REACHABLE_FILES_H

#include "iceberg/data_file.h"
#include "iceberg/table_metadata.h"
#include "maintain/file_set.h"

struct storage;

typedef struct reachable_files {
    /* In. */
    struct storage       *files;
    const table_metadata *table;
    /* Out. */
    file_set  set;
    firn_map *manifests; /* paths that were gone through */
} reachable_files;

FIRN_MUST_USE firn_status reachable_files_init(reachable_files *r, const table_metadata *table, struct storage *files,
                                               firn_error *err);
void                      reachable_files_done(reachable_files *r);
/* The manifest list and the manifests' own paths, not what is in them. */
FIRN_MUST_USE firn_status reachable_files_add_manifests(reachable_files *r, const snapshot *s, firn_error *err);
/* All of it. */
FIRN_MUST_USE firn_status reachable_files_add_snapshot(reachable_files *r, const snapshot *s, firn_error *err);
/* The metadata file, those in its log, statistics files, and all snapshots. */
FIRN_MUST_USE firn_status reachable_files_add_table(reachable_files *r, firn_error *err);

/* Live files of one manifest, one after another; a file lives for the call. */
typedef firn_status (*manifest_visit)(void *state, const data_file *file, firn_error *err);
struct manifest_file;
FIRN_MUST_USE firn_status reachable_files_of_manifest(struct storage *files, const table_metadata *table,
                                                      const struct manifest_file *manifest, manifest_visit visit,
                                                      void *state, firn_error *err);

#endif
