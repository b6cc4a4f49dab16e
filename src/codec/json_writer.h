/*
 * Streaming JSON text into a buffer. The writer checks nesting by assertion; a failed buffer makes all
 * further calls no-ops and jwrite_end says so once: no check per member needed.
 */
#ifndef FIRN_CODEC_JSON_WRITER_H
#define FIRN_CODEC_JSON_WRITER_H

#include "base/buffer.h"

typedef struct jwriter {
    firn_buffer *out;
    firn_error  *err; /* of the first failure */
    firn_status  status;
    unsigned     depth;
    bool         pretty, need_comma, after_key;
} jwriter;

void jwrite_begin(jwriter *w, firn_buffer *out, bool pretty, firn_error *err);
void jwrite_object(jwriter *w);
void jwrite_object_end(jwriter *w);
void jwrite_array(jwriter *w);
void jwrite_array_end(jwriter *w);
void jwrite_key(jwriter *w, const char *key);
void jwrite_text(jwriter *w, const char *text); /* NULL: null */
void jwrite_text_slice(jwriter *w, firn_slice text); /* invalid UTF-8 becomes U+FFFD */
void jwrite_i64(jwriter *w, int64_t value);
void jwrite_u64(jwriter *w, uint64_t value);
void jwrite_double(jwriter *w, double value); /* shortest form that reads back; null for NaN and infinities */
void jwrite_bool(jwriter *w, bool value);
void jwrite_null(jwriter *w);
void jwrite_raw(jwriter *w, const char *json); /* a value already in JSON */
/* Members in one call. */
void jwrite_member_text(jwriter *w, const char *key, const char *text);
void jwrite_member_i64(jwriter *w, const char *key, int64_t value);
void jwrite_member_bool(jwriter *w, const char *key, bool value);
/* Asserts that everything was closed. */
FIRN_MUST_USE firn_status jwrite_end(jwriter *w);

#endif
