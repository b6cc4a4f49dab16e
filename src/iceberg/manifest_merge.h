/*
 * Many small manifests → few: the live entries of the small ones of a kind (data or deletes, partition spec), in the
 * order of their partitions, so that readers can pass over whole manifests again.
 *
 * Taken: manifests below three quarters of the target size; a kind with fewer of them than count_min is left alone, as
 *        is one that would not become fewer
 */
#ifndef FIRN_ICEBERG_MANIFEST_MERGE_H
#define FIRN_ICEBERG_MANIFEST_MERGE_H

#include "iceberg/snapshot_files.h"

/* Replaces s->manifests by what they are merged to, as change->manifest_merge asks. */
FIRN_MUST_USE firn_status manifest_merge(snapshot_files *s, firn_error *err);
/* How many of these manifests would be merged, and to how many; 0 where there is nothing to do. */
size_t manifest_merge_count(const manifest_merge_settings *settings, const manifest_file manifests[], size_t count,
                            size_t *ret_result_count);

#endif
