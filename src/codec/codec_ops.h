/*
 * One codec behind compressor.h: each implementation sees its own vendor library only.
 * Inside the folder; callers use compressor.h.
 */
#ifndef FIRN_CODEC_CODEC_OPS_H
#define FIRN_CODEC_CODEC_OPS_H

#include "codec/compressor.h"

typedef struct codec_ops {
    const char *name; /* for messages */

    /* A context, or NULL where the codec needs none; *ret_context stays NULL then. */
    firn_status (*compress_new)(int level, void **ret_context, firn_error *err);
    void (*compress_free)(void *context);
    /* The most bytes that `size` can become; SIZE_MAX: too large for the codec. */
    size_t (*bound)(void *context, size_t size);
    /* Into out[0..bound): the size, or SIZE_MAX where the library refuses. */
    size_t (*compress)(void *context, firn_slice in, uint8_t *out, size_t capacity);

    firn_status (*decompress_new)(void **ret_context, firn_error *err);
    void (*decompress_free)(void *context);
    /* At most `capacity` bytes: the size, or SIZE_MAX where the bytes are damaged or do not fit. */
    size_t (*decompress)(void *context, firn_slice in, uint8_t *out, size_t capacity);
    /* Appends all that comes out, up to the buffer's limit; NULL: the size must be known. */
    firn_status (*decompress_all)(void *context, firn_slice in, firn_buffer *out, firn_error *err);
} codec_ops;

/* Room for a step of output of unknown size: `step` bytes, or what the limit leaves; none left is an error. */
FIRN_MUST_USE static inline firn_status
codec_make_room(firn_buffer *out, size_t step, firn_error *err)
{
    size_t left = out->size_bytes_max - out->size;
    if (left > 0 && left < step) step = left;
    return firn_buffer_reserve(out, step, err);
}

extern const codec_ops codec_zstd, codec_snappy, codec_gzip, codec_deflate, codec_lz4_raw;

#endif
