#include "codec/thrift_writer.h"

#include "codec/varint.h"

static void
add(thrift_writer *w, const void *bytes, size_t size)
{
    if (w->status == FIRN_OK) w->status = firn_buffer_add(w->out, bytes, size, w->err);
}

static void
add_byte(thrift_writer *w, uint8_t byte)
{
    add(w, &byte, 1);
}

static void
add_varint(thrift_writer *w, uint64_t value)
{
    uint8_t bytes[VARINT_SIZE_MAX];
    size_t  size = varint_encode(value, bytes);
    add(w, bytes, size);
}

static void
add_field(thrift_writer *w, int16_t id, thrift_type type)
{
    int16_t *last = &w->last_id[w->depth];
    assert(id > *last);
    if (id - *last <= 15) {
        add_byte(w, (uint8_t) ((id - *last) << 4 | (int) type));
    } else {
        add_byte(w, (uint8_t) type);
        add_varint(w, zigzag_encode(id));
    }
    *last = id;
}

static void
enter(thrift_writer *w)
{
    assert(w->depth + 1 < THRIFT_WRITER_DEPTH_MAX);
    w->last_id[++w->depth] = 0;
}

void
thrift_write_begin(thrift_writer *w, firn_buffer *out, firn_error *err)
{
    *w = (thrift_writer){.out = out, .err = err};
}

firn_status
thrift_write_end(thrift_writer *w)
{
    assert(w->depth == 0);
    add_byte(w, THRIFT_STOP);
    return w->status;
}

void
thrift_write_bool(thrift_writer *w, int16_t id, bool value)
{
    add_field(w, id, value ? THRIFT_TRUE : THRIFT_FALSE);
}

void
thrift_write_i8(thrift_writer *w, int16_t id, int8_t value)
{
    add_field(w, id, THRIFT_I8);
    add_byte(w, (uint8_t) value);
}

void
thrift_write_i16(thrift_writer *w, int16_t id, int16_t value)
{
    add_field(w, id, THRIFT_I16);
    add_varint(w, zigzag_encode(value));
}

void
thrift_write_i32(thrift_writer *w, int16_t id, int32_t value)
{
    add_field(w, id, THRIFT_I32);
    add_varint(w, zigzag_encode(value));
}

void
thrift_write_i64(thrift_writer *w, int16_t id, int64_t value)
{
    add_field(w, id, THRIFT_I64);
    add_varint(w, zigzag_encode(value));
}

void
thrift_write_binary(thrift_writer *w, int16_t id, firn_slice value)
{
    add_field(w, id, THRIFT_BINARY);
    thrift_element_binary(w, value);
}

void
thrift_write_text(thrift_writer *w, int16_t id, const char *value)
{
    thrift_write_binary(w, id, firn_slice_text(value));
}

void
thrift_write_struct(thrift_writer *w, int16_t id)
{
    add_field(w, id, THRIFT_STRUCT);
    enter(w);
}

void
thrift_write_struct_end(thrift_writer *w)
{
    assert(w->depth > 0);
    add_byte(w, THRIFT_STOP);
    w->depth--;
}

void
thrift_write_list(thrift_writer *w, int16_t id, thrift_type element, size_t count)
{
    add_field(w, id, THRIFT_LIST);
    if (count < 15) {
        add_byte(w, (uint8_t) (count << 4 | (unsigned) element));
    } else {
        add_byte(w, (uint8_t) (0xf0 | (unsigned) element));
        add_varint(w, count);
    }
}

void
thrift_element_bool(thrift_writer *w, bool value)
{
    add_byte(w, value);
}

void
thrift_element_i32(thrift_writer *w, int32_t value)
{
    add_varint(w, zigzag_encode(value));
}

void
thrift_element_i64(thrift_writer *w, int64_t value)
{
    add_varint(w, zigzag_encode(value));
}

void
thrift_element_binary(thrift_writer *w, firn_slice value)
{
    add_varint(w, value.size);
    if (value.size) add(w, value.data, value.size);
}

void
thrift_element_struct(thrift_writer *w)
{
    enter(w);
}
