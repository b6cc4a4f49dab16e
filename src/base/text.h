/*
 * Text: parsing of numbers, sizes and durations, nearest names, LIKE, quoting, UTF-8.
 */
#ifndef FIRN_BASE_TEXT_H
#define FIRN_BASE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

/* Whole text or false; no sign for unsigned, no spaces, no overflow. */
FIRN_MUST_USE bool text_parse_i64(firn_slice text, int64_t *ret_value);
FIRN_MUST_USE bool text_parse_u64(firn_slice text, uint64_t *ret_value);
FIRN_MUST_USE bool text_parse_hash(const char *text, uint64_t *ret_value); /* 16 hexadecimal digits, small letters; NULL is none */
FIRN_MUST_USE bool text_parse_bool(firn_slice text, bool *ret_value); /* true false yes no on off 1 0 */
/* "128MiB", "512M", "1G", "4096": bytes; K M G T and KiB … are powers of 1024, KB … of 1000. */
FIRN_MUST_USE bool text_parse_size(firn_slice text, uint64_t *ret_bytes);
/* "250ms", "10s", "5m", "2h", "3d": milliseconds; a bare number is refused (units required). */
FIRN_MUST_USE bool text_parse_duration(firn_slice text, uint64_t *ret_ms);

/* The candidate with the least edit distance (at most a third of the length, case ignored), or NULL. */
const char *text_nearest(const char *name, const char *const candidates[], size_t candidate_count);

/* SQL LIKE: % any run, _ one character (UTF-8), \ escapes. Case-sensitive. */
bool text_like(const char *text, const char *pattern);

bool text_starts_with(const char *text, const char *prefix);
bool text_ends_with(const char *text, const char *suffix);
bool text_equal_nocase(const char *a, const char *b); /* ASCII */

/* Whether the bytes are well-formed UTF-8 (no surrogates, no overlong forms). */
bool text_is_utf8(const uint8_t *bytes, size_t size);
/* The longest prefix of at most `count` code points; returns its size in bytes. Input is UTF-8. */
size_t text_utf8_prefix(const uint8_t *bytes, size_t size, size_t count);

/* Adds a number for people: 1,204,331,002 */
FIRN_MUST_USE firn_status text_add_grouped(firn_buffer *out, uint64_t value, firn_error *err);
/* "96.3 GB", "814 kB": decimal units, for people. `out` holds at least 32 bytes. */
void text_format_bytes(uint64_t bytes, char out[32]);
/* "14m02s", "3.4s", "812ms" */
void text_format_duration(uint64_t ms, char out[32]);
/* Percent-encodes all but [A-Za-z0-9_.-] and what `keep` holds. */
FIRN_MUST_USE firn_status text_add_percent_encoded(firn_buffer *out, firn_slice text, const char *keep, firn_error *err);

#endif
