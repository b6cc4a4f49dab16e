#include "iceberg/metrics.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/decimal.h"
#include "parquet/file_writer.h"

static firn_error err;

static const data_type int_type = {.kind = TYPE_INT}, string = {.kind = TYPE_STRING}, binary = {.kind = TYPE_BINARY},
                       double_type = {.kind = TYPE_DOUBLE}, float_type = {.kind = TYPE_FLOAT},
                       short_decimal = {.kind = TYPE_DECIMAL, .precision = 9, .scale = 2},
                       middle_decimal = {.kind = TYPE_DECIMAL, .precision = 18, .scale = 2},
                       long_decimal = {.kind = TYPE_DECIMAL, .precision = 38, .scale = 2};
static const schema_field element[] = {{.id = 21, .name = "element", .type = &int_type}};
static const data_type    list = {.kind = TYPE_LIST, .field_count = 1, .fields = element};
static const schema_field parts[] = {{.id = 22, .name = "a", .type = &int_type}, {.id = 23, .name = "b", .type = &list}};
static const data_type    struct_type = {.kind = TYPE_STRUCT, .field_count = 2, .fields = parts};

/* One column of one type, with bounds; its facts after the translation. */
static data_file_column
bounds_of(const data_type *type, const void *min, size_t min_size, const void *max, size_t max_size, firn_arena *arena)
{
    schema_field        field = {.id = 5, .name = "c", .type = type};
    table_schema       *schema = NULL;
    parquet_column_info column = {.field_id = 5, .compressed_bytes = 77, .value_count = 10, .null_count = 2, .nan_count = 1,
                                  .has_bounds_min = min != NULL, .has_bounds_max = max != NULL,
                                  .min_size = (uint8_t) min_size, .max_size = (uint8_t) max_size};
    parquet_file_info   info = {.size_bytes = 500, .row_count = 10, .column_count = 1, .columns = &column};
    data_file           file;

    if (min) memcpy(column.min, min, min_size);
    if (max) memcpy(column.max, max, max_size);
    assert_int_equal(schema_new(0, &field, 1, NULL, 0, false, &schema, &err), FIRN_OK);
    assert_int_equal(metrics_of_parquet(&info, schema, "file:///x", arena, &file, &err), FIRN_OK);
    schema_unref(schema);
    assert_int_equal(file.column_count, 1);
    return file.columns[0];
}

static void
expect(const data_type *type, const void *min, size_t min_size, const void *max, size_t max_size, const void *lower,
       size_t lower_size, const void *upper, size_t upper_size)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    data_file_column c = bounds_of(type, min, min_size, max, max_size, &arena);

    assert_int_equal(c.lower.data != NULL, lower != NULL);
    assert_int_equal(c.upper.data != NULL, upper != NULL);
    if (lower && !firn_slice_equal(c.lower, firn_slice_of(lower, lower_size))) fail_msg("lower of %zu bytes", c.lower.size);
    if (upper && !firn_slice_equal(c.upper, firn_slice_of(upper, upper_size))) fail_msg("upper of %zu bytes", c.upper.size);
}

#define EXPECT(type, min, max, lower, upper) \
    expect(type, min, sizeof(min) - 1, max, sizeof(max) - 1, lower, sizeof(lower) - 1, upper, sizeof(upper) - 1)

static void
texts_are_cut_at_sixteen_characters(void **state)
{
    (void) state;
    EXPECT(&string, "a", "b", "a", "b");
    EXPECT(&string, "", "0123456789abcdef", "", "0123456789abcdef");
    EXPECT(&string, "0123456789abcdefg", "0123456789abcdefg", "0123456789abcdef", "0123456789abcdeg");
    // four bytes each: 16 of them are the 64 bytes that Parquet's writer keeps
    EXPECT(&string, "\xf0\x9f\x92\xa7", "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc!",
           "\xf0\x9f\x92\xa7", "\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbc\xc3\xbd");
    // the last character has no next one in its length, or none at all
    EXPECT(&string, "a", "012345678901234\x7f!", "a", "012345678901234\xc2\x80");
    EXPECT(&string, "a", "012345678901234\xed\x9f\xbf!", "a", "012345678901234\xee\x80\x80");
    EXPECT(&string, "a", "01234567890123z\xf4\x8f\xbf\xbf!", "a", "01234567890123{");
}

#define TOP "\xf4\x8f\xbf\xbf"
#define TOP15 TOP TOP TOP TOP TOP TOP TOP TOP TOP TOP TOP TOP TOP TOP TOP

static void
upper_bound_that_cannot_rise_is_left_out(void **state)
{
    (void) state;
    expect(&string, "a", 1, TOP15 "\xf4\x8f\xbf\xbf", 64, "a", 1, TOP15 TOP, 64);
    expect(&string, "a", 1, TOP TOP TOP TOP "zzzzzzzzzzzzz", 29, "a", 1, TOP TOP TOP TOP "zzzzzzzzzzz{", 28);
    expect(&binary, "\x00", 1, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00", 17, "\x00", 1, NULL, 0);
    EXPECT(&binary, "0123456789abcdefgh", "0123456789abcd\xff\xff\xff", "0123456789abcdef", "0123456789abce");
    expect(&string, "\xff", 1, "\xc3", 1, NULL, 0, NULL, 0); // no text: no bound
}

static void
numbers_become_single_values(void **state)
{
    uint8_t wide[16];

    (void) state;
    EXPECT(&int_type, "\xfe\xff\xff\xff", "\x07\x00\x00\x00", "\xfe\xff\xff\xff", "\x07\x00\x00\x00");
    EXPECT(&short_decimal, "\x7f\xff\xff\xff", "\x80\x00\x00\x00", "\xff\x7f", "\x00\x80");
    EXPECT(&middle_decimal, "\x7f\xff\xff\xff\xff\xff\xff\xff", "\x00\x00\x00\x00\x01\x00\x00\x00", "\xff\x7f", "\x01\x00\x00\x00\x00");
    decimal_store_be(-1, wide, 16);
    expect(&long_decimal, wide, 16, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x00", 16, "\xff", 1, "\x01\x00", 2);
    expect(&int_type, "\x01", 1, NULL, 0, NULL, 0, NULL, 0); // not an int's bytes
}

static void
zeros_and_nan_of_floats_are_safe(void **state)
{
    uint8_t zero[8], negative[8], nan_bytes[8];

    (void) state;
    store_le64(zero, bits_of_double(0.0));
    store_le64(negative, bits_of_double(-0.0));
    store_le64(nan_bytes, bits_of_double((double) NAN));
    expect(&double_type, zero, 8, negative, 8, negative, 8, zero, 8);
    expect(&double_type, nan_bytes, 8, nan_bytes, 8, NULL, 0, NULL, 0);
    EXPECT(&float_type, "\x00\x00\x00\x00", "\x00\x00\x00\x80", "\x00\x00\x00\x80", "\x00\x00\x00\x00");
}

static void
nan_counts_belong_to_floats_only(void **state)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    data_file_column c = bounds_of(&int_type, NULL, 0, NULL, 0, &arena);

    (void) state;
    assert_int_equal(c.field_id, 5);
    assert_int_equal(c.size_bytes, 77);
    assert_int_equal(c.value_count, 10);
    assert_int_equal(c.null_count, 2);
    assert_int_equal(c.nan_count, -1);
    c = bounds_of(&double_type, NULL, 0, NULL, 0, &arena);
    assert_int_equal(c.nan_count, 1);
}

static void
below_a_list_only_the_size_counts(void **state)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    schema_field        fields[] = {{.id = 1, .name = "s", .type = &struct_type}, {.id = 2, .name = "i", .type = &int_type}};
    parquet_column_info columns[] = {{.field_id = 22, .compressed_bytes = 1, .value_count = 3},
                                     {.field_id = 21, .compressed_bytes = 2, .value_count = 9, .has_bounds_min = true, .min_size = 4},
                                     {.field_id = 2, .compressed_bytes = 3, .value_count = 3}};
    int64_t             offsets[] = {4, 1000};
    parquet_file_info   info = {.size_bytes = 5000, .row_count = 3, .row_group_count = 2, .row_group_offset = offsets,
                                .column_count = 3, .columns = columns};
    table_schema       *schema = NULL;
    data_file           file;

    (void) state;
    assert_int_equal(schema_new(0, fields, 2, NULL, 0, false, &schema, &err), FIRN_OK);
    assert_int_equal(metrics_of_parquet(&info, schema, "file:///x", &arena, &file, &err), FIRN_OK);
    schema_unref(schema);

    assert_string_equal(file.path, "file:///x");
    assert_string_equal(file.format, "PARQUET");
    assert_int_equal(file.record_count, 3);
    assert_int_equal(file.size_bytes, 5000);
    assert_int_equal(file.split_offset_count, 2);
    assert_int_equal(file.split_offsets[1], 1000);
    assert_int_equal(file.column_count, 3);
    assert_int_equal(file.columns[0].value_count, 3);
    assert_int_equal(file.columns[1].field_id, 21);
    assert_int_equal(file.columns[1].size_bytes, 2);
    assert_int_equal(file.columns[1].value_count, -1);
    assert_null(file.columns[1].lower.data);
    assert_int_equal(file.columns[2].size_bytes, 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_cut_at_sixteen_characters), cmocka_unit_test(upper_bound_that_cannot_rise_is_left_out),
        cmocka_unit_test(numbers_become_single_values),        cmocka_unit_test(zeros_and_nan_of_floats_are_safe),
        cmocka_unit_test(nan_counts_belong_to_floats_only),    cmocka_unit_test(below_a_list_only_the_size_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
