/*
 * Blobs → one Puffin file, with an uncompressed footer.
 *
 * Spec:    puffin-spec.md
 * Calls:   open, add*, close (or free without close = abandon: aborts the sink)
 * Memory:  what the footer will say; blobs go straight to the sink
 * Threads: one thread per writer
 */
#ifndef FIRN_ICEBERG_PUFFIN_WRITER_H
#define FIRN_ICEBERG_PUFFIN_WRITER_H

#include "base/sink.h"
#include "iceberg/puffin_blob.h"

typedef struct puffin_writer puffin_writer;

/* Owns the sink whatever the result. */
FIRN_MUST_USE firn_status puffin_writer_open(firn_sink *take_sink, puffin_writer **ret_writer, firn_error *err);
/* `bytes` as they shall lie in the file (compressed by whoever says so in `blob`); copies what it needs of `blob`, whose
 * offset and size are not looked at. *ret_offset is where they lie. */
FIRN_MUST_USE firn_status puffin_writer_add(puffin_writer *w, const puffin_blob *blob, firn_slice bytes,
                                            int64_t *ret_offset, firn_error *err);
/* Footer, sink finished: the file is there. */
FIRN_MUST_USE firn_status puffin_writer_close(puffin_writer *w, uint64_t *ret_size_bytes, firn_error *err);
void                      puffin_writer_free(puffin_writer *w);
FIRN_DEFINE_FREEP(puffin_writer, puffin_writer_free)

#endif
