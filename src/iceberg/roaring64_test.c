#include "iceberg/roaring64.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"

static firn_error err;

#define OK(call) assert_int_equal(call, FIRN_OK)

static void
numbers_of(const roaring64 *set, uint64_t **ret_numbers, size_t *ret_count)
{
    size_t    count = (size_t) roaring64_count(set), filled = 0;
    uint64_t *numbers = malloc((count + 1) * sizeof *numbers);

    while (filled < count) {
        // Of odd size, so that reading goes on within containers.
        size_t got = roaring64_read(set, filled ? numbers[filled - 1] + 1 : 0, numbers + filled,
                                    count - filled < 777 ? count - filled : 777);

        assert_true(got > 0);
        filled += got;
    }
    assert_int_equal(roaring64_read(set, filled ? numbers[filled - 1] + 1 : 0, numbers + filled, 1), 0);
    *ret_numbers = numbers;
    *ret_count = count;
}

static void
positions_come_back_in_order(void **state)
{
    FIRN_AUTO(roaring64_freep) roaring64 *set = roaring64_new();
    uint64_t out[9];
    uint64_t max;

    (void) state;
    assert_false(roaring64_max(set, &max));
    OK(roaring64_add(set, UINT64_C(2) << 33, &err));
    OK(roaring64_add(set, 10, &err));
    OK(roaring64_add(set, UINT64_C(1) << 33, &err));
    OK(roaring64_add(set, 10, &err));
    OK(roaring64_add_range(set, UINT32_MAX - UINT64_C(1), 4, &err));
    assert_int_equal(roaring64_count(set), 7);
    assert_int_equal(roaring64_read(set, 0, out, 9), 7);
    assert_int_equal(out[0], 10);
    assert_int_equal(out[1], UINT32_MAX - UINT64_C(1));
    assert_int_equal(out[4], UINT32_MAX + UINT64_C(2));
    assert_int_equal(out[6], UINT64_C(2) << 33);
    assert_int_equal(roaring64_read(set, UINT32_MAX, out, 2), 2);
    assert_int_equal(out[0], UINT32_MAX);
    assert_int_equal(roaring64_count_range(set, UINT32_MAX, 3), 3);
    assert_int_equal(roaring64_count_range(set, 0, UINT64_MAX), 7);
    assert_int_equal(roaring64_count_range(set, 11, 0), 0);
    assert_true(roaring64_max(set, &max));
    assert_int_equal(max, UINT64_C(2) << 33);
    assert_true(roaring64_contains(set, UINT64_C(1) << 33));
    assert_false(roaring64_contains(set, (UINT64_C(1) << 33) + 1));
    assert_false(roaring64_contains(set, UINT64_C(1) << 62));
}

static void
a_negative_position_is_refused(void **state)
{
    FIRN_AUTO(roaring64_freep) roaring64 *set = roaring64_new();

    (void) state;
    OK(roaring64_add(set, ROARING64_POSITION_MAX, &err));
    assert_int_equal(roaring64_add(set, ROARING64_POSITION_MAX + 1, &err), FIRN_CORRUPT);
    firn_error_reset(&err);
    assert_int_equal(roaring64_add_range(set, ROARING64_POSITION_MAX, 2, &err), FIRN_CORRUPT);
    firn_error_reset(&err);
    OK(roaring64_add_range(set, 5, 0, &err));
    assert_int_equal(roaring64_count(set), 1);
}

/* Arrays, bitsets and runs, by chance, against a map of bits. */
static void
check_random_sets(unsigned seed)
{
    enum { SPAN = 400000 };
    uint8_t *bits = malloc(SPAN);

    print_message("seed %u\n", seed);
    for (int round = 0; round < 40; round++) {
        FIRN_AUTO(roaring64_freep) roaring64 *set = roaring64_new();
        FIRN_AUTO(roaring64_freep) roaring64 *other = roaring64_new();
        FIRN_AUTO(roaring64_freep) roaring64 *back = NULL;
        FIRN_AUTO(firn_buffer_done) firn_buffer bytes = {0};
        uint64_t  base = (uint64_t) (rand_r(&seed) % 3) * (UINT64_C(1) << 32) + (uint64_t) rand_r(&seed);
        uint64_t *numbers;
        size_t    count, at = 0;

        memset(bits, 0, SPAN);
        for (int step = rand_r(&seed) % 60; step >= 0; step--) {
            uint64_t   first = (uint64_t) (rand_r(&seed) % (SPAN - 20000));
            uint64_t   length = rand_r(&seed) % 3 ? (uint64_t) (rand_r(&seed) % 20000) : 1;
            roaring64 *into = rand_r(&seed) % 2 ? set : other;

            if (rand_r(&seed) % 2) {
                OK(roaring64_add_range(into, base + first, length, &err));
                memset(bits + first, 1, length);
            } else {
                for (uint64_t i = 0; i < length; i += 2) {
                    OK(roaring64_add(into, base + first + i, &err));
                    bits[first + i] = 1;
                }
            }
        }
        OK(roaring64_add_all(set, other, &err));
        firn_buffer_init(&bytes, SIZE_MAX);
        OK(roaring64_serialize(set, &bytes, &err));
        OK(roaring64_deserialize(firn_buffer_slice(&bytes), &back, &err));
        assert_true(roaring64_equal(set, back));
        numbers_of(back, &numbers, &count);
        for (uint64_t i = 0; i < SPAN; i++) {
            assert_int_equal(roaring64_contains(back, base + i), bits[i]);
            if (!bits[i]) continue;
            assert_int_equal(numbers[at++], base + i);
        }
        assert_int_equal(at, count);
        assert_int_equal(roaring64_count_range(back, base + 1000, 50000),
                         roaring64_count_range(set, base, 51000) - roaring64_count_range(set, base, 1000));
        free(numbers);
    }
    free(bits);
}

/* The first two seeds once gave bitsets of few numbers, which CRoaring wrote in a way that cannot be read. */
static void
random_sets_are_as_their_bits_and_survive_bytes(void **state)
{
    (void) state;
    check_random_sets(241242195);
    check_random_sets(3998223828);
    check_random_sets((unsigned) firn_random_u64());
}

static void
expect_corrupt(const char *bytes, size_t size)
{
    FIRN_AUTO(roaring64_freep) roaring64 *set = NULL;

    assert_int_equal(roaring64_deserialize(firn_slice_of(bytes, size), &set, &err), FIRN_CORRUPT);
    firn_error_reset(&err);
}

#define CORRUPT(text) expect_corrupt(text, sizeof(text) - 1)
#define ONE "\1\0\0\0\0\0\0\0\0\0\0\0"
#define PLAIN "\x3a\x30\0\0\1\0\0\0"  /* no runs, one container */
#define RUNS "\x3b\x30\0\0\1" /* one container, which is of runs */

static void
bytes_that_lie_are_refused(void **state)
{
    FIRN_AUTO(roaring64_freep) roaring64 *set = NULL;

    (void) state;
    OK(roaring64_deserialize(firn_slice_of(ONE PLAIN "\0\0\1\0\x10\0\0\0\5\0\6\0", 32), &set, &err));
    CORRUPT("");
    CORRUPT("\1\0\0\0\0\0\0");
    CORRUPT("\xff\xff\xff\xff\xff\xff\xff\xff");                      // more parts than bytes
    CORRUPT(ONE PLAIN "\0\0\1\0\x10\0\0\0\6\0\5\0");                  // an array out of order
    CORRUPT(ONE PLAIN "\0\0\1\0\x10\0\0\0\5\0\5\0");                  // a number twice
    CORRUPT(ONE PLAIN "\0\0\1\0\x10\0\0\0\5\0");                      // cut
    CORRUPT(ONE PLAIN "\0\0\0\0\x10\0\0\0\5\0\5\0");                  // bytes too many
    CORRUPT(ONE "\x3a\x30\0\0\1\0\1\0");                              // 65537 containers
    CORRUPT(ONE RUNS "\0\0\4\0\2\0\1\0\1\0\2\0\2\0");                 // runs that overlap
    CORRUPT(ONE RUNS "\0\0\1\0\1\0\xff\xff\1\0");                     // a run past the container
    CORRUPT(ONE RUNS "\0\0\2\0\1\0\5\0\1\0");                         // runs of 2 numbers, said to be 3
    CORRUPT(ONE "\x3a\x30\0\0\2\0\0\0\1\0\0\0\1\0\0\0\x18\0\0\0\x1a\0\0\0\5\0\5\0"); // containers out of order
    CORRUPT("\1\0\0\0\0\0\0\0\0\0\0\x80" PLAIN "\0\0\0\0\x10\0\0\0\5\0");          // a negative key
    CORRUPT("\2\0\0\0\0\0\0\0\1\0\0\0\x3a\x30\0\0\0\0\0\0\1\0\0\0\x3a\x30\0\0\0\0\0\0"); // a part twice
}

static void
no_memory_is_an_error(void **state)
{
    (void) state;
    for (uint64_t nth = 1;; nth++) {
        FIRN_AUTO(roaring64_freep) roaring64 *set = NULL;
        FIRN_AUTO(firn_buffer_done) firn_buffer bytes = {0};
        FIRN_AUTO(roaring64_freep) roaring64 *back = NULL;
        bool done = false;

        firn_buffer_init(&bytes, SIZE_MAX);
        firn_alloc_fail_at(nth, 1);
        set = roaring64_new();
        if (set && roaring64_add_range(set, UINT32_MAX, 2, &err) == FIRN_OK &&
            roaring64_serialize(set, &bytes, &err) == FIRN_OK &&
            roaring64_deserialize(firn_buffer_slice(&bytes), &back, &err) == FIRN_OK)
            done = true;
        firn_alloc_fail_at(0, 0);
        assert_true(done || !set || err.status == FIRN_NO_MEMORY);
        firn_error_reset(&err);
        if (done) break;
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positions_come_back_in_order),
        cmocka_unit_test(a_negative_position_is_refused),
        cmocka_unit_test(random_sets_are_as_their_bits_and_survive_bytes),
        cmocka_unit_test(bytes_that_lie_are_refused),
        cmocka_unit_test(no_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
