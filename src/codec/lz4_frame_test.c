/* A frame that another program wrote comes out, and damage does not. */
#include "codec/lz4_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { CONTENT_SIZE = 108 };

/* By lz4 1.9.4: twelve times "ice baby ", lz4 --content-size -BD -BX. */
static const uint8_t frame[] = {
    0x04, 0x22, 0x4d, 0x18, 0x7c, 0x40, 0x6c, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x4a, 0x13,
    0x00, 0x00, 0x00, 0x9f, 0x69, 0x63, 0x65, 0x20, 0x62, 0x61, 0x62, 0x79, 0x20, 0x09, 0x00, 0x4b,
    0x50, 0x62, 0x61, 0x62, 0x79, 0x20, 0x44, 0x87, 0x97, 0xb3, 0x00, 0x00, 0x00, 0x00, 0xd5, 0xa7,
    0x78, 0xb1,
};
/* The same without --content-size. */
static const uint8_t frame_without_size[] = {
    0x04, 0x22, 0x4d, 0x18, 0x64, 0x40, 0xa7, 0x13, 0x00, 0x00, 0x00, 0x9f, 0x69, 0x63, 0x65, 0x20,
    0x62, 0x61, 0x62, 0x79, 0x20, 0x09, 0x00, 0x4b, 0x50, 0x62, 0x61, 0x62, 0x79, 0x20, 0x00, 0x00,
    0x00, 0x00, 0xd5, 0xa7, 0x78, 0xb1,
};

static firn_status
unpack(const uint8_t *bytes, size_t size, size_t size_max, firn_buffer *out)
{
    firn_error err = {0};

    firn_buffer_init(out, size_max);
    return lz4_frame_unpack(firn_slice_of(bytes, size), out, &err);
}

static void
assert_corrupt(const uint8_t *bytes, size_t size, size_t size_max)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};

    assert_int_equal(unpack(bytes, size, size_max, &out), FIRN_CORRUPT);
    assert_int_equal(out.size, 0);
}

static void
a_frame_of_another_program_comes_out(void **state)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};

    (void) state;
    assert_int_equal(unpack(frame, sizeof frame, CONTENT_SIZE, &out), FIRN_OK);
    assert_int_equal(out.size, CONTENT_SIZE);
    for (size_t at = 0; at < CONTENT_SIZE; at += 9) assert_memory_equal(out.data + at, "ice baby ", 9);
}

static void
damage_is_corrupt(void **state)
{
    (void) state;
    for (size_t size = 0; size < sizeof frame; size++) assert_corrupt(frame, size, 1 << 20);
    // Checksums of header, block and content see each.
    for (size_t at = 0; at < sizeof frame; at++) {
        uint8_t copy[sizeof frame];

        memcpy(copy, frame, sizeof frame);
        copy[at] ^= 0x10;
        assert_corrupt(copy, sizeof copy, 1 << 20);
    }
}

static void
what_the_spec_asks_for_is_needed(void **state)
{
    uint8_t twice[2 * sizeof frame];

    (void) state;
    assert_corrupt(frame_without_size, sizeof frame_without_size, 1 << 20);
    memcpy(twice, frame, sizeof frame);
    memcpy(twice + sizeof frame, frame, sizeof frame);
    assert_corrupt(twice, sizeof twice, 1 << 20);
    assert_corrupt((const uint8_t *) "\x50\x2a\x4d\x18\4\0\0\0abcd", 12, 1 << 20); // skippable
    assert_corrupt(frame, sizeof frame, CONTENT_SIZE - 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_of_another_program_comes_out),
        cmocka_unit_test(damage_is_corrupt),
        cmocka_unit_test(what_the_spec_asks_for_is_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
