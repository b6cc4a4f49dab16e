#include "parquet/page_reader.h"

#include <inttypes.h>

#include "base/bytes.h"
#include "codec/checksum.h"
#include "parquet/footer_reader.h"

/* One compressed block; the codecs count in int. */
#define PAGE_SIZE_MAX ((size_t) 1 << 30)
/* Behind a decompressed page: whoever copies short values may go over its end. */
#define PAGE_SLACK 16

void
read_context_done(read_context *context)
{
    for (unsigned i = 0; i < PAGE_CODEC_COUNT; i++)
        decompressor_free(context->decompressors[i]);
    *context = (read_context){0};
}

void
page_reader_init(page_reader *p, read_context *context, const char *column)
{
    *p = (page_reader){.context = context, .column = column};
}

void
page_reader_done(page_reader *p)
{
    if (!p->context) return;
    budget_release(&p->context->budget, &p->window);
    budget_release(&p->context->budget, &p->page);
}

firn_status
page_reader_while(const page_reader *p, firn_error *err)
{
    return firn_while(err, "reading column '%s' of '%s', page at byte %" PRIu64, p->column, p->context->source->name,
                      p->header_at);
}

static firn_status
corrupt(firn_error *err, const char *what)
{
    return firn_fail(err, FIRN_E_PARQUET_CORRUPT, "%s", what);
}

firn_status
page_reader_start(page_reader *p, const parquet_chunk *chunk, firn_error *err)
{
    int64_t start = chunk->data_page_offset;
    /* Some writers set it to 0 for "none", others to the data page's own offset. */
    if (chunk->dictionary_page_offset > 0 && chunk->dictionary_page_offset < start)
        start = chunk->dictionary_page_offset;
    p->header_at = start < 0 ? 0 : (uint64_t) start;
    if (chunk->is_encrypted)
        return firn_fail(err, FIRN_E_PARQUET_UNSUPPORTED, "column '%s' of '%s' is encrypted", p->column,
                         p->context->source->name);
    if (chunk->is_external)
        return firn_fail(err, FIRN_E_PARQUET_UNSUPPORTED, "column '%s' of '%s' is in another file", p->column,
                         p->context->source->name);
    if (start < PARQUET_MAGIC_SIZE || (uint64_t) start >= p->context->data_end)
        return firn_fail(err, FIRN_E_PARQUET_CORRUPT,
                         "column '%s' of '%s' begins at byte %" PRId64 ", outside the file", p->column,
                         p->context->source->name, start);
    p->codec = chunk->codec;
    p->at = (uint64_t) start;
    p->hint_end = p->context->data_end;
    if ((uint64_t) chunk->compressed_size_bytes < p->hint_end - p->at)
        p->hint_end = p->at + (uint64_t) chunk->compressed_size_bytes;
    return FIRN_OK;
}

void
page_reader_seek(page_reader *p, uint64_t offset, uint64_t end)
{
    p->at = offset;
    p->hint_end = end;
}

/* Bytes [at, at + size) of the file, which are before data_end; more may be read ahead. */
static firn_status
fill_window(page_reader *p, size_t size, firn_error *err)
{
    read_context *context = p->context;
    uint64_t      window_end = p->window_offset + p->window.size;

    if (p->at >= p->window_offset && p->at + size <= window_end) return FIRN_OK;
    size_t kept = 0;
    if (p->at >= p->window_offset && p->at < window_end) {
        kept = (size_t) (window_end - p->at);
        memmove(p->window.data, p->window.data + (p->at - p->window_offset), kept);
    }
    p->window.size = kept;
    p->window_offset = p->at;

    /* As far ahead as the chunk probably goes, but all that is asked for. */
    uint64_t ahead = p->hint_end > p->at ? p->hint_end - p->at : 0;
    size_t   want = ahead < context->read_ahead_bytes ? (size_t) ahead : context->read_ahead_bytes;
    if (want < size) want = size;
    FIRN_TRY(budget_reserve(&context->budget, &p->window, want - kept, err));
    FIRN_TRY(context->source->read(context->source->state, p->at + kept, want - kept, &p->window, err));
    if (p->window.size != want) return corrupt(err, "the file is shorter than it was");
    return FIRN_OK;
}

static size_t
window_left(const page_reader *p)
{
    if (p->at < p->window_offset || p->at >= p->window_offset + p->window.size) return 0;
    return (size_t) (p->window_offset + p->window.size - p->at);
}

static const uint8_t *
window_at(const page_reader *p)
{
    return p->window.data + (p->at - p->window_offset);
}

firn_status
page_reader_next(page_reader *p, parquet_page_header *ret_header, firn_error *err)
{
    p->header_at = p->at;
    if (p->at >= p->context->data_end) return corrupt(err, "the pages of a column end before its last value");
    uint64_t room = p->context->data_end - p->at;

    for (size_t size = 256;; size *= 8) {
        size_t want = size < room ? size : (size_t) room;
        size_t header_size;
        FIRN_TRY(fill_window(p, want, err));
        switch (page_header_read(firn_slice_of(window_at(p), window_left(p)), ret_header, &header_size)) {
        case PAGE_HEADER_OK:
            p->at += header_size;
            if (ret_header->compressed_size_bytes > p->context->data_end - p->at)
                return corrupt(err, "a page is longer than the file");
            return FIRN_OK;
        case PAGE_HEADER_CORRUPT:
            return corrupt(err, "a page header is damaged");
        case PAGE_HEADER_SHORT:
            if (want == room || size >= PAGE_HEADER_SIZE_MAX) return corrupt(err, "a page header is damaged");
        }
    }
}

void
page_reader_skip(page_reader *p, const parquet_page_header *header)
{
    p->at += header->compressed_size_bytes;
}

static codec_id
codec_of(int codec)
{
    switch (codec) {
    case PARQUET_CODEC_SNAPPY:
        return CODEC_SNAPPY;
    case PARQUET_CODEC_GZIP:
        return CODEC_GZIP;
    case PARQUET_CODEC_ZSTD:
        return CODEC_ZSTD;
    case PARQUET_CODEC_LZ4_RAW:
    case PARQUET_CODEC_LZ4_HADOOP:
        return CODEC_LZ4_RAW;
    default:
        return CODEC_NONE;
    }
}

/* Hadoop's frames: { uncompressed size, compressed size, both big-endian, LZ4 block }*. False: not that. */
static bool
decompress_frames(decompressor *d, firn_slice in, size_t size, firn_buffer *out)
{
    size_t at = 0, made = 0;
    while (at < in.size) {
        if (in.size - at < 8) return false;
        uint32_t plain = load_be32(in.data + at), packed = load_be32(in.data + at + 4);
        at += 8;
        if (packed > in.size - at || plain > size - made) return false;
        firn_error ignored = {0};
        if (decompressor_decompress(d, firn_slice_of(in.data + at, packed), plain, out, &ignored)) return false;
        at += packed;
        made += plain;
    }
    return made == size;
}

static firn_status
decompress(page_reader *p, firn_slice in, size_t size, firn_error *err)
{
    decompressor **slot = &p->context->decompressors[p->codec];
    if (!*slot) FIRN_TRY(decompressor_new(codec_of(p->codec), slot, err));
    if (p->codec == PARQUET_CODEC_LZ4_HADOOP) {
        /* parquet-mr wrote Hadoop's frames, older parquet-cpp the bare block under the same number. */
        size_t before = p->page.size;
        if (decompress_frames(*slot, in, size, &p->page)) return FIRN_OK;
        p->page.size = before;
    }
    return decompressor_decompress(*slot, in, size, &p->page, err);
}

static firn_status
check_codec(const page_reader *p, firn_error *err)
{
    static const char *const refused[] = {[PARQUET_CODEC_LZO] = "LZO", [PARQUET_CODEC_BROTLI] = "Brotli"};
    if (p->codec == PARQUET_CODEC_LZO || p->codec == PARQUET_CODEC_BROTLI)
        return firn_fail(err, FIRN_E_PARQUET_UNSUPPORTED, "%s compression is not supported", refused[p->codec]);
    if (p->codec < 0 || p->codec >= PAGE_CODEC_COUNT)
        return firn_fail(err, FIRN_E_PARQUET_UNSUPPORTED, "compression codec %d is not known", p->codec);
    return FIRN_OK;
}

/* v2: the levels are not compressed, the values may be. */
static firn_status
load_v2(page_reader *p, const parquet_page_header *header, firn_slice raw, page_body *ret_body, firn_error *err)
{
    size_t     levels = (size_t) header->repetition_size_bytes + header->definition_size_bytes;
    firn_slice values = firn_slice_of(raw.data + levels, raw.size - levels);
    size_t     size = header->uncompressed_size_bytes - levels;

    if (header->is_compressed && p->codec != PARQUET_CODEC_UNCOMPRESSED && values.size > 0 && size > 0) {
        FIRN_TRY(decompress(p, values, size, err));
        values = firn_slice_of(p->page.data, p->page.size);
    }
    *ret_body =
        (page_body){firn_slice_of(raw.data, header->repetition_size_bytes),
                    firn_slice_of(raw.data + header->repetition_size_bytes, header->definition_size_bytes), values};
    return FIRN_OK;
}

firn_status
page_reader_load(page_reader *p, const parquet_page_header *header, page_body *ret_body, firn_error *err)
{
    size_t size = header->compressed_size_bytes, plain_size = header->uncompressed_size_bytes;

    FIRN_TRY(check_codec(p, err));
    if (size > PAGE_SIZE_MAX || plain_size > PAGE_SIZE_MAX)
        return firn_fail(err, FIRN_E_PARQUET_LIMIT, "a page has more than 1 GiB");
    FIRN_TRY(fill_window(p, size, err));
    firn_slice raw = firn_slice_of(window_at(p), size);
    if (header->has_crc && p->context->verify_checksums && checksum_crc32(raw) != header->crc)
        return corrupt(err, "the checksum of a page is wrong");
    p->at += size;
    p->page.size = 0;
    FIRN_TRY(budget_reserve(&p->context->budget, &p->page, plain_size + PAGE_SLACK, err));
    if (header->type == PARQUET_DATA_PAGE_V2) return load_v2(p, header, raw, ret_body, err);
    if (p->codec == PARQUET_CODEC_UNCOMPRESSED) {
        *ret_body = (page_body){.values = raw};
        return FIRN_OK;
    }
    FIRN_TRY(decompress(p, raw, plain_size, err));
    *ret_body = (page_body){.values = firn_slice_of(p->page.data, p->page.size)};
    return FIRN_OK;
}
