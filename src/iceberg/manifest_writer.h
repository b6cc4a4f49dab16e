/*
 * Data and delete files → one manifest (Avro), for format versions 2 and 3.
 *
 * Spec:    apache/iceberg format/spec.md, "Manifests"; names, order and field ids as the reference
 *          implementation writes them
 * Calls:   open, add_*, close (or free without close = abandon: nothing is left behind)
 * Nulls:   added files leave sequence numbers and first_row_id null, to be inherited from the
 *          manifest list, so that a manifest survives a commit's retries; existing and deleted ones
 *          carry theirs (asserted)
 * Memory:  one Avro block; the summaries of the partition values
 * Threads: one thread per writer
 */
#ifndef FIRN_ICEBERG_MANIFEST_WRITER_H
#define FIRN_ICEBERG_MANIFEST_WRITER_H

#include "base/buffer.h"
#include "iceberg/data_file.h"
#include "iceberg/manifest_file.h"

typedef struct manifest_writer manifest_writer;
struct partition_spec;
struct storage;
struct table_schema;

typedef struct manifest_options {
    int                          format_version; /* 2 or 3 */
    manifest_content             content;
    const struct table_schema   *schema; /* the table's current one; borrowed until close */
    const struct partition_spec *spec;   /* of all files in it; borrowed until close */
    int64_t                      snapshot_id; /* of the snapshot that is being made */
} manifest_options;

/* `location` is copied. */
FIRN_MUST_USE firn_status manifest_writer_open(struct storage *files, const char *location,
                                               const manifest_options *options, manifest_writer **ret_writer,
                                               firn_error *err);
/* A file new in this snapshot. Its partition has one value for each field of the spec. */
FIRN_MUST_USE firn_status manifest_writer_add_new(manifest_writer *writer, const data_file *file, firn_error *err);
/* The same, whose rows are older than this snapshot: with their sequence number. */
FIRN_MUST_USE firn_status manifest_writer_add_older(manifest_writer *writer, const data_file *file,
                                                    int64_t sequence_number, firn_error *err);
/* A file that an earlier manifest had: its entry as the manifest reader gave it. */
FIRN_MUST_USE firn_status manifest_writer_add_existing(manifest_writer *writer, const manifest_entry *entry,
                                                       firn_error *err);
/* The same, removed by this snapshot. */
FIRN_MUST_USE firn_status manifest_writer_add_deleted(manifest_writer *writer, const manifest_entry *entry,
                                                      firn_error *err);
/* The file is there; *ret_file is its line for the manifest list (texts in the arena), with sequence
 * numbers MANIFEST_UNASSIGNED where manifest_list_write shall give them. */
FIRN_MUST_USE firn_status manifest_writer_close(manifest_writer *writer, firn_arena *arena, manifest_file *ret_file,
                                                firn_error *err);
void manifest_writer_free(manifest_writer *writer);
FIRN_DEFINE_FREEP(manifest_writer, manifest_writer_free)

/* A column name as an Avro name, as the reference implementation does it; non-ASCII letters are
 * escaped too, since other Avro libraries refuse them. */
FIRN_MUST_USE firn_status manifest_avro_name(const char *name, firn_buffer *out, firn_error *err);

#endif
