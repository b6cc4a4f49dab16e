/* gzip (RFC 1952, Parquet's GZIP) and raw deflate (RFC 1951, Avro's deflate), both by zlib. */
#include "codec/codec_ops.h"

#include <limits.h>

#define ZLIB_CONST
#include <zlib.h>

#include "base/alloc.h"

#define GZIP_WINDOW_BITS (15 + 16)
#define DEFLATE_WINDOW_BITS (-15)
#define ZLIB_MEMORY_LEVEL 8
#define ZLIB_STEP_BYTES ((size_t) 64 << 10)

static firn_status
zlib_compress_new(int level, int window_bits, void **ret_context, firn_error *err)
{
    z_stream *stream = firn_calloc(1, sizeof *stream);
    if (!stream) return firn_fail_memory(err, "a zlib stream");
    if (deflateInit2(stream, level, Z_DEFLATED, window_bits, ZLIB_MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
        firn_free(stream);
        return firn_fail(err, FIRN_E_BUG, "zlib refuses compression level %d", level);
    }
    *ret_context = stream;
    return FIRN_OK;
}

static firn_status
gzip_compress_new(int level, void **ret_context, firn_error *err)
{
    return zlib_compress_new(level, GZIP_WINDOW_BITS, ret_context, err);
}

static firn_status
deflate_compress_new(int level, void **ret_context, firn_error *err)
{
    return zlib_compress_new(level, DEFLATE_WINDOW_BITS, ret_context, err);
}

static void
zlib_compress_free(void *context)
{
    (void) deflateEnd(context);
    firn_free(context);
}

static size_t
zlib_bound(void *context, size_t size)
{
    /* A finished stream has forgotten that it has a gzip header: its bound would be too small. */
    return deflateReset(context) == Z_OK ? deflateBound(context, size) : SIZE_MAX;
}

static size_t
zlib_compress(void *context, firn_slice in, uint8_t *out, size_t capacity)
{
    z_stream *stream = context;
    if (in.size > UINT_MAX || capacity > UINT_MAX || deflateReset(stream) != Z_OK) return SIZE_MAX;
    stream->next_in = in.data;
    stream->avail_in = (uInt) in.size;
    stream->next_out = out;
    stream->avail_out = (uInt) capacity;
    return deflate(stream, Z_FINISH) == Z_STREAM_END ? capacity - stream->avail_out : SIZE_MAX;
}

static firn_status
zlib_decompress_new(int window_bits, void **ret_context, firn_error *err)
{
    z_stream *stream = firn_calloc(1, sizeof *stream);
    if (!stream) return firn_fail_memory(err, "a zlib stream");
    if (inflateInit2(stream, window_bits) != Z_OK) {
        firn_free(stream);
        return firn_fail_memory(err, "a zlib stream");
    }
    *ret_context = stream;
    return FIRN_OK;
}

static firn_status
gzip_decompress_new(void **ret_context, firn_error *err)
{
    return zlib_decompress_new(GZIP_WINDOW_BITS, ret_context, err);
}

static firn_status
deflate_decompress_new(void **ret_context, firn_error *err)
{
    return zlib_decompress_new(DEFLATE_WINDOW_BITS, ret_context, err);
}

static void
zlib_decompress_free(void *context)
{
    (void) inflateEnd(context);
    firn_free(context);
}

/* Whether the stream ended and what follows is another gzip member, which then begins. */
static bool
next_member(z_stream *stream)
{
    return stream->avail_in > 0 && inflateReset(stream) == Z_OK;
}

static size_t
zlib_decompress(void *context, firn_slice in, uint8_t *out, size_t capacity)
{
    z_stream *stream = context;
    if (in.size > UINT_MAX || capacity > UINT_MAX || inflateReset(stream) != Z_OK) return SIZE_MAX;
    stream->next_in = in.data;
    stream->avail_in = (uInt) in.size;
    stream->next_out = out;
    stream->avail_out = (uInt) capacity;
    for (;;) {
        if (inflate(stream, Z_FINISH) != Z_STREAM_END) return SIZE_MAX;
        if (!next_member(stream)) return stream->avail_in ? SIZE_MAX : capacity - stream->avail_out;
    }
}

/* `tail_bytes_max`: what may follow the end; UINT_MAX: only further members, each of them whole. */
static firn_status
inflate_all(z_stream *stream, firn_slice in, unsigned tail_bytes_max, firn_buffer *out, firn_error *err)
{
    bool has_members = tail_bytes_max == UINT_MAX;

    if (in.size > UINT_MAX || inflateReset(stream) != Z_OK)
        return firn_fail(err, FIRN_E_BUG, "zlib cannot start a stream");
    stream->next_in = in.data;
    stream->avail_in = (uInt) in.size;
    for (;;) {
        FIRN_TRY(codec_make_room(out, ZLIB_STEP_BYTES, err));
        size_t room = out->capacity - out->size;
        if (room > UINT_MAX) room = UINT_MAX;
        stream->next_out = out->data + out->size;
        stream->avail_out = (uInt) room;
        int result = inflate(stream, Z_NO_FLUSH);
        out->size += room - stream->avail_out;
        if (result == Z_STREAM_END && !(has_members && next_member(stream))) break;
        if (result != Z_OK && result != Z_STREAM_END)
            return firn_fail(err, FIRN_E_COMPRESSION, "a deflated block is damaged or cut short");
    }
    if (stream->avail_in > (has_members ? 0 : tail_bytes_max))
        return firn_fail(err, FIRN_E_COMPRESSION, "a deflated block has bytes behind its end");
    return FIRN_OK;
}

static firn_status
gzip_decompress_all(void *context, firn_slice in, firn_buffer *out, firn_error *err)
{
    return inflate_all(context, in, UINT_MAX, out, err);
}

/* PyIceberg 0.12 makes its raw blocks by cutting zlib's wrapping off, and leaves some of the checksum's four bytes. */
static firn_status
deflate_decompress_all(void *context, firn_slice in, firn_buffer *out, firn_error *err)
{
    return inflate_all(context, in, 4, out, err);
}

const codec_ops codec_gzip = {
    .name = "gzip",
    .compress_new = gzip_compress_new,
    .compress_free = zlib_compress_free,
    .bound = zlib_bound,
    .compress = zlib_compress,
    .decompress_new = gzip_decompress_new,
    .decompress_free = zlib_decompress_free,
    .decompress = zlib_decompress,
    .decompress_all = gzip_decompress_all,
};

const codec_ops codec_deflate = {
    .name = "deflate",
    .compress_new = deflate_compress_new,
    .compress_free = zlib_compress_free,
    .bound = zlib_bound,
    .compress = zlib_compress,
    .decompress_new = deflate_decompress_new,
    .decompress_free = zlib_decompress_free,
    .decompress = zlib_decompress,
    .decompress_all = deflate_decompress_all,
};
