/*
 * An LZ4 frame (lz4_Frame_format.md), as Puffin's footers have it: one frame, with the size of its content.
 *
 * Errors: FIRN_CORRUPT (COMPRESSION): damaged, cut, without a size, more than one frame, or of another size than it says
 */
#ifndef FIRN_CODEC_LZ4_FRAME_H
#define FIRN_CODEC_LZ4_FRAME_H

#include "base/buffer.h"

/* Appends the content; one that is larger than the buffer's limit leaves is damaged, too. */
FIRN_MUST_USE firn_status lz4_frame_unpack(firn_slice frame, firn_buffer *out, firn_error *err);

#endif
