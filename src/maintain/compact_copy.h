/*
 * A data file that can be put into another one as it is: row groups byte for byte, without decoding a value.
 *
 * Only: of the table's partition spec, without deletes, with row groups that are not too small to read well; with the
 *       columns and the codec of the new file. In format version 3 the rows' lineage is added, as columns.
 */
#ifndef FIRN_MAINTAIN_COMPACT_COPY_H
#define FIRN_MAINTAIN_COMPACT_COPY_H

#include "maintain/compact_round.h"

/* A row group of fewer rows and bytes is decoded, so that small ones become a large one. */
#define COMPACT_COPY_ROWS_MIN 100000
#define COMPACT_COPY_BYTES_MIN ((int64_t) 4 << 20)

/* *ret_copied false: nothing was done, the file's rows are to be read. */
FIRN_MUST_USE firn_status compact_copy(const compact_round *r, const compact_file *file, roll_writer *writer,
                                       size_t memory_bytes, bool *ret_copied, firn_error *err);

#endif
