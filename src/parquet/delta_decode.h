/*
 * DELTA_BINARY_PACKED in, as a stream with constant memory. Untrusted input.
 *
 * Spec:   parquet-format, Encodings.md, "Delta Encoding (DELTA_BINARY_PACKED = 5)"
 * Limits: a miniblock has at most DELTA_MINIBLOCKS_MAX siblings; its values come in pieces of 64
 * Errors: false where the bytes end early or are not such a stream
 */
#ifndef FIRN_PARQUET_DELTA_DECODE_H
#define FIRN_PARQUET_DELTA_DECODE_H

#include <stdbool.h>

#include "base/attrs.h"
#include "base/slice.h"

#define DELTA_MINIBLOCKS_MAX 512

typedef struct delta_decoder {
    const uint8_t *at, *end;
    uint32_t       miniblock_count, miniblock_size; /* per block; values of each */
    uint64_t       left;                            /* values not yet given out, the first included */
    bool           is_first;
    unsigned       bit_width_max; /* 32 or 64 */
    uint64_t       last, min_delta;
    uint32_t       miniblock_at; /* next miniblock of the block */
    uint8_t        bit_widths[DELTA_MINIBLOCKS_MAX];
    const uint8_t *packed; /* the open miniblock */
    unsigned       bit_width;
    uint32_t       packed_next, packed_left;
} delta_decoder;

/* bit_width_max: 32 for INT32 and lengths, 64 for INT64. */
FIRN_MUST_USE bool delta_decoder_init(delta_decoder *d, firn_slice bytes, unsigned bit_width_max);
FIRN_MUST_USE bool delta_decode_i32(delta_decoder *d, size_t count, int32_t *out);
FIRN_MUST_USE bool delta_decode_i64(delta_decoder *d, size_t count, int64_t *out);
/* Reads the rest and gives the bytes behind the stream. */
FIRN_MUST_USE bool delta_decoder_finish(delta_decoder *d, firn_slice *ret_rest);

#endif
