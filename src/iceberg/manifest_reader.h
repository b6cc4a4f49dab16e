/*
 * A manifest → entries, of format versions 1 to 3 and of any writer: fields are found by their ids
 * in the manifest's own Avro schema. Untrusted input.
 *
 * Inheritance: sequence numbers, snapshot id and first_row_id are filled in from the manifest list's line
 * Errors:      FIRN_CORRUPT, FIRN_UNSUPPORTED with the manifest's location
 * Threads:     one thread per reader
 */
#ifndef FIRN_ICEBERG_MANIFEST_READER_H
#define FIRN_ICEBERG_MANIFEST_READER_H

#include "iceberg/manifest_file.h"

typedef struct manifest_reader manifest_reader;
struct partition_spec;
struct storage;

/* `spec` orders the partition values; NULL: as the manifest has them. Both are borrowed for the call only. */
FIRN_MUST_USE firn_status manifest_reader_open(struct storage *files, const manifest_file *manifest,
                                               const struct partition_spec *spec, manifest_reader **ret_reader,
                                               firn_error *err);
/* The next entry, deleted ones too; its texts and arrays live in `arena`. *ret_more false: none was left. */
FIRN_MUST_USE firn_status manifest_reader_next(manifest_reader *reader, firn_arena *arena, manifest_entry *ret_entry,
                                               bool *ret_more, firn_error *err);
void manifest_reader_free(manifest_reader *reader);
FIRN_DEFINE_FREEP(manifest_reader, manifest_reader_free)

#endif
