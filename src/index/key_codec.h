/*
 * The key columns of rows → bytes: equal keys, and no others, have equal bytes, and the bytes are ordered as the keys
 * (column by column; texts by their UTF-8 bytes, nulls first, NaN last).
 *
 * Form:   for each column 0 (null), or 1 and the value: integers, dates and times as 64 bits, big-endian, sign turned
 *         over (so that int and long agree); float and double as a double's bits made to order, -0 as 0; decimals as 128
 *         bits, the same as integers; texts and binaries with 00 as 00 ff and 00 00 at the end; uuid and fixed as they
 *         are; lists and maps with 2 before each element and 1 at the end; structs as their fields
 * Threads: a codec is immutable
 */
#ifndef FIRN_INDEX_KEY_CODEC_H
#define FIRN_INDEX_KEY_CODEC_H

#include "base/buffer.h"
#include "batch/schema.h"
#include "index/key_hash.h"

#define KEY_BYTES_MAX ((size_t) 256 << 20)

typedef struct key_codec key_codec;

/* The top-level columns with these field ids, in this order; `id_count` 0: all columns (a table without a key).
 * FIRN_UNSUPPORTED where one is missing. References the schema. */
FIRN_MUST_USE firn_status key_codec_new(table_schema *schema, const int32_t ids[], unsigned id_count,
                                        key_codec **ret_codec, firn_error *err);
void                      key_codec_free(key_codec *codec);
FIRN_DEFINE_FREEP(key_codec, key_codec_free)

/* A number for the columns and how they are encoded: two codecs with the same one make the same keys of the same rows. */
uint64_t key_codec_shape(const key_codec *codec);
/* `rows`: a struct array with the columns of the schema; row 0 is its first. Appends. */
FIRN_MUST_USE firn_status key_codec_encode(const key_codec *codec, const struct ArrowArray *rows, int64_t row,
                                           firn_buffer *out, firn_error *err);
/* The hashes of all rows. */
FIRN_MUST_USE firn_status key_codec_hash(const key_codec *codec, const key_seed *seed, const struct ArrowArray *rows,
                                         key_hash ret_hashes[], firn_error *err);

#endif
