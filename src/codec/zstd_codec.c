#include "codec/codec_ops.h"

#include <zstd.h>

/* A frame that asks for a larger window is refused: hostile frames may ask for gigabytes. */
#define ZSTD_WINDOW_LOG_MAX 27

static firn_status
zstd_compress_new(int level, void **ret_context, firn_error *err)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    if (!context) return firn_fail_memory(err, "a zstd context");
    /* The reader knows the size from the page header, but arrow-java's and others' readers ask the frame. */
    if (ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 1)) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 0))) {
        (void) ZSTD_freeCCtx(context);
        return firn_fail(err, FIRN_E_BUG, "zstd refuses compression level %d", level);
    }
    *ret_context = context;
    return FIRN_OK;
}

static void
zstd_compress_free(void *context)
{
    (void) ZSTD_freeCCtx(context);
}

static size_t
zstd_bound(void *context, size_t size)
{
    (void) context;
    return ZSTD_compressBound(size);
}

static size_t
zstd_compress(void *context, firn_slice in, uint8_t *out, size_t capacity)
{
    size_t size = ZSTD_compress2(context, out, capacity, in.data, in.size);
    return ZSTD_isError(size) ? SIZE_MAX : size;
}

static firn_status
zstd_decompress_new(void **ret_context, firn_error *err)
{
    ZSTD_DCtx *context = ZSTD_createDCtx();
    if (!context) return firn_fail_memory(err, "a zstd context");
    if (ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX))) {
        (void) ZSTD_freeDCtx(context);
        return firn_fail(err, FIRN_E_BUG, "zstd refuses a window limit");
    }
    *ret_context = context;
    return FIRN_OK;
}

static void
zstd_decompress_free(void *context)
{
    (void) ZSTD_freeDCtx(context);
}

static size_t
zstd_decompress(void *context, firn_slice in, uint8_t *out, size_t capacity)
{
    size_t size = ZSTD_decompressDCtx(context, out, capacity, in.data, in.size);
    return ZSTD_isError(size) ? SIZE_MAX : size;
}

static firn_status
zstd_decompress_all(void *context, firn_slice in, firn_buffer *out, firn_error *err)
{
    ZSTD_inBuffer source = {in.data, in.size, 0};
    (void) ZSTD_DCtx_reset(context, ZSTD_reset_session_only);
    for (;;) {
        FIRN_TRY(codec_make_room(out, ZSTD_DStreamOutSize(), err));
        ZSTD_outBuffer target = {out->data + out->size, out->capacity - out->size, 0};
        size_t         left = ZSTD_decompressStream(context, &target, &source);
        out->size += target.pos;
        if (ZSTD_isError(left))
            return firn_fail(err, FIRN_E_COMPRESSION, "a block in zstd is damaged: %s", ZSTD_getErrorName(left));
        if (left == 0 && source.pos == source.size) return FIRN_OK;
        if (target.pos == 0 && source.pos == source.size)
            return firn_fail(err, FIRN_E_COMPRESSION, "a block in zstd is cut short");
    }
}

const codec_ops codec_zstd = {
    .name = "zstd",
    .compress_new = zstd_compress_new,
    .compress_free = zstd_compress_free,
    .bound = zstd_bound,
    .compress = zstd_compress,
    .decompress_new = zstd_decompress_new,
    .decompress_free = zstd_decompress_free,
    .decompress = zstd_decompress,
    .decompress_all = zstd_decompress_all,
};
