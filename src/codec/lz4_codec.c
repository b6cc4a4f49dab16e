/* LZ4_RAW of Parquet: one LZ4 block without frame or size. */
#include "codec/codec_ops.h"

#include <limits.h>

#include <lz4.h>

static size_t
lz4_bound(void *context, size_t size)
{
    (void) context;
    return size <= LZ4_MAX_INPUT_SIZE ? (size_t) LZ4_compressBound((int) size) : SIZE_MAX;
}

static size_t
lz4_compress_block(void *context, firn_slice in, uint8_t *out, size_t capacity)
{
    (void) context;
    int size = LZ4_compress_default((const char *) in.data, (char *) out, (int) in.size,
                                    capacity > INT_MAX ? INT_MAX : (int) capacity);
    return size > 0 ? (size_t) size : SIZE_MAX;
}

static size_t
lz4_decompress_block(void *context, firn_slice in, uint8_t *out, size_t capacity)
{
    (void) context;
    if (in.size > INT_MAX || capacity > INT_MAX) return SIZE_MAX;
    int size = LZ4_decompress_safe((const char *) in.data, (char *) out, (int) in.size, (int) capacity);
    return size >= 0 ? (size_t) size : SIZE_MAX;
}

const codec_ops codec_lz4_raw = {
    .name = "lz4",
    .bound = lz4_bound,
    .compress = lz4_compress_block,
    .decompress = lz4_decompress_block,
};
