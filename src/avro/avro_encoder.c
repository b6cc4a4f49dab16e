#include "avro/avro_encoder.h"

#include "base/bytes.h"
#include "codec/varint.h"

static void
put(avro_encoder *e, const void *bytes, size_t size)
{
    if (e->status == FIRN_OK) e->status = firn_buffer_add(e->out, bytes, size, e->err);
}

void
avro_put_long(avro_encoder *e, int64_t value)
{
    uint8_t bytes[VARINT_SIZE_MAX];

    put(e, bytes, varint_encode(zigzag_encode(value), bytes));
}

void
avro_put_boolean(avro_encoder *e, bool value)
{
    uint8_t byte = value;

    put(e, &byte, 1);
}

void
avro_put_float(avro_encoder *e, float value)
{
    uint8_t bytes[4];

    store_le32(bytes, bits_of_float(value));
    put(e, bytes, sizeof bytes);
}

void
avro_put_double(avro_encoder *e, double value)
{
    uint8_t bytes[8];

    store_le64(bytes, bits_of_double(value));
    put(e, bytes, sizeof bytes);
}

void
avro_put_bytes(avro_encoder *e, firn_slice bytes)
{
    avro_put_long(e, (int64_t) bytes.size);
    if (bytes.size > 0) put(e, bytes.data, bytes.size);
}

void
avro_put_text(avro_encoder *e, const char *text)
{
    avro_put_bytes(e, firn_slice_text(text));
}

void
avro_put_fixed(avro_encoder *e, firn_slice bytes)
{
    if (bytes.size > 0) put(e, bytes.data, bytes.size);
}

void
avro_put_block(avro_encoder *e, size_t count)
{
    if (count > 0) avro_put_long(e, (int64_t) count);
}

void
avro_put_end(avro_encoder *e)
{
    avro_put_long(e, 0);
}

void
avro_put_optional(avro_encoder *e, bool present)
{
    avro_put_long(e, present);
}
