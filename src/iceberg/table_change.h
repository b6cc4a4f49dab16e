/*
 * What a commit shall make true of a table, said without a base: it survives rebases. snapshot_producer.h
 * turns it into files and new metadata on a base; catalog/commit.h repeats that on conflicts.
 *
 * Everything is borrowed for the call.
 */
#ifndef FIRN_ICEBERG_TABLE_CHANGE_H
#define FIRN_ICEBERG_TABLE_CHANGE_H

#include <stdbool.h>

#include "base/uuid.h"
#include "batch/schema.h"
#include "iceberg/data_file.h"
#include "iceberg/table_property.h"

#define TABLE_COMMIT_ID_KEY "firn.commit-id"

/* See manifest_merge.h. */
typedef struct manifest_merge_settings {
    int64_t  target_size_bytes;
    unsigned count_min; /* fewer small manifests of a kind than this are left alone */
} manifest_merge_settings;

typedef struct table_change {
    /* UUIDv7, made before the first attempt and kept through all of them; goes to the snapshot summary and to
     * the property firn.commit-id. All zero: catalog/commit.c makes one. */
    firn_uuid     commit_id;
    table_schema *schema;         /* a new table's, or the evolved one (with field ids); NULL: as it is */
    int           format_version; /* a new table: 2 (default when 0) or 3; ignored on a base */

    /* Settings as in sources.yaml; for a new table only. */
    const char *const *partition_by;
    unsigned           partition_by_count;
    const char *const *sort_by;
    unsigned           sort_by_count;

    const table_property *properties; /* set */
    unsigned              property_count;
    const char *const    *removed_properties;
    unsigned              removed_property_count;

    /* "append", "overwrite", "delete", "replace"; NULL: no snapshot (then nothing below counts, but what goes). */
    const char      *operation;
    /* Data and delete files, each of a spec that the table has. On a base of version 3, position deletes are deletion
     * vectors: a position delete file is FIRN_CONFLICT there (the table was upgraded meanwhile). */
    const data_file *added;
    unsigned         added_count;
    /* Data sequence number of the added data files, where their rows are older than the commit (compaction: so that
     * equality deletes that came meanwhile still apply). 0: the commit's own. */
    int64_t          added_sequence_number;
    /* All data and delete files that are there go. */
    bool replace_all;
    /* These files go; one that is missing from the base is FIRN_CONFLICT. */
    const char *const    *removed_paths;
    unsigned              removed_path_count;
    /* These deletion vectors go, as their manifest entries have them (removed_paths never takes one: its file holds
     * others too); one that is missing from the base is FIRN_CONFLICT. An added vector must be the only one of its data
     * file then: if another writer has put one there meanwhile, FIRN_CONFLICT. */
    const data_file      *removed_vectors;
    unsigned              removed_vector_count;
    /* These data files must be live on the base, else FIRN_CONFLICT: rows of them are deleted. Not looked for where the
     * base's current snapshot is required_at (0: none), in which the caller saw them. */
    const char *const    *required_paths;
    unsigned              required_path_count;
    int64_t               required_at;
    const table_property *summary; /* further entries */
    unsigned              summary_count;
    /* Manifests are put together (manifest_merge.h); target_size_bytes 0: each stays as it is. */
    manifest_merge_settings manifest_merge;

    /* The new snapshot goes on from this branch's head and becomes it; main stays as it is, and the branch begins there
     * where it is not yet. NULL: main. */
    const char *branch;
    /* main goes on from this branch's head, and the branch goes; also without `operation`. A head that does not descend
     * from main's is FIRN_CONFLICT. NULL: none. */
    const char *merged_branch;

    /* Snapshots and refs that go from the metadata (snapshot_removal.h), also without `operation`; none of their files
     * is removed. What the base has not is passed over; a snapshot that a ref of the base still names is FIRN_CONFLICT. */
    const int64_t     *removed_snapshots;
    unsigned           removed_snapshot_count;
    const char *const *removed_refs;
    unsigned           removed_ref_count;
} table_change;

/* What the reference implementation calls a change of rows that adds data files, adds delete files, removes data files. */
static inline const char *
table_change_operation(bool adds_data, bool adds_deletes, bool removes_data)
{
    if (adds_data && !adds_deletes && !removes_data) return "append";
    return !adds_data && (adds_deletes || removes_data) ? "delete" : "overwrite";
}

#endif
