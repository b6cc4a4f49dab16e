#include "codec/compressor.h"

#include "base/alloc.h"
#include "codec/codec_ops.h"

/* The libraries count in int; a page may hold one PostgreSQL value of 1 GiB. */
#define CODEC_INPUT_SIZE_MAX (((size_t) 1 << 30) + ((size_t) 1 << 20))

struct compressor {
    const codec_ops *ops; /* NULL: CODEC_NONE */
    void            *context;
};

struct decompressor {
    const codec_ops *ops;
    void            *context;
};

static const codec_ops *
ops_of(codec_id id)
{
    switch (id) {
    case CODEC_NONE:
        return NULL;
    case CODEC_SNAPPY:
        return &codec_snappy;
    case CODEC_GZIP:
        return &codec_gzip;
    case CODEC_ZSTD:
        return &codec_zstd;
    case CODEC_LZ4_RAW:
        return &codec_lz4_raw;
    case CODEC_DEFLATE:
        return &codec_deflate;
    }
    return NULL;
}

firn_status
compressor_new(codec_id id, int level, compressor **ret_compressor, firn_error *err)
{
    FIRN_AUTO(compressor_freep) compressor *c = firn_calloc(1, sizeof *c);
    if (!c) return firn_fail_memory(err, "a compressor");
    c->ops = ops_of(id);
    if (c->ops && c->ops->compress_new) FIRN_TRY(c->ops->compress_new(level, &c->context, err));
    *ret_compressor = FIRN_STEAL(c);
    return FIRN_OK;
}

void
compressor_free(compressor *c)
{
    if (!c) return;
    if (c->context) c->ops->compress_free(c->context);
    firn_free(c);
}

firn_status
compressor_compress(compressor *c, firn_slice in, firn_buffer *out, firn_error *err)
{
    if (!c->ops) return firn_buffer_add(out, in.data, in.size, err);

    size_t bound = in.size <= CODEC_INPUT_SIZE_MAX ? c->ops->bound(c->context, in.size) : SIZE_MAX;
    if (bound == SIZE_MAX)
        return firn_fail(err, FIRN_E_BUG, "%zu bytes are too many for one block of %s", in.size, c->ops->name);
    FIRN_TRY(firn_buffer_reserve(out, bound, err));
    size_t size = c->ops->compress(c->context, in, out->data + out->size, bound);
    if (size == SIZE_MAX) return firn_fail(err, FIRN_E_BUG, "%s cannot compress %zu bytes", c->ops->name, in.size);
    out->size += size;
    return FIRN_OK;
}

firn_status
decompressor_new(codec_id id, decompressor **ret_decompressor, firn_error *err)
{
    FIRN_AUTO(decompressor_freep) decompressor *d = firn_calloc(1, sizeof *d);
    if (!d) return firn_fail_memory(err, "a decompressor");
    d->ops = ops_of(id);
    if (d->ops && d->ops->decompress_new) FIRN_TRY(d->ops->decompress_new(&d->context, err));
    *ret_decompressor = FIRN_STEAL(d);
    return FIRN_OK;
}

void
decompressor_free(decompressor *d)
{
    if (!d) return;
    if (d->context) d->ops->decompress_free(d->context);
    firn_free(d);
}

firn_status
decompressor_decompress(decompressor *d, firn_slice in, size_t size_bytes, firn_buffer *out, firn_error *err)
{
    if (in.size > CODEC_INPUT_SIZE_MAX || size_bytes > CODEC_INPUT_SIZE_MAX)
        return firn_fail(err, FIRN_E_COMPRESSION, "a compressed block of %zu bytes is beyond the limit", in.size);
    if (!d->ops) {
        if (in.size != size_bytes)
            return firn_fail(err, FIRN_E_COMPRESSION, "an uncompressed block has %zu bytes instead of %zu", in.size,
                             size_bytes);
        return firn_buffer_add(out, in.data, in.size, err);
    }
    FIRN_TRY(firn_buffer_reserve(out, size_bytes ? size_bytes : 1, err));
    size_t size = d->ops->decompress(d->context, in, out->data + out->size, size_bytes);
    if (size != size_bytes)
        return firn_fail(err, FIRN_E_COMPRESSION, "a block of %zu bytes in %s does not give the %zu bytes it must",
                         in.size, d->ops->name, size_bytes);
    out->size += size;
    return FIRN_OK;
}

firn_status
decompressor_decompress_all(decompressor *d, firn_slice in, firn_buffer *out, firn_error *err)
{
    if (!d->ops) return firn_buffer_add(out, in.data, in.size, err);
    if (in.size > CODEC_INPUT_SIZE_MAX)
        return firn_fail(err, FIRN_E_COMPRESSION, "a compressed block of %zu bytes is beyond the limit", in.size);
    if (!d->ops->decompress_all)
        return firn_fail(err, FIRN_E_COMPRESSION, "a block in %s does not say its size", d->ops->name);
    return d->ops->decompress_all(d->context, in, out, err);
}
