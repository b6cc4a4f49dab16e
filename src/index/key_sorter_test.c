#include "index/key_sorter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/hash.h"

#define OK(call) assert_int_equal(call, FIRN_OK)
#define SPILL "key_sorter_test.spill"

enum { STEP = 500 };

static firn_error err;

typedef struct sorting {
    uint64_t count, distinct;
    bool     copies, crowded; /* keys differ in the last bits only */
} sorting;

/* The i-th change: of one key at random, with its number as the place. */
static key_change
change_at(const sorting *s, uint64_t seed, uint64_t i)
{
    uint64_t key = firn_hash_u64(seed + i) % s->distinct;
    key_hash hash = {firn_hash_u64(key ^ seed), (uint32_t) firn_hash_u64(key + 1) & INT32_MAX};

    if (s->crowded) hash = (key_hash){UINT64_MAX - (key & 1), (uint32_t) key << 8};
    return (key_change){hash, i};
}

static int
compare(const void *a, const void *b)
{
    const key_change *x = a, *y = b;
    int               order = key_hash_compare(x->key, y->key);

    return order ? order : (x->place > y->place) - (x->place < y->place);
}

/* What is to come out. */
static key_change *
model(const sorting *s, uint64_t seed, size_t *ret_count)
{
    key_change *changes = malloc((s->count + 1) * sizeof *changes);
    size_t      kept = 0;
    uint32_t    copy = 0;

    for (uint64_t i = 0; i < s->count; i++) changes[i] = change_at(s, seed, i);
    qsort(changes, s->count, sizeof *changes, compare);
    for (size_t i = 0; i < s->count; i++) {
        bool ends = i + 1 == s->count || !key_hash_equal(changes[i].key, changes[i + 1].key);

        if (!ends && !s->copies) continue;
        changes[kept] = changes[i];
        changes[kept++].key.low += s->copies ? copy : 0;
        copy = ends ? 0 : copy + 1;
    }
    *ret_count = kept;
    return changes;
}

static firn_status
sort(const sorting *s, uint64_t seed, size_t memory_bytes_max, uint8_t *ret_entries, size_t *ret_count)
{
    FIRN_AUTO(key_sorter_freep) key_sorter *sorter = NULL;
    key_change     changes[STEP];
    const uint8_t *entries;
    size_t         count;

    FIRN_TRY(key_sorter_new(SPILL, memory_bytes_max, s->copies, &sorter, &err));
    for (uint64_t i = 0; i < s->count;) {
        for (count = 0; count < STEP && i < s->count; count++, i++) changes[count] = change_at(s, seed, i);
        FIRN_TRY(key_sorter_add(sorter, changes, count, &err));
    }
    FIRN_TRY(key_sorter_finish(sorter, &err));
    assert_int_equal(key_sorter_added(sorter), s->count);
    for (*ret_count = 0;; *ret_count += count) {
        FIRN_TRY(key_sorter_next(sorter, &entries, &count, &err));
        if (count == 0) return FIRN_OK;
        assert_true(count <= s->count - *ret_count);
        memcpy(ret_entries + *ret_count * KEY_ENTRY_BYTES, entries, count * KEY_ENTRY_BYTES);
    }
}

static void
expect_sorted(const sorting *s, uint64_t seed, size_t memory_bytes_max)
{
    size_t      expected_count, count;
    key_change *expected = model(s, seed, &expected_count);
    uint8_t    *entries = malloc((s->count + 1) * KEY_ENTRY_BYTES);

    OK(sort(s, seed, memory_bytes_max, entries, &count));
    assert_int_equal(count, expected_count);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *entry = entries + i * KEY_ENTRY_BYTES;

        assert_true(key_hash_equal(key_entry_key(entry), expected[i].key));
        assert_int_equal(key_entry_place(entry), expected[i].place);
    }
    free(expected);
    free(entries);
}

/* With the least memory, 4096 entries, the larger ones are spilled, and what is crowded does not fit into it. */
static void
all_come_out_in_order(void **state)
{
    static const uint64_t counts[] = {0, 1, 2, 1000, 4096, 4097, 60000};
    uint64_t              seed = firn_random_u64();

    (void) state;
    print_message("seed %llu\n", (unsigned long long) seed);
    for (size_t c = 0; c < FIRN_COUNT(counts); c++) {
        uint64_t distinct[] = {1, 3, 300, counts[c] / 2 + 1, counts[c] * 100 + 1};

        for (size_t d = 0; d < FIRN_COUNT(distinct); d++) {
            for (unsigned kind = 0; kind < 4; kind++) {
                sorting s = {.count = counts[c], .distinct = distinct[d], .copies = kind & 1, .crowded = kind & 2};

                if (s.copies && s.crowded) s.distinct = s.distinct < 3 ? s.distinct : 3; // copies have room of their own
                expect_sorted(&s, seed, 0);
                expect_sorted(&s, seed, 1 << 20);
            }
        }
    }
}

static void
no_memory_is_an_error(void **state)
{
    static const sorting kinds[] = {{3000, 3000, false, false}, {30000, 30000, false, false}, {30000, 2, true, true}};

    (void) state;
    for (size_t k = 0; k < FIRN_COUNT(kinds); k++) {
        uint8_t    *entries = malloc(kinds[k].count * KEY_ENTRY_BYTES);
        firn_status status = FIRN_NO_MEMORY;
        size_t      count;

        for (uint64_t nth = 1; status == FIRN_NO_MEMORY; nth++) {
            firn_alloc_fail_at(nth, 0);
            status = sort(&kinds[k], 1, 0, entries, &count);
            firn_alloc_fail_at(0, 0);
            firn_error_reset(&err);
        }
        assert_int_equal(status, FIRN_OK);
        free(entries);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_come_out_in_order),
        cmocka_unit_test(no_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
