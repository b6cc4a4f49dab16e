/* What another implementation compressed comes out, and damage does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "codec/compressor.h"

#define TEXT "ice ice ice ice babyice ice ice ice babyice ice ice ice baby"

/* By PyArrow 26. */
static const uint8_t snappy_bytes[] = {
    0x3c, 0x0c, 0x69, 0x63, 0x65, 0x20, 0x2e, 0x04, 0x00, 0x0c, 0x62, 0x61, 0x62, 0x79, 0x2e, 0x10,
    0x00, 0x01, 0x0c, 0x5e, 0x14, 0x00,
};
static const uint8_t gzip_bytes[] = {
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xcb, 0x4c, 0x4e, 0x55, 0xc8, 0x44,
    0xc2, 0x49, 0x89, 0x49, 0x95, 0x99, 0x44, 0x8a, 0x01, 0x00, 0x63, 0x38, 0xf7, 0x51, 0x3c, 0x00,
    0x00, 0x00,
};
static const uint8_t zstd_bytes[] = {
    0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x3c, 0xad, 0x00, 0x00, 0x40, 0x69, 0x63, 0x65, 0x20, 0x62, 0x61,
    0x62, 0x79, 0x04, 0x00, 0x37, 0x01, 0xc0, 0x0a, 0x66, 0x72, 0x64, 0xce, 0x11, 0x01,
};
static const uint8_t lz4_bytes[] = {
    0x48, 0x69, 0x63, 0x65, 0x20, 0x04, 0x00, 0x48, 0x62, 0x61, 0x62, 0x79, 0x10, 0x00, 0x00, 0x0c,
    0x00, 0x0f, 0x14, 0x00, 0x00, 0x50, 0x20, 0x62, 0x61, 0x62, 0x79,
};

typedef struct sample {
    codec_id   codec;
    firn_slice packed;
} sample;

static const sample samples[] = {
    {CODEC_SNAPPY, {snappy_bytes, sizeof snappy_bytes}},
    {CODEC_GZIP, {gzip_bytes, sizeof gzip_bytes}},
    {CODEC_ZSTD, {zstd_bytes, sizeof zstd_bytes}},
    {CODEC_LZ4_RAW, {lz4_bytes, sizeof lz4_bytes}},
};

static firn_status
unpack(codec_id codec, firn_slice packed, size_t size, firn_buffer *out)
{
    static firn_error err;
    FIRN_AUTO(decompressor_freep) decompressor *d = NULL;
    firn_error_reset(&err);
    FIRN_TRY(decompressor_new(codec, &d, &err));
    return decompressor_decompress(d, packed, size, out, &err);
}

static void
pages_of_another_implementation_come_out(void **state)
{
    (void) state;
    for (size_t i = 0; i < FIRN_COUNT(samples); i++) {
        FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
        firn_buffer_init(&out, 4096);

        assert_int_equal(unpack(samples[i].codec, samples[i].packed, strlen(TEXT), &out), FIRN_OK);

        assert_int_equal(out.size, strlen(TEXT));
        assert_memory_equal(out.data, TEXT, out.size);
    }
}

static void
another_size_than_promised_is_corrupt(void **state)
{
    (void) state;
    for (size_t i = 0; i < FIRN_COUNT(samples); i++) {
        for (int difference = -1; difference <= 1; difference += 2) {
            FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
            firn_buffer_init(&out, 4096);
            size_t size = strlen(TEXT) + (size_t) (ptrdiff_t) difference;
            assert_int_equal(unpack(samples[i].codec, samples[i].packed, size, &out), FIRN_CORRUPT);
        }
    }
}

static void
bytes_cut_short_are_corrupt(void **state)
{
    (void) state;
    for (size_t i = 0; i < FIRN_COUNT(samples); i++) {
        for (size_t size = 0; size < samples[i].packed.size; size++) {
            FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
            firn_buffer_init(&out, 4096);
            firn_slice cut = firn_slice_of(samples[i].packed.data, size);
            /* The trailing check sum of gzip may be the only thing that is missing. */
            assert_int_not_equal(unpack(samples[i].codec, cut, strlen(TEXT), &out), FIRN_OK);
        }
    }
}

/* Compression.md, "GZIP": readers should support pages of several members. */
static void
several_gzip_members_are_one_page(void **state)
{
    (void) state;
    FIRN_AUTO(firn_buffer_done) firn_buffer twice = {0}, out = {0};
    static firn_error err;
    firn_buffer_init(&twice, 4096);
    firn_buffer_init(&out, 4096);
    assert_int_equal(firn_buffer_add(&twice, gzip_bytes, sizeof gzip_bytes, &err), FIRN_OK);
    assert_int_equal(firn_buffer_add(&twice, gzip_bytes, sizeof gzip_bytes, &err), FIRN_OK);

    assert_int_equal(unpack(CODEC_GZIP, firn_buffer_slice(&twice), 2 * strlen(TEXT), &out), FIRN_OK);

    assert_memory_equal(out.data, TEXT TEXT, out.size);
}

static void
bytes_that_are_not_compressed_are_copied(void **state)
{
    (void) state;
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    firn_buffer_init(&out, 4096);
    assert_int_equal(unpack(CODEC_NONE, firn_slice_text("abc"), 3, &out), FIRN_OK);
    assert_memory_equal(out.data, "abc", 3);
    assert_int_equal(unpack(CODEC_NONE, firn_slice_text("abc"), 4, &out), FIRN_CORRUPT);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_of_another_implementation_come_out),
        cmocka_unit_test(another_size_than_promised_is_corrupt),
        cmocka_unit_test(bytes_cut_short_are_corrupt),
        cmocka_unit_test(several_gzip_members_are_one_page),
        cmocka_unit_test(bytes_that_are_not_compressed_are_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
