/*
 * Growable bytes with a maximum: a buffer cannot be created without a limit on its growth.
 *
 * {0} is a valid, empty buffer with limit 0: nothing can be added until firn_buffer_init gave one.
 * data[size..capacity) is scratch; data may be NULL while capacity is 0. Growth doubles.
 */
#ifndef FIRN_BASE_BUFFER_H
#define FIRN_BASE_BUFFER_H

#include <stdarg.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

typedef struct firn_buffer {
    uint8_t *data;
    size_t   size, capacity, size_bytes_max;
} firn_buffer;

void firn_buffer_init(firn_buffer *buffer, size_t size_bytes_max);
void firn_buffer_done(firn_buffer *buffer);
void firn_buffer_reset(firn_buffer *buffer); /* empty, keep the memory */

/* Room for `extra` more bytes at data + size. */
FIRN_MUST_USE firn_status firn_buffer_reserve(firn_buffer *buffer, size_t extra, firn_error *err);
FIRN_MUST_USE firn_status firn_buffer_add(firn_buffer *buffer, const void *bytes, size_t size, firn_error *err);
FIRN_MUST_USE firn_status firn_buffer_add_byte(firn_buffer *buffer, uint8_t byte, firn_error *err);
FIRN_MUST_USE firn_status firn_buffer_add_text(firn_buffer *buffer, const char *text, firn_error *err);
FIRN_MUST_USE firn_status firn_buffer_printf(firn_buffer *buffer, firn_error *err, const char *format, ...)
    FIRN_PRINTF(3, 4);

static inline firn_slice
firn_buffer_slice(const firn_buffer *buffer)
{
    return firn_slice_of(buffer->data, buffer->size);
}

#endif
