/*
 * Compression codecs behind one table. A context is reused across pages; one thread per context.
 */
#ifndef FIRN_CODEC_COMPRESSOR_H
#define FIRN_CODEC_COMPRESSOR_H

#include "base/buffer.h"

typedef enum codec_id {
    CODEC_NONE,
    CODEC_SNAPPY,
    CODEC_GZIP,
    CODEC_ZSTD,
    CODEC_LZ4_RAW,
    CODEC_DEFLATE /* raw, Avro's */
} codec_id;

typedef struct compressor compressor;

FIRN_MUST_USE firn_status compressor_new(codec_id id, int level, compressor **ret_compressor, firn_error *err);
void                      compressor_free(compressor *c);
/* Appends the compressed form of `in`. */
FIRN_MUST_USE firn_status compressor_compress(compressor *c, firn_slice in, firn_buffer *out, firn_error *err);
FIRN_DEFINE_FREEP(compressor, compressor_free)

typedef struct decompressor decompressor;
FIRN_MUST_USE firn_status   decompressor_new(codec_id id, decompressor **ret_decompressor, firn_error *err);
void                        decompressor_free(decompressor *d);
/* Appends exactly size_bytes; anything else is FIRN_CORRUPT. The caller has checked size_bytes against a limit. */
FIRN_MUST_USE firn_status   decompressor_decompress(decompressor *d, firn_slice in, size_t size_bytes, firn_buffer *out,
                                                    firn_error *err);
/* Appends what comes out, up to the buffer's limit (Avro blocks do not say their size). */
FIRN_MUST_USE firn_status   decompressor_decompress_all(decompressor *d, firn_slice in, firn_buffer *out,
                                                        firn_error *err);
FIRN_DEFINE_FREEP(decompressor, decompressor_free)

#endif
