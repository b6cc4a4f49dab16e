/*
 * Borrowed bytes or text: a pointer and a size, no ownership, not NUL-terminated.
 */
#ifndef FIRN_BASE_SLICE_H
#define FIRN_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct firn_slice {
    const uint8_t *data;
    size_t         size;
} firn_slice;

static inline firn_slice
firn_slice_of(const void *data, size_t size)
{
    return (firn_slice){(const uint8_t *) data, size};
}

static inline firn_slice
firn_slice_text(const char *text)
{
    return (firn_slice){(const uint8_t *) text, text ? strlen(text) : 0};
}

static inline bool
firn_slice_equal(firn_slice a, firn_slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

#endif
