#include "codec/lz4_frame.h"

#include <lz4frame.h>

static void
context_done(LZ4F_dctx **context)
{
    (void) LZ4F_freeDecompressionContext(*context);
}

static firn_status
fail_damaged(const char *what, firn_error *err)
{
    return firn_fail(err, FIRN_E_COMPRESSION, "an LZ4 frame %s", what);
}

/* The size of the content, by the header, which is *ret_header_size bytes long. */
static firn_status
read_header(LZ4F_dctx *context, firn_slice frame, size_t *ret_header_size, size_t *ret_size, size_t room, firn_error *err)
{
    LZ4F_frameInfo_t info = {0};
    size_t           used = frame.size, hint = LZ4F_getFrameInfo(context, &info, frame.data, &used);

    if (LZ4F_isError(hint)) return fail_damaged("does not begin as one", err);
    if (info.frameType != LZ4F_frame) return fail_damaged("has no content", err);
    if (!info.contentSize) return fail_damaged("does not say the size of its content", err);
    if (info.dictID) return fail_damaged("needs a dictionary", err);
    if (info.contentSize > room) return fail_damaged("says a size that is too large", err);
    *ret_header_size = used;
    *ret_size = (size_t) info.contentSize;
    return FIRN_OK;
}

firn_status
lz4_frame_unpack(firn_slice frame, firn_buffer *out, firn_error *err)
{
    FIRN_AUTO(context_done) LZ4F_dctx *context = NULL;
    size_t read = 0, size = 0, written = 0, hint = 1;

    if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)))
        return firn_fail_memory(err, "an LZ4 frame");
    FIRN_TRY(read_header(context, frame, &read, &size, out->size_bytes_max - out->size, err));
    FIRN_TRY(firn_buffer_reserve(out, size, err));
    while (hint) {
        size_t room = size - written, used = frame.size - read;

        hint = LZ4F_decompress(context, out->data + out->size + written, &room, frame.data + read, &used, NULL);
        if (LZ4F_isError(hint)) return fail_damaged("is damaged", err);
        if (hint && !room && !used) return fail_damaged("is cut, or has more than it says", err);
        written += room;
        read += used;
    }
    if (written != size || read != frame.size) return fail_damaged("has another size than it says", err);
    out->size += size;
    return FIRN_OK;
}
