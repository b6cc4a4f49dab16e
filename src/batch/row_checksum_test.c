#include "batch/row_checksum.h"

#include "base/alloc.h"
#include "base/bitmap.h"
#include "base/hash.h"
#include "batch/batch_take.h"
#include "batch/column_builder.h"

#include "../../tests/support/sample_rows.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OK(call) assert_int_equal((call), FIRN_OK)

static const data_type int_type = {.kind = TYPE_INT}, long_type = {.kind = TYPE_LONG}, float_type = {.kind = TYPE_FLOAT},
                       double_type = {.kind = TYPE_DOUBLE}, string_type = {.kind = TYPE_STRING},
                       boolean_type = {.kind = TYPE_BOOLEAN},
                       decimal_9 = {.kind = TYPE_DECIMAL, .precision = 9, .scale = 2},
                       decimal_18 = {.kind = TYPE_DECIMAL, .precision = 18, .scale = 2},
                       decimal_38 = {.kind = TYPE_DECIMAL, .precision = 38, .scale = 2};

static uint64_t
sum_of(const table_schema *schema, const struct ArrowArray *rows)
{
    row_checksum sum = {0};

    row_checksum_add(&sum, schema, rows);
    assert_int_equal(sum.row_count, rows->length);
    return sum.sum;
}

/* The checksum of one column of that type. */
static uint64_t
sum_of_column(const data_type *type, void (*fill)(column_builder *b, firn_error *err))
{
    schema_field    field = {.name = "c", .type = type};
    column_builder *builder = NULL;
    table_schema   *schema = NULL;
    batch           rows = {0};
    firn_error      err = {0};
    uint64_t        sum;

    OK(schema_new(0, &field, 1, NULL, 0, true, &schema, &err));
    OK(column_builder_new(type, 1 << 20, &builder, &err));
    fill(builder, &err);
    OK(batch_from_builders(schema, &builder, &rows, &err));
    sum = sum_of(schema, &rows.array);
    batch_done(&rows);
    column_builder_free(builder);
    schema_unref(schema);
    return sum;
}

/* ---- golden values: made by a program of its own from the definition; they must never change ---- */

static void
hashes_are_what_they_have_always_been(void **state)
{
    static const struct {
        size_t   size;
        uint64_t hash;
    } golden[] = {
        {0, UINT64_C(0x4cf24c5f750e3f81)},  {1, UINT64_C(0x878256fe28daab25)},  {3, UINT64_C(0xa431ee106978c151)},
        {4, UINT64_C(0x716e9ad669c7f739)},  {7, UINT64_C(0x7ff048d62676b7a5)},  {8, UINT64_C(0x18ad09ccdbb0685b)},
        {16, UINT64_C(0x9481d83a18ee4e4a)}, {17, UINT64_C(0xb3a07d526ef239d7)}, {31, UINT64_C(0x52f02e00f65cc858)},
        {32, UINT64_C(0x770663de6f2c1ed7)}, {33, UINT64_C(0xaff0b6a143d41e0d)}, {64, UINT64_C(0xd48f343961afb932)},
        {65, UINT64_C(0x13fdb69013382ca6)}, {100, UINT64_C(0xb44894f136cbe80c)},
    };
    uint8_t bytes[100];
    (void) state;

    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t) i;
    for (size_t i = 0; i < FIRN_COUNT(golden); i++)
        assert_true(firn_hash_bytes(bytes, golden[i].size) == golden[i].hash);
    assert_true(firn_hash_u64(0) == 0);
    assert_true(firn_hash_u64(1) == UINT64_C(0x4179b061e0c0e0d0));
    assert_true(firn_hash_u64(UINT64_MAX) == UINT64_C(0x448e29ced4103459));
}

static void
add_golden_flat(column_builder *const b[5], firn_error *err)
{
    char    longest[100];
    int128  ten_to_15 = INT64_C(1000000000000000);
    memset(longest, 'x', sizeof longest);

    OK(column_add_i64(b[0], 1, err));
    OK(column_add_i64(b[0], -1, err));
    OK(column_add_null(b[0], err));
    OK(column_add_i64(b[0], INT64_MAX, err));
    OK(column_add_text(b[1], "", err));
    OK(column_add_text(b[1], "firn", err));
    OK(column_add_text(b[1], "0123456789abcdef!", err));
    OK(column_add_bytes(b[1], firn_slice_of(longest, sizeof longest), err));
    OK(column_add_decimal(b[2], 0, err));
    OK(column_add_decimal(b[2], ten_to_15 * ten_to_15, err));
    OK(column_add_null(b[2], err));
    OK(column_add_decimal(b[2], -5, err));
    OK(column_add_double(b[3], 0.0, err));
    OK(column_add_double(b[3], (double) NAN, err));
    OK(column_add_double(b[3], -0.0, err));
    OK(column_add_double(b[3], 1.5, err));
    OK(column_add_bool(b[4], true, err));
    OK(column_add_bool(b[4], false, err));
    OK(column_add_null(b[4], err));
    OK(column_add_null(b[4], err));
}

static void
assert_checksum(const schema_field fields[], unsigned count, void (*fill)(column_builder *const b[], firn_error *err),
                const char *wanted)
{
    column_builder *builders[8];
    table_schema   *schema = NULL;
    row_checksum    sum = {0};
    batch           rows = {0};
    char            text[ROW_CHECKSUM_TEXT_MAX];
    firn_error      err = {0};

    OK(schema_new(0, fields, count, NULL, 0, true, &schema, &err));
    for (unsigned i = 0; i < count; i++) OK(column_builder_new(schema->fields[i].type, 1 << 20, &builders[i], &err));
    fill(builders, &err);
    OK(batch_from_builders(schema, builders, &rows, &err));
    row_checksum_add(&sum, schema, &rows.array);
    row_checksum_format(&sum, text);
    assert_string_equal(text, wanted);
    batch_done(&rows);
    for (unsigned i = 0; i < count; i++) column_builder_free(builders[i]);
    schema_unref(schema);
}

static void
flat_rows_have_the_golden_sum(void **state)
{
    const schema_field fields[] = {{.name = "a", .type = &long_type},
                                   {.name = "b", .type = &string_type},
                                   {.name = "c", .type = &decimal_38},
                                   {.name = "d", .type = &double_type},
                                   {.name = "e", .type = &boolean_type}};
    (void) state;

    assert_checksum(fields, 5, add_golden_flat, "1:4:904b7b3bda8eb3f4");
}

static const schema_field list_fields[] = {{.name = "element", .type = &string_type}};
static const schema_field map_fields[] = {{.name = "key", .required = true, .type = &string_type},
                                          {.name = "value", .type = &long_type}};
static const schema_field struct_fields[] = {{.name = "x", .type = &long_type}, {.name = "y", .type = &string_type}};
static const data_type    list_type = {.kind = TYPE_LIST, .field_count = 1, .fields = list_fields},
                       map_type = {.kind = TYPE_MAP, .field_count = 2, .fields = map_fields},
                       struct_type = {.kind = TYPE_STRUCT, .field_count = 2, .fields = struct_fields};

static void
add_golden_nested(column_builder *const b[3], firn_error *err)
{
    OK(column_add_text(column_child(b[0], 0), "a", err));
    OK(column_add_null(column_child(b[0], 0), err));
    OK(column_add_text(column_child(b[0], 0), "", err));
    OK(column_end(b[0], err));
    OK(column_end(b[0], err));
    OK(column_add_null(b[0], err));

    OK(column_add_text(column_child(b[1], 0), "k", err));
    OK(column_add_i64(column_child(b[1], 1), 1, err));
    OK(column_add_text(column_child(b[1], 0), "j", err));
    OK(column_add_null(column_child(b[1], 1), err));
    OK(column_end(b[1], err));
    OK(column_end(b[1], err));
    OK(column_add_null(b[1], err));

    OK(column_add_i64(column_child(b[2], 0), 7, err));
    OK(column_add_text(column_child(b[2], 1), "seven", err));
    OK(column_end(b[2], err));
    OK(column_add_null(column_child(b[2], 0), err));
    OK(column_add_null(column_child(b[2], 1), err));
    OK(column_end(b[2], err));
    OK(column_add_null(b[2], err));
}

static void
nested_rows_have_the_golden_sum(void **state)
{
    const schema_field fields[] = {
        {.name = "list", .type = &list_type}, {.name = "map", .type = &map_type}, {.name = "struct", .type = &struct_type}};
    (void) state;

    assert_checksum(fields, 3, add_golden_nested, "1:3:848d5a547e553337");
}

static void
fill_nothing(column_builder *const b[], firn_error *err)
{
    (void) b;
    (void) err;
}

static void
no_rows_sum_to_nothing(void **state)
{
    const schema_field field = {.name = "a", .type = &long_type};
    (void) state;

    assert_checksum(&field, 1, fill_nothing, "1:0:0000000000000000");
}

/* ---- what must agree, and what must not ---- */

static void
fill_integers(column_builder *b, firn_error *err)
{
    for (int64_t i = 0; i < 1000; i++) OK(i % 7 ? column_add_i64(b, i * 12345 - 6000000, err) : column_add_null(b, err));
}

static void
fill_reals(column_builder *b, firn_error *err)
{
    for (int i = 0; i < 1000; i++) OK(i % 9 ? column_add_double(b, (double) i / 4 - 100, err) : column_add_null(b, err));
    OK(column_add_double(b, (double) NAN, err));
    OK(column_add_double(b, (double) INFINITY, err));
    OK(column_add_double(b, -0.0, err));
}

static void
fill_decimals(column_builder *b, firn_error *err)
{
    for (int i = 0; i < 1000; i++) OK(i % 9 ? column_add_decimal(b, i * 999983 - 500000000, err) : column_add_null(b, err));
}

static void
widths_do_not_matter(void **state)
{
    (void) state;

    assert_true(sum_of_column(&int_type, fill_integers) == sum_of_column(&long_type, fill_integers));
    assert_true(sum_of_column(&float_type, fill_reals) == sum_of_column(&double_type, fill_reals));
    assert_true(sum_of_column(&decimal_9, fill_decimals) == sum_of_column(&decimal_18, fill_decimals));
    assert_true(sum_of_column(&decimal_9, fill_decimals) == sum_of_column(&decimal_38, fill_decimals));
}

static void
fill_negative_nan(column_builder *b, firn_error *err)
{
    OK(column_add_double(b, -(double) NAN, err));
}

static void
fill_nan(column_builder *b, firn_error *err)
{
    OK(column_add_double(b, (double) NAN, err));
}

static void
fill_zero(column_builder *b, firn_error *err)
{
    OK(column_add_double(b, 0.0, err));
}

static void
fill_negative_zero(column_builder *b, firn_error *err)
{
    OK(column_add_double(b, -0.0, err));
}

static void
all_nan_are_one_and_zeros_have_a_sign(void **state)
{
    (void) state;

    assert_true(sum_of_column(&double_type, fill_nan) == sum_of_column(&double_type, fill_negative_nan));
    assert_true(sum_of_column(&double_type, fill_nan) == sum_of_column(&float_type, fill_negative_nan));
    assert_true(sum_of_column(&double_type, fill_zero) != sum_of_column(&double_type, fill_negative_zero));
}

static void
fill_entries(column_builder *b, int64_t first, int64_t second, firn_error *err)
{
    char key[8];

    for (int i = 0; i < 2; i++) {
        int64_t entry = i ? second : first;
        (void) snprintf(key, sizeof key, "k%d", (int) entry);
        OK(column_add_text(column_child(b, 0), key, err));
        OK(column_add_i64(column_child(b, 1), entry, err));
    }
    OK(column_end(b, err));
}

static void
fill_map(column_builder *b, firn_error *err)
{
    fill_entries(b, 1, 2, err);
}

static void
fill_turned_map(column_builder *b, firn_error *err)
{
    fill_entries(b, 2, 1, err);
}

static void
fill_list(column_builder *b, firn_error *err)
{
    OK(column_add_text(column_child(b, 0), "a", err));
    OK(column_add_text(column_child(b, 0), "b", err));
    OK(column_end(b, err));
}

static void
fill_turned_list(column_builder *b, firn_error *err)
{
    OK(column_add_text(column_child(b, 0), "b", err));
    OK(column_add_text(column_child(b, 0), "a", err));
    OK(column_end(b, err));
}

static void
entries_of_maps_have_no_order_and_elements_of_lists_have(void **state)
{
    (void) state;

    assert_true(sum_of_column(&map_type, fill_map) == sum_of_column(&map_type, fill_turned_map));
    assert_true(sum_of_column(&list_type, fill_list) != sum_of_column(&list_type, fill_turned_list));
}

static void
order_and_cuts_do_not_matter(void **state)
{
    table_schema     *schema = sample_schema();
    batch             all = {0};
    struct ArrowArray turned = {0};
    uint32_t          indexes[1500];
    firn_error        err = {0};
    uint64_t          whole;
    (void) state;

    sample_rows(schema, 1500, 7, &all);
    whole = sum_of(schema, &all.array);
    for (uint32_t i = 0; i < 1500; i++) indexes[i] = (i * 1009u + 5) % 1500;
    OK(batch_take(schema, &all.array, indexes, 1500, &turned, &err));
    assert_true(sum_of(schema, &turned) == whole);

    for (int64_t size = 1; size <= 1501; size += 125) {
        row_checksum total = {0};
        for (int64_t from = 0; from < 1500; from += size) {
            struct ArrowArray part = all.array;
            row_checksum      piece = {0};
            part.offset = from;
            part.length = from + size > 1500 ? 1500 - from : size;
            row_checksum_add(&piece, schema, &part);
            row_checksum_merge(&total, &piece);
        }
        assert_int_equal(total.row_count, 1500);
        assert_true(total.sum == whole);
    }
    turned.release(&turned);
    batch_done(&all);
    schema_unref(schema);
}

/* Each value alone, made null or changed in one bit, changes the sum. */
static void
one_changed_value_changes_the_sum(void **state)
{
    table_schema *schema = sample_schema();
    batch         rows = {0};
    uint64_t      whole;
    (void) state;

    sample_rows(schema, 600, 3, &rows);
    whole = sum_of(schema, &rows.array);
    for (unsigned c = 0; c < schema->field_count; c++) {
        struct ArrowArray *column = rows.array.children[c];
        union {
            const void *read;
            uint8_t    *write;
        } valid = {.read = column->buffers[0]};

        assert_non_null(valid.read);
        for (size_t row = 0; row < 600; row += 13) {
            if (!bitmap_get(valid.write, row)) continue;
            bitmap_clear(valid.write, row);
            assert_true(sum_of(schema, &rows.array) != whole);
            bitmap_set(valid.write, row);
        }
        unsigned size = data_type_value_size(schema->fields[c].type);
        union {
            const void *read;
            uint8_t    *write;
        } values = {.read = size ? column->buffers[1] : NULL};
        for (size_t row = 0; values.read && row < 600; row += 11) {
            if (!bitmap_get(valid.write, row)) continue;
            values.write[row * size] ^= 1;
            assert_true(sum_of(schema, &rows.array) != whole);
            values.write[row * size] ^= 1;
        }
    }
    assert_true(sum_of(schema, &rows.array) == whole);
    batch_done(&rows);
    schema_unref(schema);
}

/* Values that change places within their row or between rows are other rows. */
static void
swapped_values_change_the_sum(void **state)
{
    const schema_field fields[] = {{.name = "a", .type = &long_type}, {.name = "b", .type = &long_type}};
    int64_t            a[] = {1, 2, 3}, b[] = {10, 20, 30};
    const void        *buffers_a[] = {NULL, a}, *buffers_b[] = {NULL, b}, *no_buffers[] = {NULL};
    struct ArrowArray  column_a = {.length = 3, .n_buffers = 2, .buffers = buffers_a};
    struct ArrowArray  column_b = {.length = 3, .n_buffers = 2, .buffers = buffers_b};
    struct ArrowArray *columns[] = {&column_a, &column_b};
    struct ArrowArray  rows = {.length = 3, .n_buffers = 1, .buffers = no_buffers, .n_children = 2, .children = columns};
    table_schema      *schema = NULL;
    firn_error         err = {0};
    uint64_t           whole;
    (void) state;

    OK(schema_new(0, fields, 2, NULL, 0, true, &schema, &err));
    whole = sum_of(schema, &rows);
    columns[0] = &column_b;
    columns[1] = &column_a;
    assert_true(sum_of(schema, &rows) != whole);
    columns[0] = &column_a;
    columns[1] = &column_b;
    b[0] = 20;
    b[1] = 10;
    assert_true(sum_of(schema, &rows) != whole);
    schema_unref(schema);
}

/* Small numbers side by side, where a weak mixing would let differences cancel. */
static int
by_value(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *) a, right = *(const uint64_t *) b;

    return left < right ? -1 : left > right;
}

static void
rows_that_differ_a_little_have_different_sums(void **state)
{
    enum { SIDE = 300 };
    const schema_field fields[] = {{.name = "a", .type = &long_type}, {.name = "b", .type = &int_type}};
    int64_t            a = 0;
    int32_t            b = 0;
    const void        *buffers_a[] = {NULL, &a}, *buffers_b[] = {NULL, &b}, *no_buffers[] = {NULL};
    struct ArrowArray  column_a = {.length = 1, .n_buffers = 2, .buffers = buffers_a};
    struct ArrowArray  column_b = {.length = 1, .n_buffers = 2, .buffers = buffers_b};
    struct ArrowArray *columns[] = {&column_a, &column_b};
    struct ArrowArray  rows = {.length = 1, .n_buffers = 1, .buffers = no_buffers, .n_children = 2, .children = columns};
    table_schema      *schema = NULL;
    firn_error         err = {0};
    uint64_t          *sums = calloc(SIDE * SIDE, sizeof *sums);
    (void) state;

    OK(schema_new(0, fields, 2, NULL, 0, true, &schema, &err));
    for (size_t i = 0; i < SIDE * SIDE; i++) {
        a = (int64_t) (i / SIDE) - SIDE / 2;
        b = (int32_t) (i % SIDE) - SIDE / 2;
        sums[i] = sum_of(schema, &rows);
    }
    qsort(sums, SIDE * SIDE, sizeof *sums, by_value);
    for (size_t i = 1; i < SIDE * SIDE; i++) assert_true(sums[i - 1] != sums[i]);
    free(sums);
    schema_unref(schema);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_what_they_have_always_been),
        cmocka_unit_test(flat_rows_have_the_golden_sum),
        cmocka_unit_test(nested_rows_have_the_golden_sum),
        cmocka_unit_test(no_rows_sum_to_nothing),
        cmocka_unit_test(widths_do_not_matter),
        cmocka_unit_test(all_nan_are_one_and_zeros_have_a_sign),
        cmocka_unit_test(entries_of_maps_have_no_order_and_elements_of_lists_have),
        cmocka_unit_test(order_and_cuts_do_not_matter),
        cmocka_unit_test(one_changed_value_changes_the_sum),
        cmocka_unit_test(swapped_values_change_the_sum),
        cmocka_unit_test(rows_that_differ_a_little_have_different_sums),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
