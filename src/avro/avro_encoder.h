/*
 * Avro's binary encoding, out. Values are added in the schema's order; the encoder knows no schema.
 *
 * Spec:   Avro specification, "Binary Encoding"
 * Errors: sticky: after a failed buffer all calls do nothing, and `status` says so once
 */
#ifndef FIRN_AVRO_ENCODER_H
#define FIRN_AVRO_ENCODER_H

#include "base/buffer.h"

typedef struct avro_encoder {
    firn_buffer *out;
    firn_error  *err; /* of the first failure */
    firn_status  status;
} avro_encoder;

static inline avro_encoder
avro_encoder_of(firn_buffer *out, firn_error *err)
{
    return (avro_encoder){out, err, FIRN_OK};
}

void avro_put_long(avro_encoder *e, int64_t value); /* int, long, enum, union branch, block count */
void avro_put_boolean(avro_encoder *e, bool value);
void avro_put_float(avro_encoder *e, float value);
void avro_put_double(avro_encoder *e, double value);
void avro_put_bytes(avro_encoder *e, firn_slice bytes); /* bytes and string */
void avro_put_text(avro_encoder *e, const char *text);
void avro_put_fixed(avro_encoder *e, firn_slice bytes);
/* Of an array or map: one block of `count` items follows (none where it is 0), then the end. */
void avro_put_block(avro_encoder *e, size_t count);
void avro_put_end(avro_encoder *e);
/* The branch of a union ["null", T]; `present` values follow. */
void avro_put_optional(avro_encoder *e, bool present);

#endif
