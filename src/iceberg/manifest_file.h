/*
 * What a manifest list says about a manifest, and what a manifest says about a file.
 * Spec: apache/iceberg format/spec.md, "Manifest Lists", "Manifest Entry Fields".
 */
#ifndef FIRN_ICEBERG_MANIFEST_FILE_H
#define FIRN_ICEBERG_MANIFEST_FILE_H

#include "iceberg/data_file.h"

/* A sequence number that the commit will give, a count or id that is not known. */
#define MANIFEST_UNASSIGNED INT64_C(-1)

typedef enum manifest_content { MANIFEST_DATA = 0, MANIFEST_DELETES = 1 } manifest_content;

typedef struct partition_summary {
    bool       contains_null;
    int        contains_nan; /* -1: not known */
    firn_slice lower, upper; /* single values; data == NULL: none */
} partition_summary;

typedef struct manifest_file {
    const char              *path;
    int64_t                  size_bytes;
    int32_t                  spec_id;
    manifest_content         content;
    int64_t                  sequence_number, min_sequence_number; /* MANIFEST_UNASSIGNED: new in this commit */
    int64_t                  added_snapshot_id;
    int64_t                  added_file_count, existing_file_count, deleted_file_count; /* -1: not known (v1) */
    int64_t                  added_row_count, existing_row_count, deleted_row_count;    /* the same */
    unsigned                 partition_count;
    const partition_summary *partitions; /* NULL: not known */
    firn_slice               key_metadata;
    int64_t                  first_row_id; /* -1: none (v3) */
} manifest_file;

typedef enum manifest_entry_status { ENTRY_EXISTING = 0, ENTRY_ADDED = 1, ENTRY_DELETED = 2 } manifest_entry_status;

/* Sequence numbers as read are already inherited. */
typedef struct manifest_entry {
    manifest_entry_status status;
    int64_t               snapshot_id;          /* where the file was added, or deleted */
    int64_t               sequence_number;      /* of the data */
    int64_t               file_sequence_number; /* when the file was added; -1: not known (old writers) */
    data_file             file;
} manifest_entry;

/* Deep copy into an arena. */
FIRN_MUST_USE firn_status manifest_file_copy(const manifest_file *file, firn_arena *arena, manifest_file *ret_copy,
                                             firn_error *err);

#endif
