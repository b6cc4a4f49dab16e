/*
 * Names of the files below a table's location. Readers find files by the locations in the metadata, never by
 * their names; these are as the reference implementation forms them, so that people find their way.
 * All live in the arena; NULL: no memory.
 */
#ifndef FIRN_ICEBERG_FILE_NAMES_H
#define FIRN_ICEBERG_FILE_NAMES_H

#include "base/arena.h"
#include "base/uuid.h"

/* <location>/data: where data files go. */
FIRN_MUST_USE char *file_name_data_folder(firn_arena *arena, const char *table_location);
FIRN_MUST_USE char *file_name_metadata_folder(firn_arena *arena, const char *table_location);
/* metadata/<attempt>-m<number>.avro; the attempt's id keeps those of two attempts apart. */
FIRN_MUST_USE char *file_name_manifest(firn_arena *arena, const char *table_location, firn_uuid attempt,
                                       unsigned number);
/* metadata/snap-<snapshot>-1-<attempt>.avro */
FIRN_MUST_USE char *file_name_manifest_list(firn_arena *arena, const char *table_location, int64_t snapshot_id,
                                            firn_uuid attempt);
/* The N of "vN.metadata.json", "vN.gz.metadata.json", "vN.metadata.json.gz"; false: no such name. */
FIRN_MUST_USE bool file_name_metadata_version(const char *name, int64_t *ret_version);

#endif
