#include "base/sort_u64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT_MAX 5000u

static int
compare(const void *x, const void *y)
{
    uint64_t a = *(const uint64_t *) x, b = *(const uint64_t *) y;

    return a < b ? -1 : a > b;
}

static void
test_as_by_comparing(void **state)
{
    (void) state;
    static const uint64_t masks[] = {0, 1, 0xff, UINT64_C(0x7ff00000), UINT64_C(0xffffffff000), UINT64_C(1) << 63, UINT64_MAX};
    static const size_t   counts[] = {0, 1, 2, 33, 5000};
    static uint64_t       numbers[COUNT_MAX], wanted[COUNT_MAX], scratch[COUNT_MAX];
    uint64_t              random = 88172645463325252u;

    for (size_t m = 0; m < sizeof masks / sizeof *masks; m++) {
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            for (size_t i = 0; i < counts[c]; i++) {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                wanted[i] = numbers[i] = (random & masks[m]) | (UINT64_C(0x5a5a) << 8 & ~masks[m]);
            }
            qsort(wanted, counts[c], sizeof *wanted, compare);
            sort_u64(numbers, scratch, counts[c]);
            assert_memory_equal(numbers, wanted, counts[c] * sizeof *wanted);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_as_by_comparing)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
