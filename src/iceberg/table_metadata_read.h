/*
 * Table metadata files → table_metadata. Format versions 1 to 3, plain or gzip, by any writer; untrusted.
 *
 * Spec:   "Table Metadata", appendix C
 * Errors: FIRN_CORRUPT with the file and the place in it; FIRN_UNSUPPORTED for a later format version, or a current
 *         schema with types that firn has not
 */
#ifndef FIRN_ICEBERG_TABLE_METADATA_READ_H
#define FIRN_ICEBERG_TABLE_METADATA_READ_H

#include "iceberg/table_metadata.h"

struct storage;

/* `location` is the file's, for messages and the metadata log; may be NULL. */
FIRN_MUST_USE firn_status table_metadata_read(firn_slice json, const char *location, table_metadata **ret_metadata,
                                              firn_error *err);
/* Reads the file; a name that ends in .gz.metadata.json or .metadata.json.gz is gzip. */
FIRN_MUST_USE firn_status table_metadata_load(struct storage *files, const char *location,
                                              table_metadata **ret_metadata, firn_error *err);

#endif
