#include "codec/codec_ops.h"

#include <snappy-c.h>

static size_t
snappy_bound(void *context, size_t size)
{
    (void) context;
    return snappy_max_compressed_length(size);
}

static size_t
snappy_compress_block(void *context, firn_slice in, uint8_t *out, size_t capacity)
{
    (void) context;
    size_t size = capacity;
    return snappy_compress((const char *) in.data, in.size, (char *) out, &size) == SNAPPY_OK ? size : SIZE_MAX;
}

static size_t
snappy_decompress_block(void *context, firn_slice in, uint8_t *out, size_t capacity)
{
    (void) context;
    size_t size = 0;
    if (snappy_uncompressed_length((const char *) in.data, in.size, &size) != SNAPPY_OK || size > capacity)
        return SIZE_MAX;
    size = capacity;
    return snappy_uncompress((const char *) in.data, in.size, (char *) out, &size) == SNAPPY_OK ? size : SIZE_MAX;
}

static firn_status
snappy_decompress_all(void *context, firn_slice in, firn_buffer *out, firn_error *err)
{
    size_t size = 0;
    if (snappy_uncompressed_length((const char *) in.data, in.size, &size) != SNAPPY_OK)
        return firn_fail(err, FIRN_E_COMPRESSION, "a block in snappy is damaged");
    FIRN_TRY(firn_buffer_reserve(out, size ? size : 1, err));
    if (snappy_decompress_block(context, in, out->data + out->size, size) != size)
        return firn_fail(err, FIRN_E_COMPRESSION, "a block in snappy is damaged");
    out->size += size;
    return FIRN_OK;
}

const codec_ops codec_snappy = {
    .name = "snappy",
    .bound = snappy_bound,
    .compress = snappy_compress_block,
    .decompress = snappy_decompress_block,
    .decompress_all = snappy_decompress_all,
};
