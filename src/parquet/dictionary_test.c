#include "parquet/dictionary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"
#include "parquet/plain_encode.h"

enum { COUNT = 20000 };

static const data_type    of_text = {.kind = TYPE_STRING};
static const schema_field text_field = {.name = "t", .type = &of_text};

/* Values of each lane from small numbers, equal numbers giving equal values. */
typedef struct sample {
    parquet_leaf leaf;
    value_view   values;
    int128       fixed[COUNT];
    int32_t      offsets[COUNT + 1];
    uint8_t      bytes[COUNT * 40];
} sample;

static sample s;

static void
make_sample(value_lane lane, uint64_t distinct)
{
    s.leaf = (parquet_leaf){.lane = lane, .field = &text_field, .physical = PARQUET_BYTE_ARRAY};
    if (lane == LANE_128) s.leaf.type_length = 16;
    s.values = (value_view){.count = COUNT};
    for (size_t i = 0; i < COUNT; i++) {
        uint64_t token = firn_hash_u64(firn_hash_u64(i + 1) % distinct + 1);
        if (lane == LANE_32) ((uint32_t *) s.fixed)[i] = (uint32_t) token;
        if (lane == LANE_64) ((uint64_t *) s.fixed)[i] = token;
        if (lane == LANE_128) s.fixed[i] = (int128) token << 40;
        size_t size = lane == LANE_BYTES ? token % 40 : 0;
        for (size_t k = 0; k < size; k++)
            s.bytes[(size_t) s.offsets[i] + k] = (uint8_t) (token >> (k % 8 * 8));
        s.offsets[i + 1] = s.offsets[i] + (int32_t) size;
    }
    if (lane == LANE_BYTES) {
        s.values.bytes = s.bytes;
        s.values.starts = s.offsets;
        s.values.ends = s.offsets + 1;
    } else {
        s.values.fixed = s.fixed;
    }
}

static void
assert_round_trip(uint64_t distinct)
{
    static const value_lane lanes[] = {LANE_32, LANE_64, LANE_128, LANE_BYTES};
    uint32_t               *numbers = malloc(COUNT * sizeof *numbers);
    for (size_t l = 0; l < FIRN_COUNT(lanes); l++) {
        FIRN_AUTO(firn_buffer_done) firn_buffer plain = {0};
        FIRN_AUTO(firn_buffer_done) firn_buffer again = {0};
        FIRN_AUTO(dictionary_done) dictionary   d = {0};
        firn_error                              err = {0};
        size_t                                  taken;
        make_sample(lanes[l], distinct);
        firn_buffer_init(&plain, 1 << 24);
        firn_buffer_init(&again, 1 << 24);
        dictionary_init(&d, &s.leaf, 1 << 24, 1 << 20);

        assert_int_equal(dictionary_add(&d, &s.values, numbers, &taken, &err), FIRN_OK);

        assert_int_equal(taken, COUNT);
        assert_true(d.entry_count <= distinct);
        assert_int_equal(plain_encode(&s.leaf, &s.values, &plain, &err), FIRN_OK);
        assert_int_equal(dictionary_decode(&d, numbers, COUNT, &again, &err), FIRN_OK);
        assert_int_equal(again.size, plain.size);
        assert_memory_equal(again.data, plain.data, plain.size);
        firn_buffer_reset(&again);
        assert_int_equal(dictionary_encode(&d, &again, &err), FIRN_OK);
        assert_int_equal(again.size, dictionary_size_bytes(&d));
    }
    free(numbers);
}

static void
values_come_back_by_their_numbers(void **state)
{
    (void) state;
    assert_round_trip(1);
    assert_round_trip(300);
    assert_round_trip(COUNT * 10);
}

static void
numbers_follow_the_order_of_appearance(void **state)
{
    (void) state;
    const parquet_leaf                    leaf = {.lane = LANE_32};
    const uint32_t                        keys[] = {0, 7, 0, UINT32_MAX, 7};
    const value_view                      values = {.count = 5, .fixed = keys};
    FIRN_AUTO(dictionary_done) dictionary d = {0};
    firn_error                            err = {0};
    uint32_t                              numbers[5];
    size_t                                taken;
    dictionary_init(&d, &leaf, 1000, 1000);

    assert_int_equal(dictionary_add(&d, &values, numbers, &taken, &err), FIRN_OK);

    const uint32_t golden[] = {0, 1, 0, 2, 1};
    assert_memory_equal(numbers, golden, sizeof golden);
    assert_int_equal(d.entry_count, 3);
}

static void
texts_that_differ_in_one_byte_are_different(void **state)
{
    (void) state;
    enum { SIZE_MAX_TEXT = 70 };
    const parquet_leaf leaf = {.lane = LANE_BYTES, .physical = PARQUET_BYTE_ARRAY, .field = &text_field};
    uint8_t            bytes[2 * SIZE_MAX_TEXT] = {0};
    for (int32_t size = 1; size <= SIZE_MAX_TEXT; size++) {
        for (int32_t at = 0; at < size; at++) {
            FIRN_AUTO(dictionary_done) dictionary d = {0};
            firn_error                            err = {0};
            const int32_t                         offsets[] = {0, size, 2 * size};
            const value_view values = {.count = 2, .bytes = bytes, .starts = offsets, .ends = offsets + 1};
            uint32_t         numbers[2];
            size_t           taken;
            memset(bytes, 0, sizeof bytes);
            bytes[size + at] = 1;
            dictionary_init(&d, &leaf, 1000, 1000);

            assert_int_equal(dictionary_add(&d, &values, numbers, &taken, &err), FIRN_OK);

            assert_int_equal(d.entry_count, 2);
        }
    }
}

static void
zeros_of_different_length_are_different(void **state)
{
    (void) state;
    const parquet_leaf leaf = {.lane = LANE_BYTES, .physical = PARQUET_BYTE_ARRAY, .field = &text_field};
    const uint8_t      bytes[300] = {0};
    int32_t            offsets[24] = {0};
    uint32_t           numbers[23];
    size_t             taken;
    firn_error         err = {0};
    FIRN_AUTO(dictionary_done) dictionary d = {0};
    for (int32_t i = 0; i < 23; i++)
        offsets[i + 1] = offsets[i] + i;
    const value_view values = {.count = 23, .bytes = bytes, .starts = offsets, .ends = offsets + 1};
    dictionary_init(&d, &leaf, 1000, 1000);

    assert_int_equal(dictionary_add(&d, &values, numbers, &taken, &err), FIRN_OK);

    assert_int_equal(d.entry_count, 23);
}

static void
full_dictionary_stops_and_says_where(void **state)
{
    (void) state;
    FIRN_AUTO(dictionary_done) dictionary d = {0};
    firn_error                            err = {0};
    uint32_t                             *numbers = malloc(COUNT * sizeof *numbers);
    size_t                                taken;
    make_sample(LANE_64, COUNT * 10);
    dictionary_init(&d, &s.leaf, 8000, 1 << 20);

    assert_int_equal(dictionary_add(&d, &s.values, numbers, &taken, &err), FIRN_OK);

    assert_true(taken >= 1000 && taken < COUNT);
    assert_true(dictionary_size_bytes(&d) < 8000 + 256 * 8);
    free(numbers);
}

static void
reset_dictionary_starts_anew(void **state)
{
    (void) state;
    FIRN_AUTO(dictionary_done) dictionary d = {0};
    firn_error                            err = {0};
    uint32_t                             *numbers = malloc(COUNT * sizeof *numbers);
    size_t                                taken;
    make_sample(LANE_BYTES, 100);
    dictionary_init(&d, &s.leaf, 1 << 20, 1 << 20);
    assert_int_equal(dictionary_add(&d, &s.values, numbers, &taken, &err), FIRN_OK);

    dictionary_reset(&d);
    assert_int_equal(dictionary_size_bytes(&d), 0);
    assert_int_equal(dictionary_add(&d, &s.values, numbers, &taken, &err), FIRN_OK);

    assert_int_equal(numbers[0], 0);
    assert_int_equal(taken, COUNT);
    free(numbers);
}

static void
stats_of_a_page_are_of_its_entries_only(void **state)
{
    (void) state;
    const parquet_leaf leaf = {.lane = LANE_BYTES, .physical = PARQUET_BYTE_ARRAY, .field = &text_field};
    const int32_t      offsets[] = {0, 1, 2, 3};
    const value_view   values = {.count = 3, .bytes = (const uint8_t *) "azm", .starts = offsets, .ends = offsets + 1};
    FIRN_AUTO(dictionary_done) dictionary d = {0};
    firn_error                            err = {0};
    value_stats                           first = {0}, second = {0};
    uint32_t                              numbers[3];
    size_t                                taken;
    dictionary_init(&d, &leaf, 1000, 1000);
    assert_int_equal(dictionary_add(&d, &values, numbers, &taken, &err), FIRN_OK);

    dictionary_stats(&d, numbers, 3, &first);
    dictionary_stats(&d, numbers + 2, 1, &second);

    assert_memory_equal(first.text.min.bytes, "a", 1);
    assert_memory_equal(first.text.max.bytes, "z", 1);
    assert_memory_equal(second.text.min.bytes, "m", 1);
    assert_memory_equal(second.text.max.bytes, "m", 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back_by_their_numbers),
        cmocka_unit_test(numbers_follow_the_order_of_appearance),
        cmocka_unit_test(texts_that_differ_in_one_byte_are_different),
        cmocka_unit_test(zeros_of_different_length_are_different),
        cmocka_unit_test(full_dictionary_stops_and_says_where),
        cmocka_unit_test(reset_dictionary_starts_anew),
        cmocka_unit_test(stats_of_a_page_are_of_its_entries_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
