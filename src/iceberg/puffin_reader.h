/*
 * The footer of a Puffin file → its blobs. Deletion vectors are read without it: the manifest has their place.
 *
 * Spec:   puffin-spec.md, "Footer structure". An LZ4-compressed footer is FIRN_UNSUPPORTED.
 * Errors: FIRN_CORRUPT (ICEBERG_DELETES or JSON_CORRUPT); a blob that does not lie before the footer is corrupt
 */
#ifndef FIRN_ICEBERG_PUFFIN_READER_H
#define FIRN_ICEBERG_PUFFIN_READER_H

#include "base/arena.h"
#include "base/error.h"
#include "iceberg/puffin_blob.h"

struct storage;

/* Everything lives in `arena`. */
FIRN_MUST_USE firn_status puffin_read_blobs(struct storage *files, const char *location, uint64_t size_bytes,
                                            firn_arena *arena, const puffin_blob **ret_blobs, size_t *ret_count,
                                            firn_error *err);
/* The payload's JSON. `footer_offset`: where the footer begins, and the blobs end. */
FIRN_MUST_USE firn_status puffin_payload_parse(firn_slice json, uint64_t footer_offset, firn_arena *arena,
                                               const puffin_blob **ret_blobs, size_t *ret_count, firn_error *err);

#endif
