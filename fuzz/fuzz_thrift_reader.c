/* codec/thrift_reader.h: every field read by its own type, structs and lists walked, else skipped. */
#include "codec/thrift_reader.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk_struct(thrift_reader *r, thrift_struct s);

static void
walk_value(thrift_reader *r, const thrift_struct *s)
{
    switch (s->type) {
    case THRIFT_TRUE:
    case THRIFT_FALSE:
        (void) thrift_bool(r, s);
        break;
    case THRIFT_I8:
        (void) thrift_i8(r, s);
        break;
    case THRIFT_I16:
        (void) thrift_i16(r, s);
        break;
    case THRIFT_I32:
        (void) thrift_i32(r, s);
        break;
    case THRIFT_I64:
        (void) thrift_i64(r, s);
        break;
    case THRIFT_BINARY: {
        firn_slice bytes = thrift_binary(r, s);
        if (bytes.size > 0 && (bytes.data < r->in.start || bytes.data + bytes.size > r->in.end)) abort();
        break;
    }
    case THRIFT_LIST: {
        thrift_list list = thrift_list_begin(r, s);
        if (list.element.type == THRIFT_TRUE) {
            (void) firn_reader_take(&r->in, list.count);
        } else if (list.element.type == THRIFT_LIST) {
            for (uint32_t i = 0; i < list.count && !thrift_failed(r); i++)
                thrift_skip(r, &list.element);
        } else {
            for (uint32_t i = 0; i < list.count && !thrift_failed(r); i++)
                walk_value(r, &list.element);
        }
        break;
    }
    case THRIFT_STRUCT:
        walk_struct(r, thrift_struct_enter(r, s));
        break;
    case THRIFT_STOP:
    case THRIFT_DOUBLE:
    case THRIFT_SET:
    case THRIFT_MAP:
        thrift_skip(r, s);
        break;
    }
}

static void
walk_struct(thrift_reader *r, thrift_struct s)
{
    if (r->depth > THRIFT_DEPTH_MAX && !thrift_failed(r)) abort();
    while (thrift_struct_next(r, &s))
        walk_value(r, &s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    thrift_reader walked = thrift_reader_of(firn_slice_of(data, size)), skipped = walked;

    walk_struct(&walked, thrift_struct_begin(&walked));
    thrift_struct s = thrift_struct_begin(&skipped);
    while (thrift_struct_next(&skipped, &s))
        thrift_skip(&skipped, &s);
    /* Whoever knows the fields and whoever passes over them must end at the same place. */
    if (!thrift_failed(&walked) && !thrift_failed(&skipped) && walked.in.at != skipped.in.at) abort();
    return 0;
}
