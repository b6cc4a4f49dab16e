#include "parquet/page_writer.h"

#include "codec/thrift_writer.h"

/* Sizes are signed 32 bits in the header; a PostgreSQL value has up to 1 GiB. */
#define PAGE_SIZE_BYTES_MAX (((size_t) 1 << 30) + ((size_t) 1 << 16))

/* Scratch that is kept; more is given back after the page that needed it. */
enum { ZIPPED_SIZE_KEPT = 4 << 20 };

static codec_id
codec_of(parquet_codec codec)
{
    switch (codec) {
    case PARQUET_UNCOMPRESSED:
        return CODEC_NONE;
    case PARQUET_SNAPPY:
        return CODEC_SNAPPY;
    case PARQUET_GZIP:
        return CODEC_GZIP;
    case PARQUET_ZSTD:
        return CODEC_ZSTD;
    case PARQUET_LZ4_RAW:
        return CODEC_LZ4_RAW;
    }
    assert(!"a codec of parquet_options");
    return CODEC_NONE;
}

firn_status
page_writer_init(page_writer *w, parquet_codec codec, int level, firn_error *err)
{
    *w = (page_writer){.codec = codec};
    /* A compressor may want more room than it uses in the end. */
    firn_buffer_init(&w->zipped, 2 * PAGE_SIZE_BYTES_MAX);
    firn_buffer_init(&w->header, 4096);
    return compressor_new(codec_of(codec), level, &w->zip, err);
}

void
page_writer_done(page_writer *w)
{
    compressor_free(w->zip);
    firn_buffer_done(&w->zipped);
    firn_buffer_done(&w->header);
    *w = (page_writer){0};
}

static firn_status
compress(page_writer *w, firn_slice body, firn_slice *ret_zipped, firn_error *err)
{
    if (body.size > PAGE_SIZE_BYTES_MAX)
        return firn_fail(err, FIRN_E_TYPE_UNSUPPORTED, "one row's values of %zu bytes are too many for a Parquet page",
                         body.size);
    if (w->codec == PARQUET_UNCOMPRESSED) {
        *ret_zipped = body;
        return FIRN_OK;
    }
    if (w->zipped.capacity > ZIPPED_SIZE_KEPT) firn_buffer_done(&w->zipped);
    firn_buffer_reset(&w->zipped);
    FIRN_TRY(compressor_compress(w->zip, body, &w->zipped, err));
    *ret_zipped = firn_buffer_slice(&w->zipped);
    return FIRN_OK;
}

static void
begin_header(page_writer *w, thrift_writer *thrift, parquet_page_type type, size_t body_size, size_t zipped_size,
             firn_error *err)
{
    firn_buffer_reset(&w->header);
    thrift_write_begin(thrift, &w->header, err);
    thrift_write_i32(thrift, 1, (int32_t) type);
    thrift_write_i32(thrift, 2, (int32_t) body_size);
    thrift_write_i32(thrift, 3, (int32_t) zipped_size);
}

static firn_status
add_page(page_writer *w, size_t body_size, firn_slice zipped, firn_buffer *out, page_sizes *ret_sizes, firn_error *err)
{
    FIRN_TRY(firn_buffer_add(out, w->header.data, w->header.size, err));
    FIRN_TRY(firn_buffer_add(out, zipped.data, zipped.size, err));
    *ret_sizes = (page_sizes){w->header.size, body_size, zipped.size};
    return FIRN_OK;
}

firn_status
page_writer_add_data(page_writer *w, firn_slice body, size_t value_count, parquet_encoding encoding, firn_buffer *out,
                     page_sizes *ret_sizes, firn_error *err)
{
    firn_slice    zipped = {0};
    thrift_writer thrift;

    FIRN_TRY(compress(w, body, &zipped, err));
    begin_header(w, &thrift, PARQUET_DATA_PAGE, body.size, zipped.size, err);
    thrift_write_struct(&thrift, 5);
    thrift_write_i32(&thrift, 1, (int32_t) value_count);
    thrift_write_i32(&thrift, 2, (int32_t) encoding);
    thrift_write_i32(&thrift, 3, PARQUET_RLE);
    thrift_write_i32(&thrift, 4, PARQUET_RLE);
    thrift_write_struct_end(&thrift);
    FIRN_TRY(thrift_write_end(&thrift));
    return add_page(w, body.size, zipped, out, ret_sizes, err);
}

firn_status
page_writer_add_dictionary(page_writer *w, firn_slice body, size_t entry_count, firn_buffer *out, page_sizes *ret_sizes,
                           firn_error *err)
{
    firn_slice    zipped = {0};
    thrift_writer thrift;

    FIRN_TRY(compress(w, body, &zipped, err));
    begin_header(w, &thrift, PARQUET_DICTIONARY_PAGE, body.size, zipped.size, err);
    thrift_write_struct(&thrift, 7);
    thrift_write_i32(&thrift, 1, (int32_t) entry_count);
    thrift_write_i32(&thrift, 2, PARQUET_PLAIN);
    thrift_write_struct_end(&thrift);
    FIRN_TRY(thrift_write_end(&thrift));
    return add_page(w, body.size, zipped, out, ret_sizes, err);
}

firn_status
page_writer_measure(page_writer *w, firn_slice body, size_t *ret_size_bytes, firn_error *err)
{
    firn_slice zipped = {0};
    FIRN_TRY(compress(w, body, &zipped, err));
    *ret_size_bytes = zipped.size;
    return FIRN_OK;
}
