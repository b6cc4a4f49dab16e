/*
 * Row groups of a data file that go into another one without decoding what need not be: of those in which no row was
 * deleted, a large one is taken over byte for byte, and of a small one the pages of columns that can stay as they are
 * (parquet/page_copy.h), while the other columns are decoded. Of those with deleted rows the others' bytes are taken over
 * (parquet/page_cut.h), where the column's form allows it.
 *
 * Only: files of the table's partition spec, without equality deletes, with the columns and the codec of the new file. In
 *       format version 3 the rows' lineage is added, as columns.
 */
#ifndef FIRN_MAINTAIN_COMPACT_COPY_H
#define FIRN_MAINTAIN_COMPACT_COPY_H

#include "iceberg/roaring64.h"
#include "maintain/compact_round.h"
#include "scan/stored_file.h"

/* A row group of fewer rows and bytes is put together with others. */
#define COMPACT_COPY_ROWS_MIN 100000
#define COMPACT_COPY_BYTES_MIN ((int64_t) 4 << 20)

/* Borrows all it is given. */
typedef struct compact_copy {
    const compact_round *r;
    const compact_file  *file;
    roll_writer         *writer;
    size_t               memory_bytes;
    stored_file          stored;
    roaring64           *deleted; /* NULL: nothing */
    unsigned             group_count; /* 0: the file's rows are to be read */
} compact_copy;

/* In place: it must not be moved. */
FIRN_MUST_USE firn_status compact_copy_open(compact_copy *c, const compact_round *r, const compact_file *file,
                                            roll_writer *writer, size_t memory_bytes, firn_error *err);
void                      compact_copy_done(compact_copy *c);
/* False: the group is empty, or without a deleted row and too large for the new file. */
bool                      compact_copy_may_group(const compact_copy *c, unsigned row_group);
/* Only where it may; *ret_rows live rows. *ret_copied false: nothing was done, the group's rows are to be read. */
FIRN_MUST_USE firn_status compact_copy_group(compact_copy *c, unsigned row_group, bool *ret_copied, uint64_t *ret_rows,
                                             firn_error *err);

#endif
