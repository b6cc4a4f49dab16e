#include "avro/ocf_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "avro/ocf_writer.h"
#include "base/alloc.h"
#include "base/clock.h"

#define SCHEMA "{\"type\":\"record\", \"name\":\"r\",\"fields\":[{\"name\":\"a\",\"type\":\"long\",\"field-id\":1},{\"name\":\"b\",\"type\":\"string\",\"field-id\":2}]}"
#define SYNC "0123456789abcdef"
#define LENGTH(text) (sizeof(text) - 1)

static firn_error err;

/* All rows have the same text, so that a codec has something to do. */
static firn_status
write_rows(ocf_codec codec, unsigned row_count, firn_buffer *out)
{
    FIRN_AUTO(ocf_writer_freep) ocf_writer *w = NULL;
    ocf_property property = {"key", {(const uint8_t *) "va\0lue", 6}};
    ocf_options  options = {SCHEMA, codec, 1, &property};
    firn_sink   *sink = firn_sink_memory_new(out);
    uint64_t     size;

    if (!sink) return firn_fail_memory(&err, "a sink");
    FIRN_TRY(ocf_writer_open(&options, sink, &w, &err));
    for (unsigned i = 0; i < row_count; i++) {
        avro_encoder *e = ocf_writer_begin(w, &err);
        avro_put_long(e, i);
        avro_put_text(e, "the same text in every row");
        FIRN_TRY(ocf_writer_end(w, &err));
    }
    FIRN_TRY(ocf_writer_close(w, &size, &err));
    assert_int_equal(size, out->size);
    return FIRN_OK;
}

/* Reads all, checking what write_rows wrote. */
static firn_status
read_rows(firn_slice file, unsigned *ret_count)
{
    FIRN_AUTO(ocf_reader_freep) ocf_reader *r = NULL;
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    avro_value record;
    bool       more;

    *ret_count = 0;
    FIRN_TRY(ocf_reader_open(file, "f", &r, &err));
    for (;;) {
        int64_t    a;
        firn_slice b;
        firn_arena_reset(&arena);
        FIRN_TRY(ocf_reader_next(r, &arena, &record, &more, &err));
        if (!more) return FIRN_OK;
        if (!avro_integer(avro_field_by_id(&record, 1, "a"), &a)) return FIRN_OK;
        if (!avro_bytes(avro_field_by_id(&record, 2, "b"), &b)) return FIRN_OK;
        ++*ret_count;
    }
}

static void
header_and_block_are_golden(void **state)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    static const uint8_t head[] = "Obj\x01" "\x06" "\x16" "avro.schema";

    (void) state;
    firn_buffer_init(&out, 1 << 20);
    assert_int_equal(write_rows(OCF_NULL, 1, &out), FIRN_OK);

    assert_memory_equal(out.data, head, LENGTH(head));
    const uint8_t *at = out.data + LENGTH(head);
    size_t varint = LENGTH(SCHEMA) * 2 >= 128 ? 2 : 1;
    assert_memory_equal(at + varint, SCHEMA, LENGTH(SCHEMA));
    at += varint + LENGTH(SCHEMA);
    assert_memory_equal(at, "\x14" "avro.codec\x08null\x06key\x0cva\0lue\x00", 28);
    at += 28;
    const uint8_t *sync = at;
    at += 16;
    assert_memory_equal(at, "\x02\x38\x00\x34the same text in every row", 30); // 1 record, 28 bytes
    assert_memory_equal(at + 30, sync, 16);
    assert_ptr_equal(at + 46, out.data + out.size);
}

static void
each_codec_round_trips(void **state)
{
    (void) state;
    for (int codec = OCF_NULL; codec <= OCF_ZSTANDARD; codec++) {
        static const unsigned counts[] = {0, 1, 20000};
        for (size_t i = 0; i < FIRN_COUNT(counts); i++) {
            FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
            FIRN_AUTO(ocf_reader_freep) ocf_reader *r = NULL;
            unsigned count;
            firn_buffer_init(&out, 1 << 24);
            assert_int_equal(write_rows((ocf_codec) codec, counts[i], &out), FIRN_OK);
            assert_int_equal(read_rows(firn_buffer_slice(&out), &count), FIRN_OK);
            assert_int_equal(count, counts[i]);
            assert_int_equal(ocf_reader_open(firn_buffer_slice(&out), "f", &r, &err), FIRN_OK);
            assert_true(firn_slice_equal(ocf_reader_property(r, "key"), firn_slice_of("va\0lue", 6)));
            assert_true(firn_slice_equal(ocf_reader_property(r, "avro.schema"), firn_slice_text(SCHEMA)));
            assert_null(ocf_reader_property(r, "none").data);
            if (counts[i] == 20000 && codec != OCF_NULL) assert_true(out.size < 400000);
        }
    }
}

/* One record (1, "x") in a file by hand, with a codec's name and the block's bytes. */
static void
make_file(firn_buffer *out, const char *codec, const void *block, size_t block_size, int64_t count)
{
    avro_encoder e = avro_encoder_of(out, &err);

    firn_buffer_init(out, 1 << 20);
    avro_put_fixed(&e, firn_slice_text("Obj\x01"));
    avro_put_block(&e, codec ? 2 : 1);
    avro_put_text(&e, "avro.schema");
    avro_put_text(&e, SCHEMA);
    if (codec) {
        avro_put_text(&e, "avro.codec");
        avro_put_text(&e, codec);
    }
    avro_put_end(&e);
    avro_put_fixed(&e, firn_slice_text(SYNC));
    avro_put_long(&e, count);
    avro_put_bytes(&e, firn_slice_of(block, block_size));
    avro_put_fixed(&e, firn_slice_text(SYNC));
    assert_int_equal(e.status, FIRN_OK);
}

static void
expect_block(const char *codec, const void *block, size_t block_size, int64_t count, firn_code code)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer file = {0};
    unsigned rows;

    make_file(&file, codec, block, block_size, count);
    (void) !read_rows(firn_buffer_slice(&file), &rows);
    if (err.code != code) fail_msg("code %d, not %d: %s", (int) err.code, (int) code, err.cause);
    if (code == FIRN_E_NONE) assert_int_equal(rows, count);
    firn_error_reset(&err);
}

static void
blocks_by_hand_are_read_or_refused(void **state)
{
    (void) state;
    expect_block(NULL, "\x02\x02x", 3, 1, FIRN_E_NONE);
    expect_block("null", "\x02\x02x\x04\x02y", 6, 2, FIRN_E_NONE);
    // raw deflate, stored: 3 bytes; then with three of Adler's four bytes behind it, as PyIceberg leaves them
    expect_block("deflate", "\x01\x03\x00\xfc\xff\x02\x02x", 8, 1, FIRN_E_NONE);
    expect_block("deflate", "\x01\x03\x00\xfc\xff\x02\x02x\x01\x02\x03", 11, 1, FIRN_E_NONE);
    expect_block("deflate", "\x01\x03\x00\xfc\xff\x02\x02x\x01\x02\x03\x04\x05", 13, 1, FIRN_E_COMPRESSION);
    expect_block("deflate", "\x01\x03\x00\xfc\xff\x02\x02", 7, 1, FIRN_E_COMPRESSION);
    // snappy: length 3, a literal of 3, CRC-32 of the three bytes
    expect_block("snappy", "\x03\x08\x02\x02x\x90\x2d\x96\xf0", 9, 1, FIRN_E_NONE);
    expect_block("snappy", "\x03\x08\x02\x02x\x90\x2d\x96\xf1", 9, 1, FIRN_E_AVRO_CORRUPT);
    expect_block("snappy", "\x03\x08\x02", 3, 1, FIRN_E_AVRO_CORRUPT);
    expect_block("xz", "\x02\x02x", 3, 1, FIRN_E_AVRO_CODEC);
    expect_block("null", "\x02\x02x", 3, 2, FIRN_E_AVRO_CORRUPT);  // fewer records than it says
    expect_block("null", "\x02\x02xyz", 5, 1, FIRN_E_AVRO_CORRUPT); // bytes left
    expect_block("null", "\x02\x02x", 3, -1, FIRN_E_AVRO_CORRUPT);
    expect_block("null", "", 0, INT64_MAX, FIRN_E_AVRO_CORRUPT);
}

/* No byte of a file can be changed or cut off so that reading goes wrong in another way than by an error. */
static void
damaged_files_do_no_harm(void **state)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    uint64_t random = 88172645463325252u;

    (void) state;
    for (int codec = OCF_NULL; codec <= OCF_ZSTANDARD; codec++) {
        firn_buffer_init(&out, 1 << 20);
        assert_int_equal(write_rows((ocf_codec) codec, 100, &out), FIRN_OK);
        for (size_t size = 0; size < out.size; size++) {
            unsigned count;
            uint8_t *copy = firn_alloc(size ? size : 1); // so that a sanitizer sees a byte too far
            memcpy(copy, out.data, size);
            (void) !read_rows(firn_slice_of(copy, size), &count);
            firn_free(copy);
            firn_error_reset(&err);
        }
        for (int i = 0; i < 3000; i++) {
            unsigned count;
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            uint8_t *byte = &out.data[random % out.size];
            uint8_t  old = *byte;
            *byte = (uint8_t) (random >> 40);
            (void) !read_rows(firn_buffer_slice(&out), &count);
            *byte = old;
            firn_error_reset(&err);
        }
        firn_buffer_done(&out);
    }
}

static void
each_allocation_can_fail(void **state)
{
    (void) state;
    for (uint64_t n = 1;; n++) {
        FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
        firn_status status;
        unsigned    count;

        firn_buffer_init(&out, 1 << 20);
        firn_alloc_fail_at(n, 0);
        status = write_rows(OCF_DEFLATE, 3, &out);
        if (status == FIRN_OK) status = read_rows(firn_buffer_slice(&out), &count);
        firn_alloc_fail_at(0, 0);
        firn_error_reset(&err);
        if (status == FIRN_OK) break;
        assert_int_equal(status, FIRN_NO_MEMORY);
        assert_true(n < 300);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_and_block_are_golden),       cmocka_unit_test(each_codec_round_trips),
        cmocka_unit_test(blocks_by_hand_are_read_or_refused), cmocka_unit_test(damaged_files_do_no_harm),
        cmocka_unit_test(each_allocation_can_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
