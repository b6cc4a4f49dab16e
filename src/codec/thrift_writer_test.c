#include "codec/thrift_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "codec/varint.h"

static void
assert_bytes(thrift_writer *w, const uint8_t *golden, size_t size)
{
    assert_int_equal(thrift_write_end(w), FIRN_OK);
    assert_int_equal(w->out->size, size);
    assert_memory_equal(w->out->data, golden, size);
}

#define ASSERT_BYTES(w, ...) assert_bytes(w, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static firn_buffer   out;
static firn_error    err;
static thrift_writer w;

static int
begin(void **state)
{
    (void) state;
    firn_buffer_init(&out, 4096);
    thrift_write_begin(&w, &out, &err);
    return 0;
}

static int
end(void **state)
{
    (void) state;
    firn_buffer_done(&out);
    firn_error_reset(&err);
    return 0;
}

/* "Struct encoding": delta and type in one byte, values as zigzag varints. */
static void
near_fields_have_a_header_of_one_byte(void **state)
{
    (void) state;

    thrift_write_i32(&w, 1, -1);
    thrift_write_i64(&w, 3, 25200);
    thrift_write_bool(&w, 4, true);
    thrift_write_bool(&w, 5, false);
    thrift_write_text(&w, 6, "ab");

    /* 25200 zigzag 50400 = E0 89 03 */
    ASSERT_BYTES(&w, 0x15, 0x01, 0x26, 0xe0, 0x89, 0x03, 0x11, 0x12, 0x18, 0x02, 'a', 'b', 0x00);
}

static void
far_field_has_its_whole_number(void **state)
{
    (void) state;

    thrift_write_i8(&w, 1, 7);
    thrift_write_i16(&w, 17, 1);

    ASSERT_BYTES(&w, 0x13, 0x07, 0x04, 0x22, 0x02, 0x00);
}

static void
nested_struct_counts_its_own_fields(void **state)
{
    (void) state;

    thrift_write_struct(&w, 10);
    thrift_write_struct(&w, 8);
    thrift_write_struct_end(&w);
    thrift_write_struct_end(&w);
    thrift_write_i32(&w, 11, 1);

    ASSERT_BYTES(&w, 0xac, 0x8c, 0x00, 0x00, 0x15, 0x02, 0x00);
}

static void
short_list_has_its_size_in_the_header(void **state)
{
    (void) state;

    thrift_write_list(&w, 1, THRIFT_I32, 2);
    thrift_element_i32(&w, 1);
    thrift_element_i32(&w, 2);
    thrift_write_list(&w, 2, THRIFT_FALSE, 2);
    thrift_element_bool(&w, true);
    thrift_element_bool(&w, false);

    ASSERT_BYTES(&w, 0x19, 0x25, 0x02, 0x04, 0x19, 0x22, 0x01, 0x00, 0x00);
}

static void
long_list_has_its_size_behind_the_header(void **state)
{
    (void) state;

    thrift_write_list(&w, 1, THRIFT_BINARY, 15);
    for (unsigned i = 0; i < 15; i++)
        thrift_element_binary(&w, (firn_slice){0});

    ASSERT_BYTES(&w, 0x19, 0xf8, 0x0f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x00);
}

static void
list_of_structs_ends_each(void **state)
{
    (void) state;

    thrift_write_list(&w, 2, THRIFT_STRUCT, 2);
    for (int32_t i = 0; i < 2; i++) {
        thrift_element_struct(&w);
        thrift_write_i32(&w, 1, i);
        thrift_write_struct_end(&w);
    }

    ASSERT_BYTES(&w, 0x29, 0x2c, 0x15, 0x00, 0x00, 0x15, 0x02, 0x00, 0x00);
}

static void
full_buffer_is_said_at_the_end(void **state)
{
    (void) state;
    out.size_bytes_max = 3;

    for (int16_t i = 1; i < 10; i++)
        thrift_write_i32(&w, i, i);

    assert_int_equal(thrift_write_end(&w), FIRN_NO_MEMORY);
}

static void
varints_come_back(void **state)
{
    (void) state;
    static const int64_t values[] = {0, -1, 1, 63, 64, -64, -65, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    uint8_t              bytes[VARINT_SIZE_MAX];

    for (size_t i = 0; i < FIRN_COUNT(values); i++) {
        uint64_t value = 1;
        size_t   size = varint_encode(zigzag_encode(values[i]), bytes);
        assert_int_equal(varint_decode(bytes, bytes + size, &value), size);
        assert_true(zigzag_decode(value) == values[i]);
        assert_int_equal(varint_decode(bytes, bytes + size - 1, &value), 0);
    }
}

static void
varint_beyond_64_bits_is_refused(void **state)
{
    (void) state;
    const uint8_t bytes[11] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
    uint64_t      value;

    assert_int_equal(varint_decode(bytes, bytes + sizeof bytes, &value), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(near_fields_have_a_header_of_one_byte),
        TEST(far_field_has_its_whole_number),
        TEST(nested_struct_counts_its_own_fields),
        TEST(short_list_has_its_size_in_the_header),
        TEST(long_list_has_its_size_behind_the_header),
        TEST(list_of_structs_ends_each),
        TEST(full_buffer_is_said_at_the_end),
        cmocka_unit_test(varints_come_back),
        cmocka_unit_test(varint_beyond_64_bits_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
