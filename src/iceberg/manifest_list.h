/*
 * The list of a snapshot's manifests: written for format versions 2 and 3, read for 1 to 3.
 * Spec: apache/iceberg format/spec.md, "Manifest Lists", "First Row ID Assignment".
 */
#ifndef FIRN_ICEBERG_MANIFEST_LIST_H
#define FIRN_ICEBERG_MANIFEST_LIST_H

#include "iceberg/manifest_file.h"

struct storage;

typedef struct manifest_list_options {
    int     format_version; /* 2 or 3 */
    int64_t snapshot_id;
    int64_t parent_snapshot_id; /* -1: none */
    int64_t sequence_number;    /* of the snapshot: given to manifests that have none */
    int64_t first_row_id;       /* v3: the table's next-row-id; else -1 */
} manifest_list_options;

/* Gives sequence numbers and, in v3, first row ids where they are missing, in the order of the array.
 * *ret_next_row_id (may be NULL): the table's next-row-id afterwards; v2: untouched. */
FIRN_MUST_USE firn_status manifest_list_write(struct storage *files, const char *location,
                                              const manifest_list_options *options, const manifest_file manifests[],
                                              size_t manifest_count, int64_t *ret_next_row_id, firn_error *err);
/* All manifests; texts and arrays live in `arena`. */
FIRN_MUST_USE firn_status manifest_list_read(struct storage *files, const char *location, firn_arena *arena,
                                             const manifest_file **ret_manifests, size_t *ret_count, firn_error *err);

#endif
