/*
 * Avro container files, in: any writer's, as values of its own schema. Untrusted.
 *
 * Codecs: null, deflate, snappy (with its checksum), zstandard
 * Memory: the file, which the caller holds, one uncompressed block, one record
 */
#ifndef FIRN_AVRO_OCF_READER_H
#define FIRN_AVRO_OCF_READER_H

#include "avro/avro_decoder.h"

typedef struct ocf_reader ocf_reader;

/* Borrows `file` until freed. `name` is for messages; copied. */
FIRN_MUST_USE firn_status ocf_reader_open(firn_slice file, const char *name, ocf_reader **ret_reader, firn_error *err);
const avro_schema *ocf_reader_schema(const ocf_reader *reader);
/* A header entry; data == NULL: not there. */
firn_slice ocf_reader_property(const ocf_reader *reader, const char *key);
/* The next record, in `arena`; its bytes are views that live until the next call. *ret_more false: none was left. */
FIRN_MUST_USE firn_status ocf_reader_next(ocf_reader *reader, firn_arena *arena, avro_value *ret_value, bool *ret_more,
                                          firn_error *err);
void ocf_reader_free(ocf_reader *reader);
FIRN_DEFINE_FREEP(ocf_reader, ocf_reader_free)

#endif
