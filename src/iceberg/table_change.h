/*
 * What a commit shall make true of a table, said without a base: it survives rebases. snapshot_producer.h
 * turns it into files and new metadata on a base; catalog/commit.h repeats that on conflicts.
 *
 * Everything is borrowed for the call.
 */
#ifndef FIRN_ICEBERG_TABLE_CHANGE_H
#define FIRN_ICEBERG_TABLE_CHANGE_H

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
    const data_file *added; /* data and delete files; spec_id is the table's default spec's */
    unsigned         added_count;
    /* Data sequence number of the added data files, where their rows are older than the commit (compaction: so that
     * equality deletes that came meanwhile still apply). 0: the commit's own. */
    int64_t          added_sequence_number;
    /* All data and delete files that are there go. */
    bool replace_all;
    /* These files go; one that is missing from the base is FIRN_CONFLICT. */
    const char *const    *removed_paths;
    unsigned              removed_path_count;
    const table_property *summary; /* further entries */
    unsigned              summary_count;
    /* Manifests are put together (manifest_merge.h); target_size_bytes 0: each stays as it is. */
    manifest_merge_settings manifest_merge;

    /* Snapshots and refs that go from the metadata (snapshot_removal.h), also without `operation`; none of their files
     * is removed. What the base has not is passed over; a snapshot that a ref of the base still names is FIRN_CONFLICT. */
    const int64_t     *removed_snapshots;
    unsigned           removed_snapshot_count;
    const char *const *removed_refs;
    unsigned           removed_ref_count;
} table_change;

#endif
