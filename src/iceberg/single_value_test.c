#include "iceberg/single_value.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "batch/schema.h"

static firn_error err;

static const data_type boolean = {.kind = TYPE_BOOLEAN}, int_type = {.kind = TYPE_INT}, long_type = {.kind = TYPE_LONG},
                       float_type = {.kind = TYPE_FLOAT}, double_type = {.kind = TYPE_DOUBLE},
                       decimal = {.kind = TYPE_DECIMAL, .precision = 38, .scale = 2}, date = {.kind = TYPE_DATE},
                       time_type = {.kind = TYPE_TIME}, timestamp = {.kind = TYPE_TIMESTAMP},
                       timestamptz = {.kind = TYPE_TIMESTAMPTZ}, string = {.kind = TYPE_STRING}, uuid = {.kind = TYPE_UUID},
                       fixed = {.kind = TYPE_FIXED, .size_bytes = 3}, binary = {.kind = TYPE_BINARY};

/* Encodes, compares with the spec's bytes, decodes, encodes again. */
static void
expect(const data_type *type, single_value value, const void *bytes, size_t size, const char *text)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    single_value back;
    firn_slice   copy;

    firn_buffer_init(&out, 1000);
    assert_int_equal(single_value_encode(type, &value, &out, &err), FIRN_OK);
    assert_int_equal(out.size, size);
    if (size > 0) assert_memory_equal(out.data, bytes, size);
    assert_int_equal(single_value_decode(type, firn_slice_of(bytes, size), &back, &err), FIRN_OK);
    assert_false(back.is_null);
    assert_int_equal(single_value_compare(type, &value, &back), 0);
    assert_int_equal(single_value_new(type, &back, &arena, &copy, &err), FIRN_OK);
    assert_non_null(copy.data);
    assert_true(firn_slice_equal(copy, firn_slice_of(bytes, size)));
    firn_buffer_reset(&out);
    assert_int_equal(single_value_format(type, &value, &out, &err), FIRN_OK);
    assert_true(firn_slice_equal(firn_buffer_slice(&out), firn_slice_text(text)));
}

#define INTEGER(n) ((single_value){.integer = (n)})
#define REAL(n) ((single_value){.real = (n)})
#define DECIMAL(n) ((single_value){.decimal = (n)})
#define BYTES(text) ((single_value){.bytes = {(const uint8_t *) (text), sizeof(text) - 1}})

static void
each_type_has_the_bytes_of_the_spec(void **state)
{
    (void) state;
    expect(&boolean, INTEGER(1), "\x01", 1, "true");
    expect(&boolean, INTEGER(0), "\x00", 1, "false");
    expect(&int_type, INTEGER(-2), "\xfe\xff\xff\xff", 4, "-2");
    expect(&long_type, INTEGER(INT64_MIN), "\0\0\0\0\0\0\0\x80", 8, "-9223372036854775808");
    expect(&float_type, REAL(1.5), "\x00\x00\xc0\x3f", 4, "1.5");
    expect(&float_type, REAL((double) 0.1f), "\xcd\xcc\xcc\x3d", 4, "0.1");
    expect(&double_type, REAL(-0.0), "\0\0\0\0\0\0\0\x80", 8, "-0");
    expect(&double_type, REAL(0.1), "\x9a\x99\x99\x99\x99\x99\xb9\x3f", 8, "0.1");
    expect(&decimal, DECIMAL(0), "\x00", 1, "0.00");
    expect(&decimal, DECIMAL(127), "\x7f", 1, "1.27");
    expect(&decimal, DECIMAL(128), "\x00\x80", 2, "1.28");
    expect(&decimal, DECIMAL(-128), "\x80", 1, "-1.28");
    expect(&decimal, DECIMAL(-129), "\xff\x7f", 2, "-1.29");
    expect(&decimal, DECIMAL(1420), "\x05\x8c", 2, "14.20");
    expect(&date, INTEGER(17486), "\x4e\x44\x00\x00", 4, "2017-11-16");
    expect(&date, INTEGER(-1), "\xff\xff\xff\xff", 4, "1969-12-31");
    expect(&time_type, INTEGER(81068123456), "\x40\x65\x09\xe0\x12\x00\x00\x00", 8, "22:31:08.123456");
    expect(&timestamp, INTEGER(1510871468000000), "\x00\xc3\x26\x2d\x21\x5e\x05\x00", 8, "2017-11-16T22:31:08");
    expect(&timestamptz, INTEGER(1510871468000000), "\x00\xc3\x26\x2d\x21\x5e\x05\x00", 8, "2017-11-16T22:31:08Z");
    expect(&string, BYTES("iceberg"), "iceberg", 7, "iceberg");
    expect(&string, BYTES(""), "", 0, "");
    expect(&uuid, BYTES("\xf7\x9c\x3e\x09\x67\x7c\x4b\xbd\xa4\x79\x3f\x34\x9c\xb7\x85\xe7"),
           "\xf7\x9c\x3e\x09\x67\x7c\x4b\xbd\xa4\x79\x3f\x34\x9c\xb7\x85\xe7", 16, "f79c3e09-677c-4bbd-a479-3f349cb785e7");
    expect(&fixed, BYTES("\x00\x01\xff"), "\x00\x01\xff", 3, "0001ff");
    expect(&binary, BYTES("\x00\x01\x02\xff"), "\x00\x01\x02\xff", 4, "000102ff");
}

static void
values_of_before_a_promotion_are_widened(void **state)
{
    single_value v;

    (void) state;
    assert_int_equal(single_value_decode(&long_type, firn_slice_of("\xfe\xff\xff\xff", 4), &v, &err), FIRN_OK);
    assert_true(v.integer == -2);
    assert_int_equal(single_value_decode(&double_type, firn_slice_of("\x00\x00\xc0\x3f", 4), &v, &err), FIRN_OK);
    assert_true(fabs(v.real - 1.5) < 1e-12);
    // sign bytes that are too many
    assert_int_equal(single_value_decode(&decimal, firn_slice_of("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x80", 18), &v, &err), FIRN_OK);
    assert_true(v.decimal == -128);
}

static void
wrong_sizes_are_refused(void **state)
{
    static const data_type struct_type = {.kind = TYPE_STRUCT};
    static const struct {
        const data_type *type;
        size_t           size;
    } wrong[] = {{&boolean, 0}, {&boolean, 2}, {&int_type, 8}, {&int_type, 3}, {&long_type, 5},  {&float_type, 8}, {&double_type, 7},
                 {&decimal, 0}, {&decimal, 17}, {&uuid, 15},   {&date, 8},     {&timestamp, 12}, {&struct_type, 4}};
    single_value v;
    uint8_t      bytes[32];

    (void) state;
    memset(bytes, 0x35, sizeof bytes);
    for (size_t i = 0; i < FIRN_COUNT(wrong); i++) {
        assert_int_equal(single_value_decode(wrong[i].type, firn_slice_of(bytes, wrong[i].size), &v, &err), FIRN_CORRUPT);
        firn_error_reset(&err);
    }
}

static void
null_is_no_bytes_at_all(void **state)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    single_value v;
    firn_slice   bytes = firn_slice_text("x");

    (void) state;
    assert_int_equal(single_value_decode(&int_type, firn_slice_of(NULL, 0), &v, &err), FIRN_OK);
    assert_true(v.is_null);
    assert_int_equal(single_value_new(&int_type, &v, &arena, &bytes, &err), FIRN_OK);
    assert_null(bytes.data);
}

static int
order(const data_type *type, single_value a, single_value b)
{
    int forth = single_value_compare(type, &a, &b);
    int back = single_value_compare(type, &b, &a);

    assert_int_equal(forth > 0 ? 1 : forth < 0 ? -1 : 0, back > 0 ? -1 : back < 0 ? 1 : 0);
    return forth > 0 ? 1 : forth < 0 ? -1 : 0;
}

static void
order_is_icebergs(void **state)
{
    (void) state;
    assert_int_equal(order(&int_type, INTEGER(-1), INTEGER(1)), -1);
    assert_int_equal(order(&double_type, REAL(-0.0), REAL(0.0)), -1);
    assert_int_equal(order(&double_type, REAL((double) NAN), REAL((double) INFINITY)), 1);
    assert_int_equal(order(&double_type, REAL((double) NAN), REAL(-(double) NAN)), 0);
    assert_int_equal(order(&decimal, DECIMAL(-5), DECIMAL(3)), -1);
    assert_int_equal(order(&string, BYTES("a"), BYTES("ab")), -1);
    assert_int_equal(order(&string, BYTES("\x7f"), BYTES("\xc3\xbc")), -1);
    assert_int_equal(order(&binary, BYTES("\xff"), BYTES("\x01\x02")), 1);
    assert_int_equal(order(&uuid, BYTES("\x80"), BYTES("\x7f")), 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_has_the_bytes_of_the_spec),
        cmocka_unit_test(values_of_before_a_promotion_are_widened),
        cmocka_unit_test(wrong_sizes_are_refused),
        cmocka_unit_test(null_is_no_bytes_at_all),
        cmocka_unit_test(order_is_icebergs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
