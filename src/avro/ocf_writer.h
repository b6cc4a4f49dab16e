/*
 * Avro container files, out. The header carries the given schema text byte for byte (Iceberg's field ids are
 * attributes that an Avro library would drop).
 *
 * Spec:    Avro specification, "Object Container Files"
 * Calls:   open, (begin, values, end)*, close; or free without close = abandon: the sink is aborted
 * Memory:  one block
 */
#ifndef FIRN_AVRO_OCF_WRITER_H
#define FIRN_AVRO_OCF_WRITER_H

#include "avro/avro_encoder.h"
#include "base/sink.h"

typedef enum ocf_codec { OCF_NULL, OCF_DEFLATE, OCF_SNAPPY, OCF_ZSTANDARD } ocf_codec;

typedef struct ocf_property {
    const char *key;
    firn_slice  value;
} ocf_property;

typedef struct ocf_options {
    const char         *schema; /* JSON */
    ocf_codec           codec;
    unsigned            property_count;
    const ocf_property *properties; /* further header entries, after avro.schema and avro.codec */
} ocf_options;

typedef struct ocf_writer ocf_writer;

/* Owns the sink whatever the result. */
FIRN_MUST_USE firn_status ocf_writer_open(const ocf_options *options, firn_sink *take_sink, ocf_writer **ret_writer,
                                          firn_error *err);
/* The encoder for one record's values. */
avro_encoder *ocf_writer_begin(ocf_writer *writer, firn_error *err);
/* Reports what went wrong since begin. */
FIRN_MUST_USE firn_status ocf_writer_end(ocf_writer *writer, firn_error *err);
/* The file is there; the writer is only good for free. *ret_size_bytes may be NULL. */
FIRN_MUST_USE firn_status ocf_writer_close(ocf_writer *writer, uint64_t *ret_size_bytes, firn_error *err);
void ocf_writer_free(ocf_writer *writer);
FIRN_DEFINE_FREEP(ocf_writer, ocf_writer_free)

#endif
