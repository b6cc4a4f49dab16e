#include "base/buffer.h"

#include <stdio.h>

#include "base/alloc.h"

enum { CAPACITY_FIRST = 64 };

void
firn_buffer_init(firn_buffer *buffer, size_t size_bytes_max)
{
    *buffer = (firn_buffer){.size_bytes_max = size_bytes_max};
}

void
firn_buffer_done(firn_buffer *buffer)
{
    firn_free(buffer->data);
    *buffer = (firn_buffer){.size_bytes_max = buffer->size_bytes_max};
}

void
firn_buffer_reset(firn_buffer *buffer)
{
    buffer->size = 0;
}

static firn_status
grow(firn_buffer *buffer, size_t extra, firn_error *err)
{
    size_t   capacity = buffer->capacity ? buffer->capacity : CAPACITY_FIRST;
    uint8_t *data;

    if (extra > buffer->size_bytes_max || buffer->size > buffer->size_bytes_max - extra) {
        return firn_fail(err, FIRN_E_NO_MEMORY, "%zu bytes and %zu more would pass the limit of %zu", buffer->size,
                         extra, buffer->size_bytes_max);
    }
    while (capacity < buffer->size + extra) {
        capacity = capacity <= SIZE_MAX / 2 ? capacity * 2 : SIZE_MAX;
    }
    if (capacity > buffer->size_bytes_max) {
        capacity = buffer->size_bytes_max;
    }
    data = firn_realloc(buffer->data, capacity);
    if (!data) {
        return firn_fail(err, FIRN_E_NO_MEMORY, "no memory for a buffer of %zu bytes", capacity);
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return FIRN_OK;
}

firn_status
firn_buffer_reserve(firn_buffer *buffer, size_t extra, firn_error *err)
{
    if (FIRN_LIKELY(buffer->capacity - buffer->size >= extra)) return FIRN_OK;
    return grow(buffer, extra, err);
}

firn_status
firn_buffer_add(firn_buffer *buffer, const void *bytes, size_t size, firn_error *err)
{
    if (size == 0) return FIRN_OK;
    FIRN_TRY(firn_buffer_reserve(buffer, size, err));
    memcpy(buffer->data + buffer->size, bytes, size);
    buffer->size += size;
    return FIRN_OK;
}

firn_status
firn_buffer_add_byte(firn_buffer *buffer, uint8_t byte, firn_error *err)
{
    FIRN_TRY(firn_buffer_reserve(buffer, 1, err));
    buffer->data[buffer->size++] = byte;
    return FIRN_OK;
}

firn_status
firn_buffer_add_text(firn_buffer *buffer, const char *text, firn_error *err)
{
    return firn_buffer_add(buffer, text, strlen(text), err);
}

firn_status
firn_buffer_printf(firn_buffer *buffer, firn_error *err, const char *format, ...)
{
    va_list arguments;
    size_t  room = buffer->capacity - buffer->size;
    int     size;

    va_start(arguments, format);
    size = vsnprintf(room ? (char *) buffer->data + buffer->size : NULL, room, format, arguments);
    va_end(arguments);
    if (size < 0) return firn_fail(err, FIRN_E_BUG, "a text cannot be formatted");
    if ((size_t) size >= room) {
        /* One byte more for the NUL that vsnprintf writes; it does not count as content. */
        FIRN_TRY(firn_buffer_reserve(buffer, (size_t) size + 1, err));
        va_start(arguments, format);
        vsnprintf((char *) buffer->data + buffer->size, (size_t) size + 1, format, arguments);
        va_end(arguments);
    }
    buffer->size += (size_t) size;
    return FIRN_OK;
}
