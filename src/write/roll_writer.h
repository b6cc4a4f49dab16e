/*
 * Batches of one table → its data files: rows to partitions, files of a target size.
 *
 * Calls:   new, add*, (roll | add)*, finish; free without finish, or after a failure, abandons: open files
 *          leave nothing behind, closed ones are removed (they were never offered to a catalog)
 * Files:   <data location>/[<partition path>/]<prefix>-<lane>-<number>.parquet
 * Memory:  open files together stay below memory_bytes_max: past it the biggest is closed early
 * Threads: one thread per writer
 */
#ifndef FIRN_WRITE_ROLL_WRITER_H
#define FIRN_WRITE_ROLL_WRITER_H

#include "iceberg/data_file.h"
#include "iceberg/partition.h"
#include "parquet/file_writer.h"
#include "storage/storage.h"
#include "write/pending_files.h"

/* Data files with everything they point at. */
typedef struct data_file_list {
    firn_arena arena;
    unsigned   count, capacity;
    data_file *files;
} data_file_list;
void data_file_list_done(data_file_list *list);
/* Deep copies of `from`'s files behind those of `to`. */
FIRN_MUST_USE firn_status data_file_list_append(data_file_list *to, const data_file_list *from, firn_error *err);
/* Removes the files themselves: only for what was never offered to a catalog. One that stays is an orphan. */
void data_file_list_discard(const data_file_list *list, storage *files);

typedef struct roll_writer_settings {
    storage              *files;         /* borrowed, as all here, until the writer is freed */
    const char           *data_location; /* without a trailing slash */
    const char           *prefix;        /* unique; begins with the commit id */
    const char           *commit_id;     /* that files are noted with; NULL: the prefix is one */
    pending_files        *pending;       /* where each file is noted before it is begun; NULL: nowhere */
    const char           *table;         /* the name it is noted with */
    unsigned              lane;
    table_schema         *schema;
    const partition_spec *spec;
    int32_t               sort_order_id; /* 0: unsorted */
    parquet_options       options;
    uint64_t              target_file_size_bytes;
    size_t                memory_bytes_max;
} roll_writer_settings;

typedef struct roll_writer roll_writer;

FIRN_MUST_USE firn_status roll_writer_new(const roll_writer_settings *settings, roll_writer **ret_writer,
                                          firn_error *err);
/* `rows`: a struct array with the schema's columns; borrowed. */
FIRN_MUST_USE firn_status roll_writer_add(roll_writer *w, const struct ArrowArray *rows, firn_error *err);
/* The same, and where each row went: the file's place in the list of finish, the row's in the file. Not for a writer that
 * also takes over files. */
typedef struct roll_place {
    unsigned file;
    uint64_t row;
} roll_place;
FIRN_MUST_USE firn_status roll_writer_add_placed(roll_writer *w, const struct ArrowArray *rows, roll_place places[],
                                                 firn_error *err);
/* A row group of a file that is taken over as it is (parquet_writer_copy), or appended to another one, also less some of its
 * rows (parquet_writer_cut). */
typedef struct roll_copy {
    const struct parquet_file *file;
    unsigned                   row_group;
    const firn_slice          *partition; /* of all its rows, by the spec's fields */
    /* The schema's last columns, where the file has them not; for a copy, their values for some of its rows. */
    unsigned extra_count;
    firn_status (*make_extra)(void *state, uint64_t first_row, uint64_t row_count, struct ArrowArray *ret_rows,
                              firn_error *err);
    /* For a cut: columns of the schema that can be taken over with nulls, and the row group's rows in others. */
    unsigned column_count;
    firn_status (*open_rest)(void *state, table_schema *columns, uint64_t first_row, uint64_t row_count,
                             batch_reader **ret_reader, firn_error *err);
    /* The rows that go, in open_rest's reader too, NULL: none; memory for the pages. */
    const struct parquet_deleted *deleted;
    size_t                        memory_bytes_max;
    void *state;
} roll_copy;
/* *ret_copied false: its columns or codec are others, or something is not known of it: nothing was done. */
FIRN_MUST_USE firn_status roll_writer_copy(roll_writer *w, const roll_copy *copy, bool *ret_copied, firn_error *err);
FIRN_MUST_USE firn_status roll_writer_cut(roll_writer *w, const roll_copy *copy, bool *ret_copied, uint64_t *ret_rows,
                                          firn_error *err);
/* Closes the open files: the next row begins new ones. */
FIRN_MUST_USE firn_status roll_writer_roll(roll_writer *w, firn_error *err);
/* Bytes of the files so far, the open ones included. */
uint64_t roll_writer_file_bytes(const roll_writer *w);
/* The files that are closed so far, in the order of their closing; valid until the next call. */
const data_file_list *roll_writer_closed(const roll_writer *w);
/* Rolls and hands over the files; placed ones in the order of their beginnings. */
FIRN_MUST_USE firn_status roll_writer_finish(roll_writer *w, data_file_list *ret_files, firn_error *err);
void roll_writer_free(roll_writer *w);
FIRN_DEFINE_FREEP(roll_writer, roll_writer_free)

#endif
