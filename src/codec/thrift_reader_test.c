#include "codec/thrift_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define BYTES(...) firn_slice_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* thrift-compact-protocol.md, "Struct encoding": short headers add to the id, long ones carry it. */
static void
fields_are_found_by_id_in_both_header_forms(void **state)
{
    (void) state;
    thrift_reader r = thrift_reader_of(BYTES(0x15, 0x06, 0x18, 0x02, 'h', 'i', 0x06, 0xd8, 0x04, 0xac, 0x02, 0x11, 0x00));
    thrift_struct s = thrift_struct_begin(&r);

    assert_true(thrift_struct_next(&r, &s));
    assert_int_equal(s.id, 1);
    assert_int_equal(thrift_i32(&r, &s), 3);
    assert_true(thrift_struct_next(&r, &s));
    assert_int_equal(s.id, 2);
    firn_slice text = thrift_binary(&r, &s);
    assert_int_equal(text.size, 2);
    assert_memory_equal(text.data, "hi", 2);
    assert_true(thrift_struct_next(&r, &s));
    assert_int_equal(s.id, 300);
    assert_int_equal(thrift_i64(&r, &s), 150);
    assert_true(thrift_struct_next(&r, &s));
    assert_int_equal(s.id, 301);
    assert_true(thrift_bool(&r, &s));
    assert_false(thrift_struct_next(&r, &s));
    assert_false(thrift_failed(&r));
    assert_int_equal(r.depth, 0);
}

static void
unknown_fields_of_every_type_are_passed(void **state)
{
    (void) state;
    /* 1: true, 2: i8, 3: double, 4: list<bool>, 5: map<i32,binary>, 6: struct{1: i16}, 7: set<struct>, 8: i32 = 7 */
    thrift_reader r = thrift_reader_of(BYTES(0x11, 0x13, 0x55, 0x17, 1, 2, 3, 4, 5, 6, 7, 8, 0x19, 0x31, 1, 2, 1, 0x1b, 0x01,
                                             0x58, 0x02, 0x01, 'x', 0x1c, 0x14, 0x02, 0x00, 0x1a, 0x2c, 0x00, 0x00, 0x15,
                                             0x0e, 0x00));
    thrift_struct s = thrift_struct_begin(&r);
    int32_t       last = 0;

    while (thrift_struct_next(&r, &s)) {
        if (s.id == 8) {
            last = thrift_i32(&r, &s);
        } else {
            thrift_skip(&r, &s);
        }
    }

    assert_false(thrift_failed(&r));
    assert_int_equal(last, 7);
    assert_int_equal(firn_reader_left(&r.in), 0);
}

static void
lists_give_their_elements(void **state)
{
    (void) state;
    thrift_reader r = thrift_reader_of(BYTES(0x19, 0x35, 0x02, 0x04, 0x01, 0x00));
    thrift_struct s = thrift_struct_begin(&r);
    assert_true(thrift_struct_next(&r, &s));

    thrift_list list = thrift_list_begin(&r, &s);

    assert_int_equal(list.count, 3);
    assert_int_equal(thrift_i32(&r, &list.element), 1);
    assert_int_equal(thrift_i32(&r, &list.element), 2);
    assert_int_equal(thrift_i32(&r, &list.element), -1);
    assert_false(thrift_struct_next(&r, &s));
    assert_false(thrift_failed(&r));
}

static bool
fails(firn_slice bytes)
{
    thrift_reader r = thrift_reader_of(bytes);
    thrift_struct s = thrift_struct_begin(&r);
    while (thrift_struct_next(&r, &s)) thrift_skip(&r, &s);
    return thrift_failed(&r);
}

static void
damage_is_a_failure(void **state)
{
    (void) state;
    assert_true(fails(BYTES(0x15)));                   /* no value */
    assert_true(fails(BYTES(0x15, 0x02)));             /* no stop */
    assert_true(fails(BYTES(0x1d, 0x00)));             /* no such type */
    assert_true(fails(BYTES(0x18, 0x05, 'a', 0x00)));  /* text longer than the rest */
    assert_true(fails(BYTES(0x16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0x00))); /* 65 bits */
    assert_false(fails(BYTES(0x00)));
}

static void
a_count_larger_than_the_rest_is_refused_before_it_is_used(void **state)
{
    (void) state;
    thrift_reader r = thrift_reader_of(BYTES(0x19, 0xf5, 0xff, 0xff, 0xff, 0xff, 0x07, 0x00));
    thrift_struct s = thrift_struct_begin(&r);
    assert_true(thrift_struct_next(&r, &s));

    thrift_list list = thrift_list_begin(&r, &s);

    assert_true(thrift_failed(&r));
    assert_int_equal(list.count, 0);
}

static void
nesting_has_a_limit(void **state)
{
    (void) state;
    uint8_t deep[200], flat[200];
    for (size_t i = 0; i < sizeof deep; i++) deep[i] = 0x1c; /* field 1: struct, over and over */
    for (size_t i = 0; i < sizeof flat; i++) flat[i] = i % 2 ? 0x1c : 0x19; /* lists of one list */

    assert_true(fails(firn_slice_of(deep, sizeof deep)));
    assert_true(fails(firn_slice_of(flat, sizeof flat)));

    uint8_t ok[2 * (THRIFT_DEPTH_MAX / 2)] = {0};
    for (size_t i = 0; i < THRIFT_DEPTH_MAX / 2 - 1; i++) ok[i] = 0x1c;
    assert_false(fails(firn_slice_of(ok, sizeof ok)));
}

static void
a_value_of_another_type_or_range_is_a_failure(void **state)
{
    (void) state;
    thrift_reader r = thrift_reader_of(BYTES(0x18, 0x01, 'a', 0x00));
    thrift_struct s = thrift_struct_begin(&r);
    assert_true(thrift_struct_next(&r, &s));
    assert_int_equal(thrift_i32(&r, &s), 0);
    assert_true(thrift_failed(&r));

    thrift_reader wide = thrift_reader_of(BYTES(0x16, 0x80, 0x80, 0x80, 0x80, 0x20, 0x00)); /* 2^32 */
    s                  = thrift_struct_begin(&wide);
    assert_true(thrift_struct_next(&wide, &s));
    assert_int_equal(thrift_i32(&wide, &s), 0);
    assert_true(thrift_failed(&wide));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_found_by_id_in_both_header_forms),
        cmocka_unit_test(unknown_fields_of_every_type_are_passed),
        cmocka_unit_test(lists_give_their_elements),
        cmocka_unit_test(damage_is_a_failure),
        cmocka_unit_test(a_count_larger_than_the_rest_is_refused_before_it_is_used),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(a_value_of_another_type_or_range_is_a_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
