#include "avro/ocf_reader.h"

#include "avro/ocf_format.h"
#include "base/alloc.h"
#include "base/buffer.h"
#include "codec/checksum.h"
#include "codec/compressor.h"
#include "codec/varint.h"

/* A schema's parts, and a reader's records where the caller gives no limit. */
#define SCHEMA_BYTES_MAX ((size_t) 256 << 20)
#define CHECKSUM_SIZE 4

struct ocf_reader {
    char              *name;
    firn_arena         arena;
    avro_value         header; /* the map of properties */
    const avro_schema *schema;
    firn_reader        file;
    firn_reader        block; /* of records */
    uint64_t           record_count; /* left in the block */
    decompressor      *codec; /* NULL: null */
    bool               has_checksum;
    firn_buffer        unpacked;
    uint8_t            sync[OCF_SYNC_SIZE];
};

static firn_status
fail_file(const ocf_reader *r, const char *what, firn_error *err)
{
    return firn_fail(err, FIRN_E_AVRO_CORRUPT, "'%s' is not a valid Avro file: %s at byte %zu", r->name, what,
                     firn_reader_offset(&r->file));
}

firn_slice
ocf_reader_property(const ocf_reader *reader, const char *key)
{
    const avro_value *items = reader->header.of.list.items;

    for (size_t i = 0; i + 1 < reader->header.of.list.count; i += 2) {
        if (firn_slice_equal(items[i].of.bytes, firn_slice_text(key))) return items[i + 1].of.bytes;
    }
    return firn_slice_of(NULL, 0);
}

static firn_status
choose_codec(ocf_reader *r, firn_error *err)
{
    static const struct {
        const char *name;
        codec_id    id;
    } known[] = {{"deflate", CODEC_DEFLATE}, {"snappy", CODEC_SNAPPY}, {"zstandard", CODEC_ZSTD}};
    firn_slice name = ocf_reader_property(r, OCF_CODEC_KEY);

    if (!name.data || name.size == 0 || firn_slice_equal(name, firn_slice_text("null"))) return FIRN_OK;
    for (size_t i = 0; i < FIRN_COUNT(known); i++) {
        if (!firn_slice_equal(name, firn_slice_text(known[i].name))) continue;
        r->has_checksum = known[i].id == CODEC_SNAPPY;
        return decompressor_new(known[i].id, &r->codec, err);
    }
    return firn_fail(err, FIRN_E_AVRO_CODEC, "'%s' is compressed with %.*s", r->name,
                     name.size < 32 ? (int) name.size : 32, (const char *) name.data);
}

static firn_status
read_header(ocf_reader *r, firn_error *err)
{
    static const avro_schema value_type = {.kind = AVRO_BYTES};
    static const avro_schema header_type = {.kind = AVRO_MAP, .items = &value_type};
    const uint8_t           *magic = firn_reader_take(&r->file, OCF_MAGIC_SIZE);

    if (!magic || memcmp(magic, OCF_MAGIC, OCF_MAGIC_SIZE) != 0) return fail_file(r, "no magic number", err);
    if (avro_decode(&header_type, &r->file, &r->arena, &r->header, err)) {
        return firn_while(err, "reading the header of '%s'", r->name);
    }

    const uint8_t *sync = firn_reader_take(&r->file, OCF_SYNC_SIZE);
    firn_slice     schema = ocf_reader_property(r, OCF_SCHEMA_KEY);

    if (!sync) return fail_file(r, "no sync marker", err);
    memcpy(r->sync, sync, OCF_SYNC_SIZE);
    if (!schema.data) return fail_file(r, "no schema", err);
    FIRN_TRY(choose_codec(r, err));
    return avro_schema_parse(schema, r->name, &r->arena, &r->schema, err);
}

firn_status
ocf_reader_open(firn_slice file, const char *name, ocf_reader **ret_reader, firn_error *err)
{
    FIRN_AUTO(ocf_reader_freep) ocf_reader *r = firn_calloc(1, sizeof *r);

    if (!r) return firn_fail_memory(err, "an Avro file");
    firn_arena_init(&r->arena, SCHEMA_BYTES_MAX);
    firn_buffer_init(&r->unpacked, OCF_BLOCK_SIZE_MAX);
    r->name = firn_strdup(name);
    if (!r->name) return firn_fail_memory(err, "an Avro file");
    r->file = firn_reader_of(file);
    FIRN_TRY(read_header(r, err));
    *ret_reader = FIRN_STEAL(r);
    return FIRN_OK;
}

const avro_schema *
ocf_reader_schema(const ocf_reader *reader)
{
    return reader->schema;
}

static int64_t
read_long(firn_reader *in)
{
    uint64_t value = 0;
    size_t   size = in->failed ? 0 : varint_decode(in->at, in->end, &value);

    if (size == 0) in->failed = true;
    in->at += size;
    return zigzag_decode(value);
}

static firn_status
unpack(ocf_reader *r, firn_slice packed, firn_error *err)
{
    uint32_t sum = 0;

    if (r->has_checksum) {
        if (packed.size < CHECKSUM_SIZE) return fail_file(r, "no checksum", err);
        packed.size -= CHECKSUM_SIZE;
        sum = load_be32(packed.data + packed.size);
    }
    if (!r->codec) {
        r->block = firn_reader_of(packed);
        return FIRN_OK;
    }
    firn_buffer_reset(&r->unpacked);
    if (decompressor_decompress_all(r->codec, packed, &r->unpacked, err)) {
        return firn_while(err, "reading '%s'", r->name);
    }
    if (r->has_checksum && checksum_crc32(firn_buffer_slice(&r->unpacked)) != sum) {
        return fail_file(r, "a wrong checksum", err);
    }
    r->block = firn_reader_of(firn_buffer_slice(&r->unpacked));
    return FIRN_OK;
}

static firn_status
next_block(ocf_reader *r, firn_error *err)
{
    int64_t count = read_long(&r->file);
    int64_t size = read_long(&r->file);

    if (r->file.failed || count < 0 || size < 0 || (uint64_t) size > firn_reader_left(&r->file)) {
        return fail_file(r, "a bad block", err);
    }

    firn_slice     packed = firn_slice_of(firn_reader_take(&r->file, (size_t) size), (size_t) size);
    const uint8_t *sync = firn_reader_take(&r->file, OCF_SYNC_SIZE);

    if (!sync || memcmp(sync, r->sync, OCF_SYNC_SIZE) != 0) return fail_file(r, "no sync marker", err);
    FIRN_TRY(unpack(r, packed, err));
    // records without a byte would make any count come true
    if (r->schema->may_be_empty && (uint64_t) count > packed.size + 1) return fail_file(r, "too many empty records", err);
    r->record_count = (uint64_t) count;
    return FIRN_OK;
}

firn_status
ocf_reader_next(ocf_reader *reader, firn_arena *arena, avro_value *ret_value, bool *ret_more, firn_error *err)
{
    while (reader->record_count == 0) {
        if (firn_reader_left(&reader->block) > 0) return fail_file(reader, "bytes behind the last record before", err);
        if (firn_reader_left(&reader->file) == 0) {
            *ret_more = false;
            return FIRN_OK;
        }
        FIRN_TRY(next_block(reader, err));
    }
    if (avro_decode(reader->schema, &reader->block, arena, ret_value, err)) {
        return firn_while(err, "reading the block of '%s' that ends at byte %zu", reader->name,
                          firn_reader_offset(&reader->file));
    }
    reader->record_count--;
    *ret_more = true;
    return FIRN_OK;
}

void
ocf_reader_free(ocf_reader *reader)
{
    if (!reader) return;
    firn_free(reader->name);
    firn_arena_done(&reader->arena);
    decompressor_free(reader->codec);
    firn_buffer_done(&reader->unpacked);
    firn_free(reader);
}
