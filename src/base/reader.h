/*
 * Bounds-checked input with a sticky failure: reads after a failure return zero, the decoder
 * checks `failed` once per message and reports the offset (firn_reader_offset). Borrows the bytes.
 */
#ifndef FIRN_BASE_READER_H
#define FIRN_BASE_READER_H

#include <stdbool.h>

#include "base/attrs.h"
#include "base/bytes.h"
#include "base/slice.h"

typedef struct firn_reader {
    const uint8_t *start, *at, *end;
    bool           failed;
} firn_reader;

static inline firn_reader
firn_reader_of(firn_slice bytes)
{
    return (firn_reader){bytes.data, bytes.data, bytes.size ? bytes.data + bytes.size : bytes.data, false};
}

static inline size_t
firn_reader_left(const firn_reader *r)
{
    return (size_t) (r->end - r->at);
}

static inline size_t
firn_reader_offset(const firn_reader *r)
{
    return (size_t) (r->at - r->start);
}

/* The next `size` bytes, or NULL and failed. */
static inline const uint8_t *
firn_reader_take(firn_reader *r, size_t size)
{
    if (FIRN_UNLIKELY(r->failed || firn_reader_left(r) < size)) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *p = r->at;
    r->at += size;
    return p;
}

static inline uint8_t
firn_reader_u8(firn_reader *r)
{
    const uint8_t *p = firn_reader_take(r, 1);
    return p ? *p : 0;
}

#define FIRN_DEFINE_READ(name, bits, load)              \
    static inline uint##bits##_t name(firn_reader *r)   \
    {                                                   \
        const uint8_t *p = firn_reader_take(r, bits / 8); \
        return p ? load(p) : 0;                         \
    }

FIRN_DEFINE_READ(firn_reader_be16, 16, load_be16)
FIRN_DEFINE_READ(firn_reader_be32, 32, load_be32)
FIRN_DEFINE_READ(firn_reader_be64, 64, load_be64)
FIRN_DEFINE_READ(firn_reader_le16, 16, load_le16)
FIRN_DEFINE_READ(firn_reader_le32, 32, load_le32)
FIRN_DEFINE_READ(firn_reader_le64, 64, load_le64)

#endif
