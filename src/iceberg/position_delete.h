/*
 * Position delete files of format version 2 ⇄ positions by data file.
 *
 * Spec:    format/spec.md, "Position Delete Files": Parquet of file_path and pos, sorted by both
 * Writing: exact bounds of file_path, since readers find the data file of a delete file by equal ones; and
 *          referenced_data_file where there is one data file only
 * Reading: Parquet of any writer, in any order, with or without deleted rows (which are passed over)
 * Threads: one thread per set while it is filled; readers share it afterwards
 */
#ifndef FIRN_ICEBERG_POSITION_DELETE_H
#define FIRN_ICEBERG_POSITION_DELETE_H

#include "iceberg/data_file.h"
#include "iceberg/roaring64.h"

struct parquet_source;
struct storage;

/* Reserved field ids. */
#define DELETE_PATH_ID 2147483546
#define DELETE_POSITION_ID 2147483545

typedef struct position_delete {
    const char      *path; /* of the data file, as its manifest entry has it */
    const roaring64 *rows; /* not empty */
} position_delete;

/* The data file that all deletes of a delete file are in: by the field, or by equal bounds as older writers leave it.
 * A view; data == NULL: several, or nobody knows. */
firn_slice delete_file_target(const data_file *file);

/* `deletes` ascend by path and name each only once (asserted). The file is at `location` afterwards; its facts live in
 * `arena`, without partition and spec, which are the caller's. */
FIRN_MUST_USE firn_status position_delete_write(struct storage *files, const char *location,
                                                const position_delete deletes[], size_t count, firn_arena *arena,
                                                data_file *ret_file, firn_error *err);

/* ---- reading ---- */

typedef struct position_delete_set position_delete_set;

/* memory_bytes_max: of the set and of reading one file, each. Past it, reading is FIRN_UNSUPPORTED (PARQUET_LIMIT). */
FIRN_MUST_USE position_delete_set *position_delete_set_new(size_t memory_bytes_max); /* NULL: no memory */
void                               position_delete_set_free(position_delete_set *set);
FIRN_DEFINE_FREEP(position_delete_set, position_delete_set_free)
/* Adds what the file deletes. `only` NULL: of all data files, else of this one. */
FIRN_MUST_USE firn_status position_delete_set_read(position_delete_set *set, struct storage *files,
                                                   const data_file *file, const char *only, firn_error *err);
/* The same, of Parquet bytes from anywhere. */
FIRN_MUST_USE firn_status position_delete_set_parse(position_delete_set *set, const struct parquet_source *source,
                                                    const char *only, firn_error *err);
/* NULL: none. */
const roaring64 *position_delete_set_get(const position_delete_set *set, const char *path);
size_t           position_delete_set_count(const position_delete_set *set);
/* The index-th data file that rows were deleted of, by first appearance; the path is a view, not NUL-terminated. */
firn_slice       position_delete_set_path(const position_delete_set *set, size_t index);

#endif
