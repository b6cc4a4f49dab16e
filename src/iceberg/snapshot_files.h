/*
 * The manifests of a new snapshot: those of the one before, those that had to be rewritten because files go,
 * and new ones with what was added.
 *
 * Kept:     a manifest with live files that loses none is listed as it is
 * Rewritten: one that loses files: these as deleted, the others as existing
 * Left out: one without live files, as the reference implementation does
 */
#ifndef FIRN_ICEBERG_SNAPSHOT_FILES_H
#define FIRN_ICEBERG_SNAPSHOT_FILES_H

#include "base/map.h"
#include "base/uuid.h"
#include "iceberg/manifest_file.h"
#include "iceberg/removed_files.h"
#include "iceberg/summary_counts.h"
#include "iceberg/table_change.h"
#include "iceberg/table_metadata.h"

struct storage;

typedef struct snapshot_files {
    /* In; all borrowed. */
    struct storage       *files;
    const table_change   *change;
    const table_metadata *table; /* the draft of the new version: location, schema, specs, format version */
    const snapshot       *parent; /* NULL: none */
    firn_uuid             attempt;
    int64_t               snapshot_id;
    firn_arena           *arena;
    /* Out; in the arena, but for the map. */
    size_t         manifest_count, manifest_capacity;
    manifest_file *manifests;
    summary_counts counts;
    int64_t        merged_manifest_count, merge_result_count, merged_entry_count; /* of change->manifest_merge */
    /* Within. */
    unsigned  file_number;
    firn_map *partitions; /* paths that were touched */
    removed_files removed;
} snapshot_files;

/* FIRN_CONFLICT: as removed_files_check says. */
FIRN_MUST_USE firn_status snapshot_files_make(snapshot_files *s, firn_error *err);
void                      snapshot_files_done(snapshot_files *s);

#endif
