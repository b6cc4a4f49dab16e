#include "codec/thrift_reader.h"

#include "codec/varint.h"

thrift_reader
thrift_reader_of(firn_slice bytes)
{
    return (thrift_reader){firn_reader_of(bytes), 0};
}

static uint64_t
read_varint(thrift_reader *r)
{
    uint64_t value = 0;
    if (r->in.failed) return 0;
    size_t size = varint_decode(r->in.at, r->in.end, &value);
    if (size == 0) {
        r->in.failed = true;
        return 0;
    }
    r->in.at += size;
    return value;
}

thrift_struct
thrift_struct_begin(thrift_reader *r)
{
    if (++r->depth > THRIFT_DEPTH_MAX) r->in.failed = true;
    return (thrift_struct){0, THRIFT_STOP};
}

thrift_struct
thrift_struct_enter(thrift_reader *r, const thrift_struct *s)
{
    if (s->type != THRIFT_STRUCT) r->in.failed = true;
    return thrift_struct_begin(r);
}

bool
thrift_struct_next(thrift_reader *r, thrift_struct *s)
{
    uint8_t header = firn_reader_u8(&r->in);
    if (r->in.failed || header == 0) {
        r->depth--;
        return false;
    }
    if ((header & 0x0f) > THRIFT_STRUCT || (header & 0x0f) == 0) {
        r->in.failed = true;
        return false;
    }
    s->type = (thrift_type) (header & 0x0f);
    if (header >> 4) {
        s->id += header >> 4;
    } else {
        int64_t id = zigzag_decode(read_varint(r));
        if (id < INT16_MIN || id > INT16_MAX) r->in.failed = true;
        s->id = r->in.failed ? 0 : (int32_t) id;
    }
    if (s->id > INT16_MAX) r->in.failed = true;
    return !r->in.failed;
}

/* Integers of every width are coded alike; only the range tells them apart. */
static int64_t
read_integer(thrift_reader *r, const thrift_struct *s, int64_t min, int64_t max)
{
    int64_t value = 0;
    if (s->type == THRIFT_I8) {
        value = (int8_t) firn_reader_u8(&r->in);
    } else if (s->type == THRIFT_I16 || s->type == THRIFT_I32 || s->type == THRIFT_I64) {
        value = zigzag_decode(read_varint(r));
    } else {
        r->in.failed = true;
    }
    if (value < min || value > max) r->in.failed = true;
    return r->in.failed ? 0 : value;
}

int8_t
thrift_i8(thrift_reader *r, const thrift_struct *s)
{
    return (int8_t) read_integer(r, s, INT8_MIN, INT8_MAX);
}

int16_t
thrift_i16(thrift_reader *r, const thrift_struct *s)
{
    return (int16_t) read_integer(r, s, INT16_MIN, INT16_MAX);
}

int32_t
thrift_i32(thrift_reader *r, const thrift_struct *s)
{
    return (int32_t) read_integer(r, s, INT32_MIN, INT32_MAX);
}

int64_t
thrift_i64(thrift_reader *r, const thrift_struct *s)
{
    return read_integer(r, s, INT64_MIN, INT64_MAX);
}

bool
thrift_bool(thrift_reader *r, const thrift_struct *s)
{
    if (s->type != THRIFT_TRUE && s->type != THRIFT_FALSE) r->in.failed = true;
    return !r->in.failed && s->type == THRIFT_TRUE;
}

firn_slice
thrift_binary(thrift_reader *r, const thrift_struct *s)
{
    if (s->type != THRIFT_BINARY) r->in.failed = true;
    uint64_t size = read_varint(r);
    if (size > firn_reader_left(&r->in)) r->in.failed = true;
    const uint8_t *bytes = firn_reader_take(&r->in, (size_t) size);
    return bytes ? firn_slice_of(bytes, (size_t) size) : (firn_slice){0};
}

thrift_list
thrift_list_begin(thrift_reader *r, const thrift_struct *s)
{
    thrift_list list = {0};
    if (s->type != THRIFT_LIST && s->type != THRIFT_SET) r->in.failed = true;
    uint8_t  header = firn_reader_u8(&r->in);
    uint64_t count = header >> 4;
    if (count == 15) count = read_varint(r);
    unsigned type = header & 0x0f;
    /* Some writers leave the type of an empty list 0. */
    if (type > THRIFT_STRUCT || (type == 0 && count > 0)) r->in.failed = true;
    /* Every element takes at least one byte. */
    if (count > firn_reader_left(&r->in)) r->in.failed = true;
    if (r->in.failed) return list;
    list.count = (uint32_t) (count > UINT32_MAX ? UINT32_MAX : count);
    list.element.type = type == THRIFT_FALSE ? THRIFT_TRUE : (thrift_type) type;
    return list;
}

static void skip_value(thrift_reader *r, const thrift_struct *s);

static void
skip_elements(thrift_reader *r, thrift_type type, uint64_t count)
{
    thrift_struct element = {0, type};
    for (uint64_t i = 0; i < count && !r->in.failed; i++) {
        if (type == THRIFT_TRUE || type == THRIFT_FALSE) {
            (void) firn_reader_u8(&r->in);
        } else {
            skip_value(r, &element);
        }
    }
}

static void
skip_map(thrift_reader *r)
{
    uint64_t count = read_varint(r);
    if (count == 0) return;
    uint8_t types = firn_reader_u8(&r->in);
    if (count > firn_reader_left(&r->in) || (types >> 4) > THRIFT_STRUCT || (types & 0x0f) > THRIFT_STRUCT)
        r->in.failed = true;
    for (uint64_t i = 0; i < count && !r->in.failed; i++) {
        skip_elements(r, (thrift_type) (types >> 4), 1);
        skip_elements(r, (thrift_type) (types & 0x0f), 1);
    }
}

/* Recursion is bounded by THRIFT_DEPTH_MAX: each level counts in r->depth. */
static void
skip_value(thrift_reader *r, const thrift_struct *s)
{
    if (++r->depth > THRIFT_DEPTH_MAX) r->in.failed = true;
    if (r->in.failed) return;
    switch (s->type) {
    case THRIFT_TRUE:
    case THRIFT_FALSE:
        break;
    case THRIFT_I8:
        (void) firn_reader_u8(&r->in);
        break;
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64:
        (void) read_varint(r);
        break;
    case THRIFT_DOUBLE:
        (void) firn_reader_take(&r->in, 8);
        break;
    case THRIFT_BINARY:
        (void) thrift_binary(r, s);
        break;
    case THRIFT_LIST:
    case THRIFT_SET: {
        thrift_list list = thrift_list_begin(r, s);
        skip_elements(r, list.element.type, list.count);
        break;
    }
    case THRIFT_MAP:
        skip_map(r);
        break;
    case THRIFT_STRUCT: {
        thrift_struct inner = thrift_struct_begin(r);
        while (thrift_struct_next(r, &inner))
            skip_value(r, &inner);
        break;
    }
    case THRIFT_STOP:
        r->in.failed = true;
        break;
    }
    r->depth--;
}

void
thrift_skip(thrift_reader *r, const thrift_struct *s)
{
    skip_value(r, s);
}

void *
thrift_list_elements(thrift_reader *r, firn_arena *arena, const thrift_list *list, size_t element_size, bool *no_memory)
{
    if (thrift_failed(r) || list->count == 0) return NULL;
    void *elements = firn_arena_array(arena, list->count, element_size);
    if (!elements) {
        *no_memory = true;
        thrift_fail(r);
    }
    return elements;
}
