#include "batch/column_builder.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "batch/array.h"

#define OK(call) assert_int_equal((call), FIRN_OK)

static const data_type int_type = {.kind = TYPE_INT}, long_type = {.kind = TYPE_LONG},
                       string_type = {.kind = TYPE_STRING}, boolean_type = {.kind = TYPE_BOOLEAN};

static column_builder *
new_builder(const data_type *type)
{
    column_builder *b = NULL;
    firn_error      err = {0};

    OK(column_builder_new(type, 1 << 20, &b, &err));
    return b;
}

static void
columns_without_nulls_have_no_bitmap(void **state)
{
    FIRN_AUTO(column_builder_freep) column_builder *b = new_builder(&int_type);
    FIRN_AUTO(array_done) struct ArrowArray         array = {0};
    firn_error                                      err = {0};
    (void) state;

    for (int i = 0; i < 1000; i++) {
        OK(column_add_i64(b, i - 500, &err));
    }
    assert_int_equal(column_builder_count(b), 1000);
    OK(column_builder_finish(b, &array, &err));

    assert_int_equal(array.length, 1000);
    assert_int_equal(array.null_count, 0);
    assert_int_equal(array.n_buffers, 2);
    assert_null(array.buffers[0]);
    assert_int_equal((uintptr_t) array.buffers[1] % FIRN_CACHE_LINE, 0);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(((const int32_t *) array.buffers[1])[i], i - 500);
    }
    assert_int_equal(array_size_bytes(&array, &int_type), 4000);
    assert_int_equal(column_builder_count(b), 0);
}

/* The first null comes at each place once, so that the bitmap begins at each bit. */
static void
bitmap_begins_with_the_first_null(void **state)
{
    FIRN_AUTO(column_builder_freep) column_builder *b = new_builder(&long_type);
    firn_error                                      err = {0};
    (void) state;

    for (int first = 0; first < 40; first++) {
        FIRN_AUTO(array_done) struct ArrowArray array = {0};
        for (int i = 0; i < 45; i++) {
            if (i >= first && (i - first) % 3 == 0) {
                OK(column_add_null(b, &err));
            } else {
                OK(column_add_i64(b, i, &err));
            }
        }
        OK(column_builder_finish(b, &array, &err));
        assert_int_equal(array.null_count, (45 - first + 2) / 3);
        assert_int_equal(bitmap_count(array.buffers[0], 0, 45), 45 - array.null_count);
        for (int i = 0; i < 45; i++) {
            bool valid = !(i >= first && (i - first) % 3 == 0);
            assert_int_equal(bitmap_get(array.buffers[0], (size_t) i), valid);
            assert_int_equal(((const int64_t *) array.buffers[1])[i], valid ? i : 0);
        }
    }
}

static void
every_flat_type_has_its_layout(void **state)
{
    static const struct {
        data_type type;
        int64_t   value;
        unsigned  size;
    } integers[] = {
        {{.kind = TYPE_INT}, INT32_MIN, 4},
        {{.kind = TYPE_DATE}, INT32_MAX, 4},
        {{.kind = TYPE_LONG}, INT64_MIN, 8},
        {{.kind = TYPE_TIME}, 86399999999, 8},
        {{.kind = TYPE_TIMESTAMP}, INT64_MIN, 8},
        {{.kind = TYPE_TIMESTAMPTZ}, INT64_MAX, 8},
        {{.kind = TYPE_DECIMAL, .precision = 9, .scale = 2}, -999999999, 4},
        {{.kind = TYPE_DECIMAL, .precision = 10, .scale = 2}, -9999999999, 8},
        {{.kind = TYPE_DECIMAL, .precision = 19, .scale = 2}, -INT64_C(9223372036854775807), 16},
    };
    firn_error err = {0};
    (void) state;

    for (size_t i = 0; i < FIRN_COUNT(integers); i++) {
        FIRN_AUTO(column_builder_freep) column_builder *b = new_builder(&integers[i].type);
        FIRN_AUTO(array_done) struct ArrowArray         array = {0};
        int128                                          wide = integers[i].value;
        OK(column_add_null(b, &err));
        OK(column_add_i64(b, integers[i].value, &err));
        OK(column_builder_finish(b, &array, &err));
        assert_int_equal(array.length, 2);
        assert_int_equal(array.null_count, 1);
        assert_memory_equal((const uint8_t *) array.buffers[1] + integers[i].size, &wide, integers[i].size);
        assert_int_equal(array_size_bytes(&array, &integers[i].type), 1 + 2 * integers[i].size);
    }
}

static void
floats_keep_their_bits(void **state)
{
    static const data_type float_type = {.kind = TYPE_FLOAT}, double_type = {.kind = TYPE_DOUBLE};
    FIRN_AUTO(column_builder_freep) column_builder *f = new_builder(&float_type), *d = new_builder(&double_type);
    FIRN_AUTO(array_done) struct ArrowArray         fa = {0}, da = {0};
    const double                                    values[] = {0.0, -0.0, 1.5, (double) INFINITY, (double) NAN};
    firn_error                                      err = {0};
    (void) state;

    for (size_t i = 0; i < FIRN_COUNT(values); i++) {
        OK(column_add_double(f, values[i], &err));
        OK(column_add_double(d, values[i], &err));
    }
    OK(column_builder_finish(f, &fa, &err));
    OK(column_builder_finish(d, &da, &err));
    assert_memory_equal(da.buffers[1], values, sizeof values);
    assert_memory_equal(fa.buffers[1], ((const float[]){0.0f, -0.0f, 1.5f, INFINITY, NAN}), 5 * sizeof(float));
}

static void
booleans_are_bits(void **state)
{
    FIRN_AUTO(column_builder_freep) column_builder *b = new_builder(&boolean_type);
    FIRN_AUTO(array_done) struct ArrowArray         array = {0};
    firn_error                                      err = {0};
    (void) state;

    for (int i = 0; i < 100; i++) {
        if (i % 7 == 3) {
            OK(column_add_null(b, &err));
        } else {
            OK(column_add_bool(b, i % 3 == 0, &err));
        }
    }
    OK(column_builder_finish(b, &array, &err));
    for (int i = 0; i < 100; i++) {
        assert_int_equal(bitmap_get(array.buffers[1], (size_t) i), i % 7 != 3 && i % 3 == 0);
        assert_int_equal(bitmap_get(array.buffers[0], (size_t) i), i % 7 != 3);
    }
    assert_int_equal(array_size_bytes(&array, &boolean_type), 13 + 13);
}

static void
texts_and_bytes_have_offsets(void **state)
{
    FIRN_AUTO(column_builder_freep) column_builder *b = new_builder(&string_type);
    FIRN_AUTO(array_done) struct ArrowArray         array = {0}, empty = {0};
    firn_error                                      err = {0};
    (void) state;

    OK(column_add_text(b, "one", &err));
    OK(column_add_text(b, NULL, &err));
    OK(column_add_text(b, "", &err));
    OK(column_add_bytes(b, firn_slice_of("f\0ur", 4), &err));
    OK(column_builder_finish(b, &array, &err));
    assert_int_equal(array.n_buffers, 3);
    assert_memory_equal(array.buffers[1], ((const int32_t[]){0, 3, 3, 3, 7}), 20);
    assert_memory_equal(array.buffers[2], "onef\0ur", 7);
    assert_int_equal(((const uint8_t *) array.buffers[0])[0], 0x0D);
    assert_int_equal(array_size_bytes(&array, &string_type), 1 + 20 + 7);

    OK(column_builder_finish(b, &empty, &err));
    assert_int_equal(empty.length, 0);
    assert_int_equal(*(const int32_t *) empty.buffers[1], 0);
}

static void
fixed_values_have_exactly_their_size(void **state)
{
    static const data_type                          uuid_type = {.kind = TYPE_UUID};
    FIRN_AUTO(column_builder_freep) column_builder *b = new_builder(&uuid_type);
    FIRN_AUTO(array_done) struct ArrowArray         array = {0};
    firn_error                                      err = {0};
    (void) state;

    assert_int_equal(column_add_bytes(b, firn_slice_of("0123456789abcde", 15), &err), FIRN_CORRUPT);
    firn_error_reset(&err);
    OK(column_add_bytes(b, firn_slice_of("0123456789abcdef", 16), &err));
    OK(column_builder_finish(b, &array, &err));
    assert_int_equal(array.length, 1);
    assert_memory_equal(array.buffers[1], "0123456789abcdef", 16);
}

static void
values_that_do_not_fit_change_nothing(void **state)
{
    static const data_type                          decimal = {.kind = TYPE_DECIMAL, .precision = 3, .scale = 1};
    FIRN_AUTO(column_builder_freep) column_builder *i = new_builder(&int_type), *d = new_builder(&decimal);
    firn_error                                      err = {0};
    (void) state;

    assert_int_equal(column_add_i64(i, INT64_C(1) << 31, &err), FIRN_FAILED);
    assert_string_equal(err.cause, "2147483648 does not fit int");
    firn_error_reset(&err);
    assert_int_equal(column_add_decimal(d, 1000, &err), FIRN_FAILED);
    assert_string_equal(err.cause, "100.0 does not fit decimal(3, 1)");
    assert_int_equal(column_builder_count(i) + column_builder_count(d), 0);
}

static const schema_field pair_fields[] = {{.name = "a", .type = &long_type}, {.name = "b", .type = &string_type}};
static const data_type    pair_type = {.kind = TYPE_STRUCT, .field_count = 2, .fields = pair_fields};
static const schema_field element_fields[] = {{.name = "element", .type = &pair_type}};
static const data_type    list_type = {.kind = TYPE_LIST, .field_count = 1, .fields = element_fields};
static const schema_field map_fields[] = {{.name = "key", .required = true, .type = &string_type},
                                          {.name = "value", .type = &list_type}};
static const data_type    map_type = {.kind = TYPE_MAP, .field_count = 2, .fields = map_fields};

/* {"x": [(0, "0"), null, …]}, null, {} … one entry more in each row, by turns. */
static firn_status
fill_map(column_builder *b, int row_count, firn_error *err)
{
    column_builder *value = column_child(b, 1), *pair = column_child(value, 0);

    for (int row = 0; row < row_count; row++) {
        if (row % 4 == 1) {
            FIRN_TRY(column_add_null(b, err));
            continue;
        }
        for (int entry = 0; entry < row % 4; entry++) {
            FIRN_TRY(column_add_text(column_child(b, 0), entry ? "y" : "x", err));
            for (int i = 0; i < row; i++) {
                if (i % 2) {
                    FIRN_TRY(column_add_null(pair, err));
                    continue;
                }
                FIRN_TRY(column_add_i64(column_child(pair, 0), i, err));
                FIRN_TRY(column_add_text(column_child(pair, 1), i % 4 ? "text" : NULL, err));
                FIRN_TRY(column_end(pair, err));
            }
            FIRN_TRY(column_end(value, err));
        }
        FIRN_TRY(column_end(b, err));
    }
    return FIRN_OK;
}

static void
nested_columns_nest(void **state)
{
    FIRN_AUTO(column_builder_freep) column_builder *b = new_builder(&map_type);
    firn_error                                      err = {0};
    (void) state;

    for (int round = 0; round < 2; round++) { /* the builder is empty again after each */
        FIRN_AUTO(array_done) struct ArrowArray array = {0};
        OK(fill_map(b, 8, &err));
        OK(column_builder_finish(b, &array, &err));

        /* rows 0 {}, 1 null, 2 two entries, 3 three, 4 {}, 5 null, 6 two, 7 three */
        assert_int_equal(array.length, 8);
        assert_int_equal(array.null_count, 2);
        assert_int_equal(((const uint8_t *) array.buffers[0])[0], 0xDD);
        assert_memory_equal(array.buffers[1], ((const int32_t[]){0, 0, 0, 2, 5, 5, 5, 7, 10}), 36);
        assert_int_equal(array.n_children, 1);
        const struct ArrowArray *entries = array.children[0];
        assert_int_equal(entries->length, 10);
        assert_int_equal(entries->n_buffers, 1);
        assert_int_equal(entries->n_children, 2);
        assert_memory_equal(entries->children[0]->buffers[2], "xyxyyxyxyy", 10);
        const struct ArrowArray *lists = entries->children[1];
        assert_memory_equal(lists->buffers[1], ((const int32_t[]){0, 2, 4, 7, 10, 13, 19, 25, 32, 39, 46}), 44);
        const struct ArrowArray *pairs = lists->children[0];
        assert_int_equal(pairs->length, 46);
        assert_int_equal(pairs->children[0]->length, 46);
        assert_int_equal(pairs->children[1]->length, 46);
        assert_int_equal(pairs->null_count, 1 * 2 + 1 * 3 + 3 * 2 + 3 * 3);
        assert_true(array_size_bytes(&array, &map_type) > 46 * 12);
    }
}

static void
limit_counts_all_buffers_together(void **state)
{
    FIRN_AUTO(column_builder_freep) column_builder *b = NULL;
    firn_error                                      err = {0};
    firn_status                                     status = FIRN_OK;
    int                                             count = 0;
    (void) state;

    OK(column_builder_new(&pair_type, 1000, &b, &err));
    while (status == FIRN_OK) {
        OK(column_add_i64(column_child(b, 0), 1, &err));
        status = column_add_text(column_child(b, 1), "0123456789012345", &err);
        if (status == FIRN_OK) OK(column_end(b, &err));
        count++;
    }
    assert_int_equal(status, FIRN_NO_MEMORY);
    assert_in_range(count, 30, 40); /* 28 bytes a row */
}

static const schema_field columns[] = {{.name = "id", .required = true, .type = &int_type},
                                       {.name = "tags", .type = &map_type}};

static firn_status
make_batch(batch *ret_batch, firn_error *err)
{
    FIRN_AUTO(schema_unrefp) table_schema          *schema = NULL;
    FIRN_AUTO(column_builder_freep) column_builder *id = NULL, *tags = NULL;

    FIRN_TRY(schema_new(0, columns, 2, NULL, 0, true, &schema, err));
    FIRN_TRY(column_builder_new(schema->fields[0].type, 1 << 20, &id, err));
    FIRN_TRY(column_builder_new(schema->fields[1].type, 1 << 20, &tags, err));
    FIRN_TRY(fill_map(tags, 20, err));
    for (int i = 0; i < 20; i++) {
        FIRN_TRY(column_add_i64(id, i, err));
    }
    return batch_from_builders(schema, (column_builder *const[]){id, tags}, ret_batch, err);
}

static void
batch_owns_its_columns_and_moves(void **state)
{
    FIRN_AUTO(batch_done) batch first = {0}, second = {0};
    struct ArrowArray           column;
    firn_error                  err = {0};
    (void) state;

    assert_int_equal(batch_row_count(&first), 0);
    assert_int_equal(batch_size_bytes(&first), 0);
    OK(make_batch(&first, &err));
    assert_int_equal(batch_row_count(&first), 20);
    assert_int_equal(batch_size_bytes(&first), 80 + array_size_bytes(first.array.children[1], &map_type));
    batch_move(&first, &second);
    assert_int_equal(batch_row_count(&first), 0);
    assert_int_equal(batch_row_count(&second), 20);

    array_move(second.array.children[0], &column); /* one column outlives its batch */
    batch_done(&second);
    assert_int_equal(((const int32_t *) column.buffers[1])[19], 19);
    array_done(&column);
    array_done(&column);
}

static void
null_in_a_required_column_is_refused(void **state)
{
    FIRN_AUTO(schema_unrefp) table_schema          *schema = NULL;
    FIRN_AUTO(column_builder_freep) column_builder *id = new_builder(&int_type);
    FIRN_AUTO(batch_done) batch                     b = {0};
    firn_error                                      err = {0};
    (void) state;

    OK(schema_new(0, columns, 1, NULL, 0, true, &schema, &err));
    OK(column_add_null(id, &err));
    assert_int_equal(batch_from_builders(schema, (column_builder *const[]){id}, &b, &err), FIRN_CORRUPT);
}

static void
every_failing_allocation_is_reported_and_leaks_nothing(void **state)
{
    firn_status status = FIRN_NO_MEMORY;
    unsigned    nth = 0;
    firn_error  err = {0};
    (void) state;

    while (status == FIRN_NO_MEMORY) {
        FIRN_AUTO(batch_done) batch b = {0};
        firn_error_reset(&err);
        firn_alloc_fail_at(++nth, 0);
        status = make_batch(&b, &err);
        firn_alloc_fail_at(0, 0);
    }
    assert_int_equal(status, FIRN_OK);
    assert_true(nth > 40);
}

/* Rows that were begun and taken out again leave no trace, whatever was in them. */
static void
rewound_rows_leave_no_trace(void **state)
{
    (void) state;
    FIRN_AUTO(column_builder_freep) column_builder *b = NULL;
    FIRN_AUTO(array_done) struct ArrowArray         array = {0};
    static const data_type    text = {.kind = TYPE_STRING}, flag = {.kind = TYPE_BOOLEAN};
    static const schema_field pair[2] = {{.name = "t", .type = &text}, {.name = "f", .type = &flag}};
    static const data_type    both = {.kind = TYPE_STRUCT, .field_count = 2, .fields = pair};
    static const schema_field element = {.name = "element", .type = &both};
    static const data_type    list = {.kind = TYPE_LIST, .field_count = 1, .fields = &element};
    firn_error                err = {0};

    assert_int_equal(column_builder_new(&list, (size_t) 1 << 20, &b, &err), FIRN_OK);
    for (int round = 0; round < 3; round++) {
        column_builder *item = column_child(b, 0);
        assert_int_equal(column_add_text(column_child(item, 0), "kept", &err), FIRN_OK);
        assert_int_equal(column_add_bool(column_child(item, 1), false, &err), FIRN_OK);
        assert_int_equal(column_end(item, &err), FIRN_OK);
        assert_int_equal(column_end(b, &err), FIRN_OK);
        assert_int_equal(column_add_null(b, &err), FIRN_OK);
        assert_int_equal(column_add_text(column_child(item, 0), "half", &err), FIRN_OK);
        assert_int_equal(column_add_bool(column_child(item, 1), true, &err), FIRN_OK);
        assert_int_equal(column_end(item, &err), FIRN_OK);
        assert_int_equal(column_add_null(column_child(item, 0), &err), FIRN_OK); /* the other field is missing */
        column_rewind(b, round + 1); /* the null, too */
        assert_int_equal(column_builder_count(b), round + 1);
    }
    assert_int_equal(column_builder_finish(b, &array, &err), FIRN_OK);
    assert_int_equal(array.length, 3);
    assert_int_equal(array.null_count, 0);
    struct ArrowArray *items = array.children[0], *texts = items->children[0], *flags = items->children[1];
    assert_int_equal(items->length, 3);
    assert_int_equal(texts->length, 3);
    assert_int_equal(texts->null_count, 0);
    assert_memory_equal(texts->buffers[2], "keptkeptkept", 12);
    assert_int_equal(((const uint8_t *) flags->buffers[1])[0], 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_without_nulls_have_no_bitmap),
        cmocka_unit_test(bitmap_begins_with_the_first_null),
        cmocka_unit_test(every_flat_type_has_its_layout),
        cmocka_unit_test(floats_keep_their_bits),
        cmocka_unit_test(booleans_are_bits),
        cmocka_unit_test(texts_and_bytes_have_offsets),
        cmocka_unit_test(fixed_values_have_exactly_their_size),
        cmocka_unit_test(values_that_do_not_fit_change_nothing),
        cmocka_unit_test(nested_columns_nest),
        cmocka_unit_test(limit_counts_all_buffers_together),
        cmocka_unit_test(batch_owns_its_columns_and_moves),
        cmocka_unit_test(null_in_a_required_column_is_refused),
        cmocka_unit_test(rewound_rows_leave_no_trace),
        cmocka_unit_test(every_failing_allocation_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
