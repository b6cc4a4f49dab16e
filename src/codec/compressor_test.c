#include "codec/compressor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"

static const codec_id codecs[] = {CODEC_NONE, CODEC_SNAPPY, CODEC_GZIP, CODEC_ZSTD, CODEC_LZ4_RAW, CODEC_DEFLATE};

/* Half of it random, half of it repeating. */
static void
fill(uint8_t *bytes, size_t size, uint64_t seed)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t) (i % 64 < 32 ? firn_hash_u64(seed + i) : i % 7);
}

/* One context for blocks of growing and shrinking sizes: nothing of a block may stay behind in it. */
static void
blocks_of_any_size_come_back(void **state)
{
    (void) state;
    static const size_t sizes[] = {0, 1, 72, 100000, 3, 0, 65536, 300000, 17};
    uint8_t            *bytes = malloc(300000);

    for (size_t c = 0; c < FIRN_COUNT(codecs); c++) {
        FIRN_AUTO(compressor_freep) compressor     *zip = NULL;
        FIRN_AUTO(decompressor_freep) decompressor *unzip = NULL;
        FIRN_AUTO(firn_buffer_done) firn_buffer     packed = {0};
        FIRN_AUTO(firn_buffer_done) firn_buffer     out = {0};
        firn_error                                  err = {0};
        assert_int_equal(compressor_new(codecs[c], 1, &zip, &err), FIRN_OK);
        assert_int_equal(decompressor_new(codecs[c], &unzip, &err), FIRN_OK);
        firn_buffer_init(&packed, 1 << 20);
        firn_buffer_init(&out, 1 << 20);
        for (size_t i = 0; i < FIRN_COUNT(sizes); i++) {
            fill(bytes, sizes[i], i);
            firn_buffer_reset(&packed);
            firn_buffer_reset(&out);

            assert_int_equal(compressor_compress(zip, firn_slice_of(bytes, sizes[i]), &packed, &err), FIRN_OK);
            assert_int_equal(decompressor_decompress(unzip, firn_buffer_slice(&packed), sizes[i], &out, &err), FIRN_OK);

            assert_int_equal(out.size, sizes[i]);
            if (sizes[i]) assert_memory_equal(out.data, bytes, sizes[i]);
        }
    }
    free(bytes);
}

static void
output_is_appended(void **state)
{
    (void) state;
    for (size_t c = 0; c < FIRN_COUNT(codecs); c++) {
        FIRN_AUTO(compressor_freep) compressor *zip = NULL;
        FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
        firn_error                              err = {0};
        firn_buffer_init(&out, 4096);
        assert_int_equal(compressor_new(codecs[c], 1, &zip, &err), FIRN_OK);
        assert_int_equal(firn_buffer_add_text(&out, "before", &err), FIRN_OK);

        assert_int_equal(compressor_compress(zip, firn_slice_text("after"), &out, &err), FIRN_OK);

        assert_true(out.size > 6);
        assert_memory_equal(out.data, "before", 6);
    }
}

static void
full_buffer_is_an_error(void **state)
{
    (void) state;
    uint8_t bytes[4096];
    fill(bytes, sizeof bytes, 1);
    for (size_t c = 0; c < FIRN_COUNT(codecs); c++) {
        FIRN_AUTO(compressor_freep) compressor *zip = NULL;
        FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
        firn_error                              err = {0};
        firn_buffer_init(&out, 100);
        assert_int_equal(compressor_new(codecs[c], 1, &zip, &err), FIRN_OK);

        assert_int_equal(compressor_compress(zip, firn_slice_of(bytes, sizeof bytes), &out, &err), FIRN_NO_MEMORY);
    }
}

static void
level_beyond_the_codec_is_refused(void **state)
{
    (void) state;
    firn_error  err = {0};
    compressor *zip = NULL;

    assert_int_equal(compressor_new(CODEC_GZIP, 40, &zip, &err), FIRN_BUG);

    assert_null(zip);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_any_size_come_back),
        cmocka_unit_test(output_is_appended),
        cmocka_unit_test(full_buffer_is_an_error),
        cmocka_unit_test(level_beyond_the_codec_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
