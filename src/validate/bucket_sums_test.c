#include "validate/bucket_sums.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"

enum { ROWS = 400 };

static uint64_t keys[ROWS], rows[ROWS];

static int
make_rows(void **state)
{
    (void) state;
    for (unsigned i = 0; i < ROWS; i++) {
        keys[i] = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
        rows[i] = (i + 1) * UINT64_C(0xc2b2ae3d27d4eb4f);
    }
    return 0;
}

static bool
same(const bucket_sum *a, const bucket_sum *b)
{
    return memcmp(a, b, BUCKET_COUNT * sizeof *a) == 0;
}

static void
test_order_and_parts_do_not_matter(void **state)
{
    bucket_sum *whole = firn_calloc(3 * (size_t) BUCKET_COUNT, sizeof *whole), *first = whole + BUCKET_COUNT,
               *second = first + BUCKET_COUNT;

    (void) state;
    assert_non_null(whole);
    bucket_sums_add(whole, keys, rows, ROWS);
    for (unsigned i = ROWS; i-- > 0;) bucket_sums_add(i % 3 ? first : second, &keys[i], &rows[i], 1);
    assert_false(same(whole, first));
    bucket_sums_merge(first, second);
    assert_true(same(whole, first));
    firn_free(whole);
}

static void
test_a_row_that_differs_is_in_the_bucket_of_its_key(void **state)
{
    bucket_sum *sums = firn_calloc(2 * (size_t) BUCKET_COUNT, sizeof *sums), *other = sums + BUCKET_COUNT;
    unsigned    different = 0;

    (void) state;
    assert_non_null(sums);
    bucket_sums_add(sums, keys, rows, ROWS);
    bucket_sums_add(other, keys, rows, ROWS - 1);
    uint64_t changed = rows[ROWS - 1] + 1;
    bucket_sums_add(other, &keys[ROWS - 1], &changed, 1);
    for (unsigned i = 0; i < BUCKET_COUNT; i++) {
        bool is_same = sums[i].row_count == other[i].row_count && sums[i].sum == other[i].sum;

        different += !is_same;
        assert_true(is_same == (i != bucket_of_key(keys[ROWS - 1])));
    }
    assert_int_equal(different, 1);
    firn_free(sums);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_parts_do_not_matter),
        cmocka_unit_test(test_a_row_that_differs_is_in_the_bucket_of_its_key),
    };
    return cmocka_run_group_tests(tests, make_rows, NULL);
}
