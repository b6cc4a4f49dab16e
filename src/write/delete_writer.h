/*
 * Rows that go → delete files of the kind that the table's format version has, and what the commit must take out and
 * count on with them.
 *
 * Version 2: position delete files, one for each data file (write.delete.granularity: file, the default here, which
 *            lets a reader open only those it needs) or one for each partition (partition: fewer files)
 * Version 3: one Puffin file with a deletion vector for each data file: the rows that were deleted before (by a vector
 *            or, in a table that was upgraded, by position deletes) and those that go now; the old vector, and position
 *            delete files of that data file alone, are to be removed
 * Files:     <data location>/<prefix>-deletes-<number>.parquet or .puffin, each noted before it is begun
 * Failure:   what was written is removed again: no catalog was ever offered it
 * Memory:    one vector at a time; position deletes of upgraded tables up to memory_bytes_max
 */
#ifndef FIRN_WRITE_DELETE_WRITER_H
#define FIRN_WRITE_DELETE_WRITER_H

#include "iceberg/manifest_file.h"
#include "iceberg/roaring64.h"
#include "iceberg/table_metadata.h"
#include "write/roll_writer.h"

typedef struct delete_writer_settings {
    storage              *files;
    const table_metadata *table;         /* the base: format version, properties */
    const char           *data_location; /* without a trailing slash */
    const char           *prefix;        /* unique: the commit id */
    unsigned              first_number;  /* of the files' names, for whoever calls more than once with one prefix */
    pending_files        *pending;       /* NULL: noted nowhere */
    const char           *table_name;    /* the name they are noted with */
    size_t                memory_bytes_max;
} delete_writer_settings;

/* One data file that loses rows. */
typedef struct delete_target {
    const data_file             *file;    /* as in its manifest entry */
    const roaring64             *rows;    /* those that go now, by number in the file; not empty */
    unsigned                     delete_count;
    const manifest_entry *const *deletes; /* the delete files that apply to it on the base (a scan task's) */
} delete_target;

/* For table_change: added, removed_vectors, removed_paths, required_paths. All but `added` lives in the arena. */
typedef struct delete_files {
    data_file_list added;
    firn_arena     arena;
    unsigned       removed_vector_count, removed_path_count, required_path_count;
    data_file     *removed_vectors;
    const char   **removed_paths, **required_paths;
} delete_files;
void delete_files_done(delete_files *d);

/* Each data file at most once. Nothing is written where `count` is 0. */
FIRN_MUST_USE firn_status delete_writer_write(const delete_writer_settings *settings, const delete_target targets[],
                                              size_t count, delete_files *ret_files, firn_error *err);

#endif
