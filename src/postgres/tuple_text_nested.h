/*
 * Arrays, composites and hstore: the nested part of tuple_text.h, in a file of its own.
 */
#ifndef FIRN_POSTGRES_TUPLE_TEXT_NESTED_H
#define FIRN_POSTGRES_TUPLE_TEXT_NESTED_H

#include "base/buffer.h"
#include "postgres/copy_layout.h"

/* As tuple_text_convert, for COPY_LIST, COPY_STRUCT and COPY_HSTORE. */
FIRN_MUST_USE firn_status tuple_text_nested_convert(const copy_field *field, firn_slice text, firn_buffer *out,
                                                    bool *ret_valid, firn_error *err);

#endif
