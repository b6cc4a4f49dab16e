#include "avro/ocf_writer.h"

#include "avro/ocf_format.h"
#include "base/alloc.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "codec/checksum.h"
#include "codec/compressor.h"

/* A block is closed once its records have so many bytes. */
#define BLOCK_SIZE_BYTES ((size_t) 64 << 10)
#define LEVEL_DEFLATE 6
#define LEVEL_ZSTANDARD 3

struct ocf_writer {
    firn_sink   *sink;
    compressor  *codec;
    ocf_codec    codec_id;
    firn_buffer  records, packed;
    size_t       record_count;
    avro_encoder encoder;
    bool         is_closed;
    uint8_t      sync[OCF_SYNC_SIZE];
};

static const char *
codec_name(ocf_codec codec)
{
    static const char *const names[] = {"null", "deflate", "snappy", "zstandard"};

    return names[codec];
}

static firn_status
new_compressor(ocf_codec codec, compressor **ret_compressor, firn_error *err)
{
    switch (codec) {
    case OCF_NULL:
        return compressor_new(CODEC_NONE, 0, ret_compressor, err);
    case OCF_DEFLATE:
        return compressor_new(CODEC_DEFLATE, LEVEL_DEFLATE, ret_compressor, err);
    case OCF_SNAPPY:
        return compressor_new(CODEC_SNAPPY, 0, ret_compressor, err);
    case OCF_ZSTANDARD:
        return compressor_new(CODEC_ZSTD, LEVEL_ZSTANDARD, ret_compressor, err);
    }
    return firn_fail(err, FIRN_E_BUG, "no such Avro codec: %u", (unsigned) codec);
}

static firn_status
write_header(ocf_writer *w, const ocf_options *options, firn_error *err)
{
    avro_encoder e = avro_encoder_of(&w->packed, err);

    avro_put_fixed(&e, firn_slice_of(OCF_MAGIC, OCF_MAGIC_SIZE));
    avro_put_block(&e, (size_t) options->property_count + 2);
    avro_put_text(&e, OCF_SCHEMA_KEY);
    avro_put_text(&e, options->schema);
    avro_put_text(&e, OCF_CODEC_KEY);
    avro_put_text(&e, codec_name(options->codec));
    for (unsigned i = 0; i < options->property_count; i++) {
        avro_put_text(&e, options->properties[i].key);
        avro_put_bytes(&e, options->properties[i].value);
    }
    avro_put_end(&e);
    avro_put_fixed(&e, firn_slice_of(w->sync, OCF_SYNC_SIZE));
    FIRN_TRY(e.status);
    FIRN_TRY(firn_sink_write(w->sink, w->packed.data, w->packed.size, err));
    firn_buffer_reset(&w->packed);
    return FIRN_OK;
}

firn_status
ocf_writer_open(const ocf_options *options, firn_sink *take_sink, ocf_writer **ret_writer, firn_error *err)
{
    FIRN_AUTO(ocf_writer_freep) ocf_writer *w = firn_calloc(1, sizeof *w);

    if (!w) {
        firn_sink_abort(take_sink);
        firn_sink_free(take_sink);
        return firn_fail_memory(err, "an Avro file");
    }
    w->sink = take_sink;
    w->codec_id = options->codec;
    firn_buffer_init(&w->records, OCF_BLOCK_SIZE_MAX);
    firn_buffer_init(&w->packed, 2 * OCF_BLOCK_SIZE_MAX);
    firn_random_bytes(w->sync, sizeof w->sync);
    FIRN_TRY(new_compressor(options->codec, &w->codec, err));
    FIRN_TRY(write_header(w, options, err));
    *ret_writer = FIRN_STEAL(w);
    return FIRN_OK;
}

avro_encoder *
ocf_writer_begin(ocf_writer *writer, firn_error *err)
{
    writer->encoder = avro_encoder_of(&writer->records, err);
    return &writer->encoder;
}

static firn_status
write_block(ocf_writer *w, firn_error *err)
{
    uint8_t      bytes[64];
    firn_buffer  head = {bytes, 0, sizeof bytes, sizeof bytes}; // never grows: two numbers
    avro_encoder e = avro_encoder_of(&head, err);

    if (w->record_count == 0) return FIRN_OK;
    firn_buffer_reset(&w->packed);
    FIRN_TRY(compressor_compress(w->codec, firn_buffer_slice(&w->records), &w->packed, err));
    if (w->codec_id == OCF_SNAPPY) {
        uint8_t sum[4];
        store_be32(sum, checksum_crc32(firn_buffer_slice(&w->records)));
        FIRN_TRY(firn_buffer_add(&w->packed, sum, sizeof sum, err));
    }
    avro_put_long(&e, (int64_t) w->record_count);
    avro_put_long(&e, (int64_t) w->packed.size);
    FIRN_TRY(e.status);
    FIRN_TRY(firn_sink_write(w->sink, head.data, head.size, err));
    FIRN_TRY(firn_sink_write(w->sink, w->packed.data, w->packed.size, err));
    FIRN_TRY(firn_sink_write(w->sink, w->sync, sizeof w->sync, err));
    firn_buffer_reset(&w->records);
    w->record_count = 0;
    return FIRN_OK;
}

firn_status
ocf_writer_end(ocf_writer *writer, firn_error *err)
{
    FIRN_TRY(writer->encoder.status);
    writer->record_count++;
    return writer->records.size >= BLOCK_SIZE_BYTES ? write_block(writer, err) : FIRN_OK;
}

firn_status
ocf_writer_close(ocf_writer *writer, uint64_t *ret_size_bytes, firn_error *err)
{
    FIRN_TRY(write_block(writer, err));
    FIRN_TRY(firn_sink_finish(writer->sink, err));
    writer->is_closed = true;
    if (ret_size_bytes) *ret_size_bytes = writer->sink->written_bytes;
    return FIRN_OK;
}

void
ocf_writer_free(ocf_writer *writer)
{
    if (!writer) return;
    if (!writer->is_closed) firn_sink_abort(writer->sink);
    firn_sink_free(writer->sink);
    compressor_free(writer->codec);
    firn_buffer_done(&writer->records);
    firn_buffer_done(&writer->packed);
    firn_free(writer);
}
