/*
 * Texts of PostgreSQL values, as its own output functions write them: for columns that become string and
 * for messages. Each returns the length; `out` gets no NUL unless said.
 */
#ifndef FIRN_POSTGRES_COPY_TEXT_H
#define FIRN_POSTGRES_COPY_TEXT_H

#include "base/slice.h"
#include "postgres/copy_layout.h"

#define COPY_TEXT_TIME_SIZE_MAX 16
#define COPY_TEXT_INET_SIZE_MAX 64

/* "13:45:30.5", "24:00:00"; microseconds 0..86400000000, else 0. */
size_t copy_text_time(int64_t us, char out[COPY_TEXT_TIME_SIZE_MAX]);
/* "10.0.0.1", "10.0.0.0/8", "::1/128" for a cidr; 0: not such bytes. */
size_t copy_text_inet(firn_slice bytes, char out[COPY_TEXT_INET_SIZE_MAX]);
/* "char": nothing, one character, or a backslash and three octal digits. */
size_t copy_text_char(uint8_t byte, char out[4]);

/* "(id=5, code=abc)": the row's key from its raw fields, or "(no key)"; NUL-terminated, cut at `size`. */
void copy_text_key(const copy_layout *layout, firn_slice tuple, char *out, size_t size);
/* A value for a message: its text where the type is simple, else the first bytes in hex. */
void copy_text_value(const copy_field *field, firn_slice value, char *out, size_t size);

#endif
