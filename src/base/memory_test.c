/* alloc, arena and buffer together: limits, and an allocation that fails at every place in turn. */
#include "base/alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/map.h"

static void
aligned_memory_starts_a_cache_line(void **state)
{
    (void) state;

    for (size_t size = 0; size < 300; size += 7) {
        FIRN_AUTO(firn_freep) void *memory = firn_alloc_aligned(size);
        assert_non_null(memory);
        assert_int_equal((uintptr_t) memory % FIRN_CACHE_LINE, 0);
    }
}

static void
sizes_that_overflow_are_refused(void **state)
{
    (void) state;

    assert_null(firn_alloc(SIZE_MAX));
    assert_null(firn_calloc(SIZE_MAX / 2, 3));
    assert_null(firn_alloc_aligned(SIZE_MAX - 3));
}

static void
chosen_allocation_fails_once_or_for_ever(void **state)
{
    void *memory;
    (void) state;

    firn_alloc_fail_at(2, 0);
    memory = firn_alloc(1);
    assert_non_null(memory);
    firn_free(memory);
    assert_null(firn_alloc(1));
    memory = firn_alloc(1);
    assert_non_null(memory);
    firn_free(memory);

    firn_alloc_fail_at(1, 1);
    assert_null(firn_alloc(1));
    assert_null(firn_calloc(1, 1));
    firn_alloc_fail_at(0, 0);
    memory = firn_alloc(1);
    assert_non_null(memory);
    firn_free(memory);
}

static void
arena_gives_zeroed_aligned_memory_up_to_its_limit(void **state)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena;
    size_t                                total = 0;
    (void) state;

    firn_arena_init(&arena, 100000);
    for (size_t size = 1;; size = size * 3 % 5003 + 1) {
        uint8_t *memory = firn_arena_alloc(&arena, size);
        if (!memory) break;
        assert_int_equal((uintptr_t) memory % 16, 0);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(memory[i], 0);
        }
        memset(memory, 0xAB, size);
        total += size;
        assert_true(total <= 100000);
    }
    assert_true(total > 80000);
    assert_null(firn_arena_alloc(&arena, SIZE_MAX));
    assert_null(firn_arena_array(&arena, SIZE_MAX / 4, 8));

    firn_arena_reset(&arena);
    assert_int_equal(arena.used_bytes, 0);
    assert_int_equal(((uint8_t *) firn_arena_alloc(&arena, 1))[0], 0);
}

static void
arena_copies_texts(void **state)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    (void) state;

    assert_string_equal(firn_arena_strdup(&arena, "one"), "one");
    assert_string_equal(firn_arena_text(&arena, firn_slice_of("twofold", 3)), "two");
    assert_string_equal(firn_arena_text(&arena, firn_slice_of(NULL, 0)), "");
    assert_string_equal(firn_arena_printf(&arena, "%d-%s", 3, "x"), "3-x");
}

static void
buffer_keeps_its_limit(void **state)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer buffer = {0};
    firn_error                              err = {0};
    (void) state;

    assert_int_equal(firn_buffer_add_byte(&buffer, 1, &err), FIRN_NO_MEMORY);
    firn_error_reset(&err);
    firn_buffer_init(&buffer, 100);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(firn_buffer_add_byte(&buffer, (uint8_t) i, &err), FIRN_OK);
    }
    assert_int_equal(buffer.size, 100);
    assert_int_equal(buffer.data[99], 99);
    assert_int_equal(firn_buffer_add_byte(&buffer, 1, &err), FIRN_NO_MEMORY);
    firn_error_reset(&err);
    assert_int_equal(firn_buffer_reserve(&buffer, SIZE_MAX, &err), FIRN_NO_MEMORY);
    assert_int_equal(buffer.size, 100);
    firn_buffer_reset(&buffer);
    firn_error_reset(&err);
    assert_int_equal(firn_buffer_add_text(&buffer, "again", &err), FIRN_OK);
}

static void
buffer_prints_across_its_growth(void **state)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer buffer = {.size_bytes_max = 1 << 20};
    FIRN_AUTO(firn_freep) char             *expected = firn_alloc(20000);
    size_t                                  size = 0;
    firn_error                              err = {0};
    (void) state;

    for (int i = 0; i < 2000; i++) {
        assert_int_equal(firn_buffer_printf(&buffer, &err, "%d,", i), FIRN_OK);
        size += (size_t) snprintf(expected + size, 20000 - size, "%d,", i);
    }
    assert_int_equal(buffer.size, size);
    assert_memory_equal(buffer.data, expected, size);
}

static void
map_keeps_order_and_replaces_values(void **state)
{
    FIRN_AUTO(firn_map_freep) firn_map *map = firn_map_new();
    static int                          values[5000];
    firn_error                          err = {0};
    char                                key[32];
    (void) state;

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 5000; i++) {
            int size = snprintf(key, sizeof key, "key-%d", i);
            assert_int_equal(firn_map_put(map, firn_slice_of(key, (size_t) size), &values[(i + round) % 5000], &err),
                             FIRN_OK);
        }
    }
    assert_int_equal(firn_map_count(map), 5000);
    for (size_t i = 0; i < 5000; i++) {
        int size = snprintf(key, sizeof key, "key-%zu", i);
        assert_true(firn_slice_equal(firn_map_key(map, i), firn_slice_of(key, (size_t) size)));
        assert_ptr_equal(firn_map_value(map, i), &values[(i + 1) % 5000]);
        assert_ptr_equal(firn_map_get(map, firn_slice_of(key, (size_t) size)), &values[(i + 1) % 5000]);
    }
    assert_null(firn_map_get(map, firn_slice_text("key-5000")));
    assert_null(firn_map_get(map, firn_slice_of(NULL, 0)));
}

/* Uses every allocating thing once. */
static firn_status
use_memory(firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena   arena = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer buffer = {.size_bytes_max = 4096};
    FIRN_AUTO(firn_map_freep) firn_map     *map = firn_map_new();
    char                                    key = 'a';

    if (!map) return firn_fail_memory(err, "a map");
    for (; key < 'm'; key++) {
        char *copy = firn_arena_printf(&arena, "%c-%01000d", key, 1);
        if (!copy) return firn_fail_memory(err, "a text");
        FIRN_TRY(firn_map_put(map, firn_slice_of(&key, 1), copy, err));
        FIRN_TRY(firn_buffer_printf(&buffer, err, "%.100s", copy));
    }
    return firn_map_count(map) == 12 && buffer.size == 1200 ? FIRN_OK : firn_fail(err, FIRN_E_BUG, "miscounted");
}

static void
every_failing_allocation_is_reported_and_leaks_nothing(void **state)
{
    firn_error  err = {0};
    firn_status status = FIRN_NO_MEMORY;
    unsigned    nth = 0;
    (void) state;

    while (status == FIRN_NO_MEMORY) {
        firn_error_reset(&err);
        firn_alloc_fail_at(++nth, 0);
        status = use_memory(&err);
    }
    firn_alloc_fail_at(0, 0);
    assert_int_equal(status, FIRN_OK);
    assert_true(nth > 15);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aligned_memory_starts_a_cache_line),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(chosen_allocation_fails_once_or_for_ever),
        cmocka_unit_test(arena_gives_zeroed_aligned_memory_up_to_its_limit),
        cmocka_unit_test(arena_copies_texts),
        cmocka_unit_test(buffer_keeps_its_limit),
        cmocka_unit_test(buffer_prints_across_its_growth),
        cmocka_unit_test(map_keeps_order_and_replaces_values),
        cmocka_unit_test(every_failing_allocation_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
