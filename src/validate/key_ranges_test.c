#include "validate/key_ranges.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void
assert_range(const key_range *range, uint64_t first, uint64_t last, uint64_t key_count)
{
    assert_true(range->first == first);
    assert_true(range->last == last);
    assert_true(range->key_count == key_count);
}

static void
test_few_keys_part_where_others_lie_between(void **state)
{
    uint64_t  orders[] = {900, 3, 2, 1, 41, 40, 40};
    key_range ranges[KEY_RANGES_MAX];

    (void) state;
    assert_int_equal(key_ranges_make(orders, COUNT(orders), ranges), 3);
    assert_range(&ranges[0], 1, 3, 3);
    assert_range(&ranges[1], 40, 41, 3);
    assert_range(&ranges[2], 900, 900, 1);
    assert_int_equal(key_ranges_make(orders, 0, ranges), 0);
}

static void
test_many_keys_part_at_the_widest_gaps(void **state)
{
    uint64_t  orders[1500];
    key_range ranges[KEY_RANGES_MAX];

    (void) state;
    for (unsigned i = 0; i < COUNT(orders); i++) orders[i] = 3 * i + (i >= 500 ? 100000 : 0) + (i >= 1000 ? 200000 : 0);
    assert_int_equal(key_ranges_make(orders, COUNT(orders), ranges), 3);
    assert_range(&ranges[0], 0, 1497, 500);
    assert_range(&ranges[1], 101500, 102997, 500);
    assert_range(&ranges[2], 303000, 304497, 500);
    /* Every third key, evenly: one range. */
    for (unsigned i = 0; i < COUNT(orders); i++) orders[i] = 3 * i;
    assert_int_equal(key_ranges_make(orders, COUNT(orders), ranges), 1);
    assert_range(&ranges[0], 0, 4497, 1500);
}

static void
test_there_are_never_too_many(void **state)
{
    uint64_t  orders[1024];
    key_range ranges[KEY_RANGES_MAX];
    uint64_t  keys = 0;

    (void) state;
    for (unsigned i = 0; i < COUNT(orders); i++) orders[i] = i + (uint64_t) (i / 16) * i * i * 1000;
    unsigned count = key_ranges_make(orders, COUNT(orders), ranges);
    assert_in_range(count, 1, KEY_RANGES_MAX);
    for (unsigned i = 0; i < count; i++) keys += ranges[i].key_count;
    assert_true(keys == COUNT(orders));
    for (unsigned i = 1; i < count; i++) assert_true(ranges[i - 1].last < ranges[i].first);
    orders[0] = 0;
    orders[1] = UINT64_MAX;
    assert_int_equal(key_ranges_make(orders, 2, ranges), 2);
}

static void
test_find(void **state)
{
    const key_range ranges[] = {{1, 3, 3}, {10, 10, 1}, {20, 29, 2}};

    (void) state;
    assert_int_equal(key_ranges_find(ranges, 3, 0), 3);
    assert_int_equal(key_ranges_find(ranges, 3, 2), 0);
    assert_int_equal(key_ranges_find(ranges, 3, 4), 3);
    assert_int_equal(key_ranges_find(ranges, 3, 10), 1);
    assert_int_equal(key_ranges_find(ranges, 3, 29), 2);
    assert_int_equal(key_ranges_find(ranges, 3, 30), 3);
}

static void
test_the_order_is_that_of_the_values(void **state)
{
    const int32_t       numbers[] = {-5, 7, 0};
    const int64_t       longs[] = {-5, 7, INT64_MIN};
    const int32_t       offsets[] = {0, 1, 3, 4};
    const uint8_t       valid = 3;
    const void         *int_buffers[] = {&valid, numbers}, *long_buffers[] = {NULL, longs}, *text_buffers[] = {NULL, offsets, "bab\xc3"};
    const data_type     int_type = {.kind = TYPE_INT}, long_type = {.kind = TYPE_LONG}, text_type = {.kind = TYPE_STRING},
                        real_type = {.kind = TYPE_DOUBLE};
    struct ArrowArray   ints = {.length = 3, .null_count = 1, .n_buffers = 2, .buffers = int_buffers};
    struct ArrowArray   wide = {.length = 3, .n_buffers = 2, .buffers = long_buffers};
    struct ArrowArray   texts = {.length = 3, .n_buffers = 3, .buffers = text_buffers};

    (void) state;
    assert_true(key_order(&int_type, &ints, 0) < key_order(&int_type, &ints, 1));
    assert_true(key_order(&int_type, &ints, 2) == 0); /* null */
    assert_true(key_order(&int_type, &ints, 0) == key_order(&long_type, &wide, 0));
    assert_true(key_order(&long_type, &wide, 2) < key_order(&long_type, &wide, 0));
    assert_true(key_order(&text_type, &texts, 1) < key_order(&text_type, &texts, 0)); /* "ab" < "b" */
    assert_true(key_order(&text_type, &texts, 0) < key_order(&text_type, &texts, 2)); /* bytes have no sign */
    assert_false(key_order_is_there(&real_type));
    assert_true(key_order_is_there(&text_type));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_keys_part_where_others_lie_between),
        cmocka_unit_test(test_many_keys_part_at_the_widest_gaps),
        cmocka_unit_test(test_there_are_never_too_many),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_the_order_is_that_of_the_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
