/*
 * The text of a PostgreSQL value → its binary form, as the server would have sent it: so that a stream in text takes the
 * same way into a column (copy_value.h), with the same policies and messages, as a load.
 *
 * Spec:    the output functions of the types in the server's source; DateStyle ISO, TimeZone UTC, bytea_output hex;
 *          "Arrays" (I/O syntax), "Composite Types" (I/O syntax), hstore in the documentation
 * Hostile: a text that its output function does not write is refused, never guessed at
 * Threads: no state
 */
#ifndef FIRN_POSTGRES_TUPLE_TEXT_H
#define FIRN_POSTGRES_TUPLE_TEXT_H

#include "base/buffer.h"
#include "postgres/copy_layout.h"

/* Appends. `ret_valid` false: not such a text. Fails for memory and the buffer's limit only. */
FIRN_MUST_USE firn_status tuple_text_convert(const copy_field *field, firn_slice text, firn_buffer *out, bool *ret_valid,
                                             firn_error *err);

/* Parts, for the quick ways: "2024-02-29", with year up to 9999 → days since 2000-01-01. False: not so simple. */
FIRN_MUST_USE bool tuple_text_simple_date(const uint8_t *text, size_t size, int32_t *ret_pg_days);
/* "2024-02-29 12:34:56.789+00" → microseconds since 2000-01-01. */
FIRN_MUST_USE bool tuple_text_simple_timestamp(const uint8_t *text, size_t size, int64_t *ret_pg_us);

#endif
