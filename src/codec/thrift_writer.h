/*
 * Thrift's compact protocol, out: one top-level struct into a buffer.
 *
 * Spec:   apache/thrift, doc/specs/thrift-compact-protocol.md
 * Order:  fields of a struct in ascending id; nesting is checked by assertion
 * Errors: a failed buffer makes all further calls no-ops; thrift_write_end says so once
 */
#ifndef FIRN_CODEC_THRIFT_WRITER_H
#define FIRN_CODEC_THRIFT_WRITER_H

#include "base/buffer.h"
#include "codec/thrift_type.h"

#define THRIFT_WRITER_DEPTH_MAX 16

typedef struct thrift_writer {
    firn_buffer *out;
    firn_error  *err; /* of the first failure */
    firn_status  status;
    unsigned     depth;
    int16_t      last_id[THRIFT_WRITER_DEPTH_MAX];
} thrift_writer;

/* Begins the top-level struct. */
void                      thrift_write_begin(thrift_writer *w, firn_buffer *out, firn_error *err);
/* Ends it. */
FIRN_MUST_USE firn_status thrift_write_end(thrift_writer *w);

void thrift_write_bool(thrift_writer *w, int16_t id, bool value);
void thrift_write_i8(thrift_writer *w, int16_t id, int8_t value);
void thrift_write_i16(thrift_writer *w, int16_t id, int16_t value);
void thrift_write_i32(thrift_writer *w, int16_t id, int32_t value);
void thrift_write_i64(thrift_writer *w, int16_t id, int64_t value);
void thrift_write_binary(thrift_writer *w, int16_t id, firn_slice value);
void thrift_write_text(thrift_writer *w, int16_t id, const char *value);
/* Structs and unions; the fields until the end belong to it. */
void thrift_write_struct(thrift_writer *w, int16_t id);
void thrift_write_struct_end(thrift_writer *w);
/* `count` elements follow. */
void thrift_write_list(thrift_writer *w, int16_t id, thrift_type element, size_t count);
void thrift_element_bool(thrift_writer *w, bool value); /* of a list of THRIFT_FALSE */
void thrift_element_i32(thrift_writer *w, int32_t value);
void thrift_element_i64(thrift_writer *w, int64_t value);
void thrift_element_binary(thrift_writer *w, firn_slice value);
void thrift_element_struct(thrift_writer *w); /* ended by thrift_write_struct_end */

#endif
