/*
 * The footer of a Puffin file → its blobs. Deletion vectors are read without it: the manifest has their place.
 *
 * Spec:   puffin-spec.md, "Footer structure". Its payload may be one LZ4 frame.
 * Errors: FIRN_CORRUPT (ICEBERG_DELETES, COMPRESSION or JSON_CORRUPT); a blob that does not lie before the footer is corrupt
 */
#ifndef FIRN_ICEBERG_PUFFIN_READER_H
#define FIRN_ICEBERG_PUFFIN_READER_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "iceberg/puffin_blob.h"

struct storage;

/* Everything lives in `arena`. */
FIRN_MUST_USE firn_status puffin_read_blobs(struct storage *files, const char *location, uint64_t size_bytes,
                                            firn_arena *arena, const puffin_blob **ret_blobs, size_t *ret_count,
                                            firn_error *err);
/* The payload's JSON, as the footer's flags say that it is kept: in `room` where it is compressed, else the payload itself. */
FIRN_MUST_USE firn_status puffin_payload_unpack(firn_slice payload, uint32_t flags, firn_buffer *room,
                                                firn_slice *ret_json, firn_error *err);
/* The payload's JSON. `footer_offset`: where the footer begins, and the blobs end. */
FIRN_MUST_USE firn_status puffin_payload_parse(firn_slice json, uint64_t footer_offset, firn_arena *arena,
                                               const puffin_blob **ret_blobs, size_t *ret_count, firn_error *err);

#endif
