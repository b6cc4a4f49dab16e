/* uuid, clock, hash and bitmap: the small ones. */
#include "base/uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/hash.h"

static void
uuid_text_comes_back(void **state)
{
    const char *text = "f79c3e09-677c-4bbd-a479-3f349cb785e7";
    firn_uuid   uuid;
    char        out[UUID_TEXT_SIZE];
    (void) state;

    assert_true(uuid_parse(firn_slice_text(text), &uuid));
    assert_memory_equal(uuid.bytes, "\xf7\x9c\x3e\x09\x67\x7c\x4b\xbd\xa4\x79\x3f\x34\x9c\xb7\x85\xe7", 16);
    uuid_format(uuid, out);
    assert_string_equal(out, text);
    assert_true(uuid_parse(firn_slice_text("F79C3E09-677C-4BBD-A479-3F349CB785E7"), &uuid));
    assert_false(uuid_parse(firn_slice_text("f79c3e09-677c-4bbd-a479-3f349cb785e"), &uuid));
    assert_false(uuid_parse(firn_slice_text("f79c3e09-677c-4bbd-a479-3f349cb785eg"), &uuid));
    assert_false(uuid_parse(firn_slice_text("f79c3e090677c-4bbd-a479-3f349cb785e7"), &uuid));
}

static int64_t
standing_clock(void *state)
{
    return *(int64_t *) state;
}

static void
v7_is_ordered_even_while_the_clock_stands(void **state)
{
    int64_t           now_us = INT64_C(0x0188aabbccdd) * 1000 + 250;
    firn_clock_source source = {.now_us = standing_clock, .state = &now_us};
    firn_uuid         last = {{0}}, uuid;
    (void) state;

    firn_clock_replace(&source);
    for (int i = 0; i < 20000; i++) {
        uuid = uuid_v7();
        assert_true(memcmp(last.bytes, uuid.bytes, 16) < 0);
        assert_int_equal(uuid.bytes[6] >> 4, 7);
        assert_int_equal(uuid.bytes[8] >> 6, 2);
        if (i == 0) assert_memory_equal(uuid.bytes, "\x01\x88\xaa\xbb\xcc\xdd\x74\x00", 8);
        last = uuid;
    }
    firn_clock_replace(NULL);
}

static void
v4_is_random_and_repeats_with_a_seed(void **state)
{
    firn_uuid first, second;
    (void) state;

    firn_random_seed(1);
    first = uuid_v4();
    firn_random_seed(1);
    second = uuid_v4();
    assert_memory_equal(first.bytes, second.bytes, 16);
    firn_random_seed(0);
    first = uuid_v4();
    second = uuid_v4();
    assert_memory_not_equal(first.bytes, second.bytes, 16);
    assert_int_equal(first.bytes[6] >> 4, 4);
}

static void
clocks_go_forward(void **state)
{
    uint64_t before = firn_clock_monotonic_us();
    (void) state;

    assert_true(firn_clock_now_us() > INT64_C(1700000000000000));
    assert_true(firn_clock_cpu_us() >= 0);
    assert_true(firn_clock_monotonic_us() >= before);
}

/* Every one-bit difference in inputs of every size flips about half of the result. */
static void
hash_spreads_every_bit(void **state)
{
    (void) state;
    firn_random_seed(99);

    for (size_t size = 1; size <= 80; size++) {
        uint8_t  key[80];
        unsigned flipped = 0, count = 0;
        for (int round = 0; round < 8; round++) {
            firn_random_bytes(key, sizeof key);
            for (size_t bit = 0; bit < size * 8; bit++, count++) {
                uint64_t hash = firn_hash_bytes(key, size);
                key[bit / 8] = (uint8_t) (key[bit / 8] ^ (1 << bit % 8));
                hash ^= firn_hash_bytes(key, size);
                assert_true(hash != 0);
                flipped += (unsigned) __builtin_popcountll(hash);
            }
        }
        assert_in_range(flipped, count * 28, count * 36);
    }
}

static void
hash_depends_on_the_size_and_not_on_the_address(void **state)
{
    uint8_t zeros[200] = {0}, shifted[201];
    (void) state;

    for (size_t a = 0; a < 200; a++) {
        memcpy(shifted + 1, zeros, a);
        assert_true(firn_hash_bytes(zeros, a) == firn_hash_bytes(shifted + 1, a));
        for (size_t b = 0; b < a; b++) {
            assert_true(firn_hash_bytes(zeros, a) != firn_hash_bytes(zeros, b));
        }
    }
}

static void
hash_fills_buckets_evenly(void **state)
{
    static unsigned buckets[1024];
    (void) state;

    for (uint64_t key = 0; key < 1024 * 64; key++) {
        uint8_t bytes[8];
        store_le64(bytes, key * 8);
        buckets[firn_hash_bytes(bytes, 8) & 1023]++;
    }
    for (size_t i = 0; i < 1024; i++) {
        assert_in_range(buckets[i], 20, 120);
    }
}

static void
bitmap_counts_any_range(void **state)
{
    uint8_t bits[64] = {0};
    (void) state;

    firn_random_seed(5);
    firn_random_bytes(bits, sizeof bits);
    for (size_t from = 0; from < 80; from++) {
        size_t expected = 0;
        for (size_t count = 0; from + count < 512; count++) {
            assert_int_equal(bitmap_count(bits, from, count), expected);
            expected += bitmap_get(bits, from + count);
        }
    }
    bitmap_set(bits, 13);
    assert_true(bitmap_get(bits, 13));
    bitmap_clear(bits, 13);
    assert_false(bitmap_get(bits, 13));
    assert_int_equal(bitmap_size_bytes(0), 0);
    assert_int_equal(bitmap_size_bytes(9), 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uuid_text_comes_back),
        cmocka_unit_test(v7_is_ordered_even_while_the_clock_stands),
        cmocka_unit_test(v4_is_random_and_repeats_with_a_seed),
        cmocka_unit_test(clocks_go_forward),
        cmocka_unit_test(hash_spreads_every_bit),
        cmocka_unit_test(hash_depends_on_the_size_and_not_on_the_address),
        cmocka_unit_test(hash_fills_buckets_evenly),
        cmocka_unit_test(bitmap_counts_any_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
