/*
 * Thrift's compact protocol in, from untrusted bytes.
 *
 * Spec:   apache/thrift, doc/specs/thrift-compact-protocol.md
 * Shape:  a struct is walked field by field; the caller's switch knows the ids, thrift_skip passes the rest:
 *
 *             thrift_struct s = thrift_struct_begin(&r);
 *             while (thrift_struct_next(&r, &s)) {
 *                 switch (s.id) {
 *                 case 1: count = thrift_i32(&r, &s); break;
 *                 default: thrift_skip(&r, &s);
 *                 }
 *             }
 *
 * Errors: sticky (thrift_failed): reads after a failure give zero, loops end. A field of another type than
 *         asked for is a failure.
 * Limits: nesting THRIFT_DEPTH_MAX; a list cannot have more elements than bytes are left
 */
#ifndef FIRN_CODEC_THRIFT_READER_H
#define FIRN_CODEC_THRIFT_READER_H

#include "base/arena.h"
#include "base/reader.h"
#include "codec/thrift_type.h"

#define THRIFT_DEPTH_MAX 24

typedef struct thrift_reader {
    firn_reader in;
    unsigned    depth;
} thrift_reader;

/* The current field of a struct, or the current element of a list (id is its index then). */
typedef struct thrift_struct {
    int32_t     id;
    thrift_type type;
} thrift_struct;

typedef struct thrift_list {
    uint32_t      count;
    thrift_struct element; /* pass to thrift_i32 and so on */
} thrift_list;

thrift_reader thrift_reader_of(firn_slice bytes);

static inline bool
thrift_failed(const thrift_reader *r)
{
    return r->in.failed;
}

static inline void
thrift_fail(thrift_reader *r)
{
    r->in.failed = true;
}

/* Enters the struct that begins here: the outermost one, or the value of a field or element. */
thrift_struct thrift_struct_begin(thrift_reader *r);
/* The same for the value of `s`, which must be a struct. */
thrift_struct thrift_struct_enter(thrift_reader *r, const thrift_struct *s);
/* To the next field; false at the end (and then the struct is left) or after a failure. */
bool          thrift_struct_next(thrift_reader *r, thrift_struct *s);

bool        thrift_bool(thrift_reader *r, const thrift_struct *s);
int8_t      thrift_i8(thrift_reader *r, const thrift_struct *s);
int16_t     thrift_i16(thrift_reader *r, const thrift_struct *s);
int32_t     thrift_i32(thrift_reader *r, const thrift_struct *s);
int64_t     thrift_i64(thrift_reader *r, const thrift_struct *s);
firn_slice  thrift_binary(thrift_reader *r, const thrift_struct *s); /* a view of the input */
/* Reads the header; the caller reads `count` elements. Elements of booleans have the type THRIFT_TRUE. */
thrift_list thrift_list_begin(thrift_reader *r, const thrift_struct *s);
/* Passes over the value of the field. */
void        thrift_skip(thrift_reader *r, const thrift_struct *s);

/* Where a list's elements go: the arena, sized by the count that thrift_list_begin has checked. NULL for an
 * empty list, after a failure, and where memory is exhausted (the reader has failed then, *no_memory is set). */
void *thrift_list_elements(thrift_reader *r, firn_arena *arena, const thrift_list *list, size_t element_size,
                           bool *no_memory);

#endif
