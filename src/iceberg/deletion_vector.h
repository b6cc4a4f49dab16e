/*
 * The blob of a deletion vector ⇄ the positions it deletes.
 *
 * Spec:   puffin-spec.md, "deletion-vector-v1": length (big-endian, of magic and vector), magic, vector, CRC-32
 *         (big-endian, of magic and vector)
 * Errors: FIRN_CORRUPT (ICEBERG_DELETES) for a wrong length, magic, checksum, vector or number of positions
 */
#ifndef FIRN_ICEBERG_DELETION_VECTOR_H
#define FIRN_ICEBERG_DELETION_VECTOR_H

#include "iceberg/data_file.h"
#include "iceberg/roaring64.h"

struct storage;

/* Of one vector: 2^31 positions without any order to them. */
#define DELETION_VECTOR_SIZE_MAX ((size_t) 512 << 20)

/* Whether a delete file's entry is a deletion vector (format version 3). */
static inline bool
data_file_is_vector(const data_file *file)
{
    return file->content == DATA_FILE_POSITION_DELETES && file->content_offset >= 0 && file->content_size_bytes >= 0;
}

FIRN_MUST_USE firn_status deletion_vector_encode(roaring64 *deleted, firn_buffer *out, firn_error *err);
FIRN_MUST_USE firn_status deletion_vector_decode(firn_slice blob, roaring64 **ret_deleted, firn_error *err);
/* The vector of a manifest entry, straight from its place in the Puffin file (the footer is not read); it must delete
 * as many rows as the entry says. */
FIRN_MUST_USE firn_status deletion_vector_read(struct storage *files, const data_file *vector, roaring64 **ret_deleted,
                                               firn_error *err);

#endif
