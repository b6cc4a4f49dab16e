#include "parquet/statistics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const data_type of_text = {.kind = TYPE_STRING}, of_binary = {.kind = TYPE_BINARY},
                       of_decimal = {.kind = TYPE_DECIMAL, .precision = 20},
                       of_cents = {.kind = TYPE_DECIMAL, .precision = 4}, of_double = {.kind = TYPE_DOUBLE},
                       of_int = {.kind = TYPE_INT}, of_uuid = {.kind = TYPE_UUID};
static const schema_field text_field = {.name = "t", .type = &of_text},
                          binary_field = {.name = "b", .type = &of_binary},
                          decimal_field = {.name = "d", .type = &of_decimal},
                          cents_field = {.name = "c", .type = &of_cents},
                          double_field = {.name = "f", .type = &of_double}, int_field = {.name = "i", .type = &of_int},
                          uuid_field = {.name = "u", .type = &of_uuid};
static const parquet_leaf text_leaf = {.field = &text_field, .lane = LANE_BYTES, .physical = PARQUET_BYTE_ARRAY},
                          binary_leaf = {.field = &binary_field, .lane = LANE_BYTES, .physical = PARQUET_BYTE_ARRAY},
                          double_leaf = {.field = &double_field, .lane = LANE_64, .physical = PARQUET_DOUBLE},
                          decimal_leaf = {.field = &decimal_field,
                                          .lane = LANE_128,
                                          .physical = PARQUET_FIXED_LEN_BYTE_ARRAY,
                                          .type_length = 9},
                          cents_leaf = {.field = &cents_field, .lane = LANE_32, .physical = PARQUET_INT32},
                          int_leaf = {.field = &int_field, .lane = LANE_32, .physical = PARQUET_INT32};

static parquet_bound low, high;

static void
bounds_of_doubles(const double *values, size_t count, value_stats *ret_stats)
{
    const value_view view = {.count = count, .fixed = values};
    *ret_stats = (value_stats){0};
    value_stats_add(ret_stats, &double_leaf, &view);
    value_stats_bounds(ret_stats, &double_leaf, &low, &high);
}

static void
bounds_of_text(const parquet_leaf *leaf, const char *text, size_t size)
{
    value_stats stats = {0};
    value_stats_add_bytes(&stats, (const uint8_t *) text, size);
    value_stats_bounds(&stats, leaf, &low, &high);
}

static void
nan_is_counted_and_no_bound(void **state)
{
    (void) state;
    const double nan = __builtin_nan("");
    value_stats  stats;

    bounds_of_doubles((const double[]){nan, 2, -1.5, nan, 1}, 5, &stats);

    assert_int_equal(stats.nan_count, 2);
    assert_true(bits_of_double(-1.5) == load_le64(low.bytes));
    assert_true(bits_of_double(2) == load_le64(high.bytes));

    bounds_of_doubles((const double[]){nan, nan}, 2, &stats);
    assert_int_equal(stats.nan_count, 2);
    assert_false(low.is_present);
    assert_false(high.is_present);
}

static void
zero_bounds_have_signs(void **state)
{
    (void) state;
    value_stats stats;

    bounds_of_doubles((const double[]){0.0}, 1, &stats);
    assert_true(load_le64(low.bytes) == bits_of_double(-0.0));
    assert_true(load_le64(high.bytes) == bits_of_double(0.0));

    bounds_of_doubles((const double[]){-0.0}, 1, &stats);
    assert_true(load_le64(low.bytes) == bits_of_double(-0.0));
    assert_true(load_le64(high.bytes) == bits_of_double(0.0));
}

static void
integers_are_signed(void **state)
{
    (void) state;
    const int32_t    numbers[] = {5, -7, 0, INT32_MAX, 3, INT32_MIN, 1};
    const value_view view = {.count = 7, .fixed = numbers};
    value_stats      stats = {0};

    value_stats_add(&stats, &int_leaf, &view);
    value_stats_bounds(&stats, &int_leaf, &low, &high);

    assert_true((int32_t) load_le32(low.bytes) == INT32_MIN);
    assert_true((int32_t) load_le32(high.bytes) == INT32_MAX);
    assert_int_equal(low.size, 4);
}

static void
wide_decimals_are_big_endian(void **state)
{
    (void) state;
    const int128     numbers[] = {-2, 1};
    const value_view view = {.count = 2, .fixed = numbers};
    const uint8_t    golden[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe};
    value_stats      stats = {0};

    value_stats_add(&stats, &decimal_leaf, &view);
    value_stats_bounds(&stats, &decimal_leaf, &low, &high);

    assert_int_equal(low.size, 9);
    assert_memory_equal(low.bytes, golden, 9);
    assert_int_equal(high.bytes[8], 1);
    assert_true(parquet_bound_compare(&decimal_leaf, &low, &high) < 0);
}

static void
decimals_beyond_their_precision_are_noticed(void **state)
{
    (void) state;
    const int32_t    good[] = {-9999, 9999}, bad[] = {10000};
    const value_view fits = {.count = 2, .fixed = good}, misfits = {.count = 1, .fixed = bad};
    value_stats      stats = {0};

    value_stats_add(&stats, &cents_leaf, &fits);
    assert_true(value_stats_fit(&stats, &cents_leaf));
    value_stats_add(&stats, &cents_leaf, &misfits);
    assert_false(value_stats_fit(&stats, &cents_leaf));
}

#define A63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void
texts_up_to_the_limit_are_whole(void **state)
{
    (void) state;

    bounds_of_text(&text_leaf, A63 "b", 64);

    assert_true(low.is_exact && high.is_exact);
    assert_int_equal(low.size, 64);
    assert_int_equal(high.size, 64);
    assert_memory_equal(high.bytes, A63 "b", 64);
}

static void
longer_texts_are_cut_down_and_up(void **state)
{
    (void) state;

    bounds_of_text(&text_leaf, A63 "bc", 65);

    assert_false(low.is_exact || high.is_exact);
    assert_int_equal(low.size, 64);
    assert_memory_equal(low.bytes, A63 "b", 64);
    assert_int_equal(high.size, 64);
    assert_memory_equal(high.bytes, A63 "c", 64);
}

static void
cut_is_at_a_character(void **state)
{
    (void) state;

    /* é begins at byte 63 and would end at 65 */
    bounds_of_text(&text_leaf, A63 "é", 65);

    assert_int_equal(low.size, 63);
    assert_int_equal(high.size, 63);
    assert_int_equal(high.bytes[62], 'b');
}

static void
last_character_that_cannot_be_raised_is_left_out(void **state)
{
    (void) state;
    char text[80];
    memset(text, 'a', 60);
    memcpy(text + 60,
           "\xf4\x8f\xbf\xbf"
           "tail",
           8);

    bounds_of_text(&text_leaf, text, 68);

    assert_int_equal(low.size, 64);
    assert_int_equal(high.size, 60);
    assert_int_equal(high.bytes[59], 'b');
}

static void
raised_character_skips_the_surrogates(void **state)
{
    (void) state;
    char text[80];
    memset(text, 'a', 61);
    memcpy(text + 61,
           "\xed\x9f\xbf"
           "tail",
           7);

    bounds_of_text(&text_leaf, text, 68);

    assert_int_equal(high.size, 64);
    assert_memory_equal(high.bytes + 61, "\xee\x80\x80", 3);
}

static void
raised_character_may_grow_only_within_the_limit(void **state)
{
    (void) state;

    /* U+007F + 1 has two bytes: there is no room for it at byte 63 */
    bounds_of_text(&text_leaf,
                   A63 "\x7f"
                       "b",
                   65);

    assert_int_equal(high.size, 63);
    assert_int_equal(high.bytes[62], 'b');
}

static void
text_of_highest_characters_has_no_upper_bound(void **state)
{
    (void) state;
    char text[80];
    for (size_t i = 0; i < sizeof text; i += 4)
        memcpy(text + i, "\xf4\x8f\xbf\xbf", 4);

    bounds_of_text(&text_leaf, text, sizeof text);

    assert_true(low.is_present);
    assert_false(high.is_present);
}

static void
broken_text_has_no_upper_bound(void **state)
{
    (void) state;
    char text[80];
    memset(text, 0x80, sizeof text);

    bounds_of_text(&text_leaf, text, sizeof text);

    assert_false(high.is_present);
}

static void
binaries_are_raised_by_bytes(void **state)
{
    (void) state;
    char bytes[80];
    memset(bytes, 0xff, sizeof bytes);
    bytes[10] = 3;

    bounds_of_text(&binary_leaf, bytes, sizeof bytes);
    assert_int_equal(low.size, 64);
    assert_int_equal(high.size, 11);
    assert_int_equal(high.bytes[10], 4);

    bytes[10] = (char) 0xff;
    bounds_of_text(&binary_leaf, bytes, sizeof bytes);
    assert_false(high.is_present);
}

/* Values that begin alike, are empty, or lie at the end of their memory. */
static void
bounds_of_many_texts_are_their_ends(void **state)
{
    (void) state;
    static const char *const texts[] = {"commonprefix-2", "commonprefix-1", "commonprefix", "commonprefix-3",
                                        "commonpre"};
    char                     bytes[200];
    int32_t                  offsets[6] = {0};
    value_stats              stats = {0};
    for (size_t i = 0; i < 5; i++) {
        memcpy(bytes + offsets[i], texts[i], strlen(texts[i]));
        offsets[i + 1] = offsets[i] + (int32_t) strlen(texts[i]);
    }
    const value_view view = {.count = 5, .bytes = (const uint8_t *) bytes, .starts = offsets, .ends = offsets + 1};

    value_stats_add(&stats, &text_leaf, &view);
    value_stats_bounds(&stats, &text_leaf, &low, &high);

    assert_int_equal(low.size, 9);
    assert_memory_equal(low.bytes, "commonpre", 9);
    assert_int_equal(high.size, 14);
    assert_memory_equal(high.bytes, "commonprefix-3", 14);
}

static void
empty_text_is_a_bound(void **state)
{
    (void) state;

    bounds_of_text(&text_leaf, NULL, 0);

    assert_true(low.is_present && high.is_present);
    assert_int_equal(low.size, 0);
    assert_int_equal(high.size, 0);
}

/* Iceberg's Java readers order them otherwise. */
static void
uuids_have_no_bounds(void **state)
{
    (void) state;
    const parquet_leaf leaf = {
        .field = &uuid_field, .lane = LANE_BYTES, .physical = PARQUET_FIXED_LEN_BYTE_ARRAY, .type_length = 16};

    bounds_of_text(&leaf, "0123456789abcdef", 16);

    assert_false(low.is_present);
    assert_false(high.is_present);
}

static void
merged_statistics_span_both(void **state)
{
    (void) state;
    value_stats a = {.null_count = 1}, b = {.null_count = 2};
    value_stats_add_bytes(&a, (const uint8_t *) "m", 1);
    value_stats_add_bytes(&b, (const uint8_t *) "a", 1);
    value_stats_add_bytes(&b, (const uint8_t *) "x", 1);

    value_stats_merge(&a, &text_leaf, &b);
    value_stats_merge(&a, &text_leaf, &(value_stats){.null_count = 4});
    value_stats_bounds(&a, &text_leaf, &low, &high);

    assert_int_equal(a.null_count, 7);
    assert_int_equal(low.bytes[0], 'a');
    assert_int_equal(high.bytes[0], 'x');
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nan_is_counted_and_no_bound),
        cmocka_unit_test(zero_bounds_have_signs),
        cmocka_unit_test(integers_are_signed),
        cmocka_unit_test(wide_decimals_are_big_endian),
        cmocka_unit_test(decimals_beyond_their_precision_are_noticed),
        cmocka_unit_test(texts_up_to_the_limit_are_whole),
        cmocka_unit_test(longer_texts_are_cut_down_and_up),
        cmocka_unit_test(cut_is_at_a_character),
        cmocka_unit_test(last_character_that_cannot_be_raised_is_left_out),
        cmocka_unit_test(raised_character_skips_the_surrogates),
        cmocka_unit_test(raised_character_may_grow_only_within_the_limit),
        cmocka_unit_test(text_of_highest_characters_has_no_upper_bound),
        cmocka_unit_test(broken_text_has_no_upper_bound),
        cmocka_unit_test(binaries_are_raised_by_bytes),
        cmocka_unit_test(bounds_of_many_texts_are_their_ends),
        cmocka_unit_test(empty_text_is_a_bound),
        cmocka_unit_test(uuids_have_no_bounds),
        cmocka_unit_test(merged_statistics_span_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
