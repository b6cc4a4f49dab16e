/* What file_writer.c writes is read back: whole, in parts, by position, in evolved schemas, out of memory. */
#include "parquet/file_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/bitmap.h"
#include "base/bytes.h"
#include "base/calendar.h"
#include "batch/array.h"
#include "batch/column_builder.h"
#include "parquet/file_writer.h"
#include "parquet/format.h"

#define OK(call) assert_int_equal((call), FIRN_OK)

enum { ROWS = 1000, GROUP_ROWS = 300 };

static const data_type int_type = {.kind = TYPE_INT}, long_type = {.kind = TYPE_LONG}, float_type = {.kind = TYPE_FLOAT},
                       double_type = {.kind = TYPE_DOUBLE}, text_type = {.kind = TYPE_STRING},
                       boolean_type = {.kind = TYPE_BOOLEAN}, date_type = {.kind = TYPE_DATE},
                       stamp_type = {.kind = TYPE_TIMESTAMP}, uuid_type = {.kind = TYPE_UUID},
                       narrow_decimal = {.kind = TYPE_DECIMAL, .precision = 9, .scale = 2},
                       wide_decimal = {.kind = TYPE_DECIMAL, .precision = 30, .scale = 2};
static const schema_field list_fields[] = {{.id = 20, .name = "element", .type = &text_type}};
static const data_type    list_type = {.kind = TYPE_LIST, .field_count = 1, .fields = list_fields};
static const schema_field struct_fields[] = {{.id = 21, .name = "x", .type = &int_type}, {.id = 22, .name = "y", .type = &list_type}};
static const data_type    struct_type = {.kind = TYPE_STRUCT, .field_count = 2, .fields = struct_fields};

static const schema_field fields[] = {
    {.id = 1, .name = "id", .required = true, .type = &long_type},
    {.id = 2, .name = "n", .type = &int_type},
    {.id = 3, .name = "f", .type = &float_type},
    {.id = 4, .name = "t", .type = &text_type},
    {.id = 5, .name = "b", .type = &boolean_type},
    {.id = 6, .name = "d", .type = &narrow_decimal},
    {.id = 7, .name = "day", .type = &date_type},
    {.id = 8, .name = "l", .type = &list_type},
    {.id = 9, .name = "s", .type = &struct_type},
};

typedef struct fixture {
    firn_buffer    bytes;
    parquet_source source;
    unsigned       read_count;
    uint64_t       read_bytes;
} fixture;

static firn_status
read_bytes(void *state, uint64_t offset, size_t size, firn_buffer *out, firn_error *err)
{
    fixture *f = state;
    assert_true(offset <= f->bytes.size && size <= f->bytes.size - offset);
    f->read_count++;
    f->read_bytes += size;
    return firn_buffer_add(out, f->bytes.data + offset, size, err);
}

static bool
is_null(int row, int column)
{
    return column > 0 && (row * 7 + column * 3) % 5 == 0;
}

static void
add_text(column_builder *b, int row, firn_error *err)
{
    char text[64];
    snprintf(text, sizeof text, "text %d%s", row % 37, row % 3 ? "" : " and more than sixteen bytes");
    OK(column_add_text(b, text, err));
}

static void
add_list(column_builder *b, int row, firn_error *err)
{
    for (int i = 0; i < row % 4; i++) {
        if ((row + i) % 6 == 0) {
            OK(column_add_null(column_child(b, 0), err));
        } else {
            add_text(column_child(b, 0), row + i, err);
        }
    }
    OK(column_end(b, err));
}

static void
add_value(column_builder *b, int row, int column, firn_error *err)
{
    if (is_null(row, column)) {
        OK(column_add_null(b, err));
        return;
    }
    switch (column) {
    case 0: OK(column_add_i64(b, (int64_t) row * 1000003, err)); break;
    case 1: OK(column_add_i64(b, row % 11 - 5, err)); break;
    case 2: OK(column_add_double(b, row / 2.0, err)); break;
    case 3: add_text(b, row, err); break;
    case 4: OK(column_add_bool(b, row % 3 == 0, err)); break;
    case 5: OK(column_add_i64(b, row * 100 - 50000, err)); break;
    case 6: OK(column_add_i64(b, row - 500, err)); break;
    case 7: add_list(b, row, err); break;
    default:
        if (row % 9 == 0) {
            OK(column_add_null(column_child(b, 0), err));
            OK(column_add_null(column_child(b, 1), err));
        } else {
            OK(column_add_i64(column_child(b, 0), row, err));
            add_list(column_child(b, 1), row + 1, err);
        }
        OK(column_end(b, err));
    }
}

static void
write_file(fixture *f)
{
    firn_error     err    = {0};
    table_schema  *schema = NULL;
    parquet_writer *writer = NULL;
    column_builder *builders[FIRN_COUNT(fields)] = {0};
    batch           rows = {0};
    parquet_file_info info = {0};
    parquet_options options = parquet_options_default;

    *f = (fixture){0};
    firn_buffer_init(&f->bytes, 1 << 24);
    options.row_group_rows_max = GROUP_ROWS;
    options.page_size_bytes    = 500;
    OK(schema_new(0, fields, FIRN_COUNT(fields), NULL, 0, false, &schema, &err));
    for (unsigned c = 0; c < FIRN_COUNT(fields); c++) {
        OK(column_builder_new(fields[c].type, 1 << 24, &builders[c], &err));
        for (int row = 0; row < ROWS; row++) add_value(builders[c], row, (int) c, &err);
    }
    OK(batch_from_builders(schema, builders, &rows, &err));
    OK(parquet_writer_open(schema, &options, firn_sink_memory_new(&f->bytes), &writer, &err));
    OK(parquet_writer_add(writer, &rows.array, &err));
    OK(parquet_writer_close(writer, &info, &err));
    parquet_writer_free(writer);
    parquet_file_info_done(&info);
    batch_done(&rows);
    for (unsigned c = 0; c < FIRN_COUNT(fields); c++) column_builder_free(builders[c]);
    schema_unref(schema);
    f->source = (parquet_source){"f.parquet", f->bytes.size, read_bytes, f};
}

static int
setup(void **state)
{
    static fixture f;
    write_file(&f);
    *state = &f;
    return 0;
}

static int
teardown(void **state)
{
    fixture *f = *state;
    firn_buffer_done(&f->bytes);
    return 0;
}

/* ---- comparison of two arrays, value by value; null slots' contents do not count ---- */

static bool same_value(const data_type *type, const struct ArrowArray *a, size_t i, const struct ArrowArray *b, size_t k);

static bool
is_valid(const struct ArrowArray *array, size_t i)
{
    return array->null_count == 0 || bitmap_get(array->buffers[0], i);
}

static bool
same_elements(const data_type *type, const struct ArrowArray *a, size_t i, const struct ArrowArray *b, size_t k)
{
    const uint8_t *x = a->buffers[1], *y = b->buffers[1];
    uint32_t       from = load_le32(x + 4 * i), to = load_le32(x + 4 * i + 4);
    uint32_t       from_b = load_le32(y + 4 * k), to_b = load_le32(y + 4 * k + 4);
    if (to - from != to_b - from_b) return false;
    if (type->kind == TYPE_STRING)
        return to == from || memcmp((const uint8_t *) a->buffers[2] + from, (const uint8_t *) b->buffers[2] + from_b, to - from) == 0;
    for (uint32_t n = 0; n < to - from; n++)
        if (!same_value(type->fields[0].type, a->children[0], from + n, b->children[0], from_b + n)) return false;
    return true;
}

static bool
same_value(const data_type *type, const struct ArrowArray *a, size_t i, const struct ArrowArray *b, size_t k)
{
    if (is_valid(a, i) != is_valid(b, k)) return false;
    if (!is_valid(a, i)) return true;
    size_t size = data_type_value_size(type);
    if (type->kind == TYPE_BOOLEAN) return bitmap_get(a->buffers[1], i) == bitmap_get(b->buffers[1], k);
    if (type->kind == TYPE_STRING || type->kind == TYPE_LIST) return same_elements(type, a, i, b, k);
    if (type->kind == TYPE_STRUCT) {
        for (unsigned c = 0; c < type->field_count; c++)
            if (!same_value(type->fields[c].type, a->children[c], i, b->children[c], k)) return false;
        return true;
    }
    return memcmp((const uint8_t *) a->buffers[1] + i * size, (const uint8_t *) b->buffers[1] + k * size, size) == 0;
}

/* The wanted rows again, made by the builders. */
static void
assert_rows(const batch *rows, int first_row)
{
    firn_error err = {0};
    for (unsigned c = 0; c < FIRN_COUNT(fields); c++) {
        FIRN_AUTO(column_builder_freep) column_builder *b = NULL;
        FIRN_AUTO(array_done) struct ArrowArray wanted = {0};
        OK(column_builder_new(fields[c].type, 1 << 24, &b, &err));
        for (int row = first_row; row < first_row + (int) rows->array.length; row++) add_value(b, row, (int) c, &err);
        OK(column_builder_finish(b, &wanted, &err));
        assert_int_equal(rows->array.children[c]->length, wanted.length);
        for (size_t i = 0; i < (size_t) wanted.length; i++)
            assert_true(same_value(fields[c].type, rows->array.children[c], i, &wanted, i));
    }
}

static table_schema *
own_schema(void)
{
    table_schema *schema = NULL;
    firn_error    err    = {0};
    OK(schema_new(0, fields, FIRN_COUNT(fields), NULL, 0, false, &schema, &err));
    return schema;
}

static void
all_rows_come_back_in_batches_of_any_size(void **state)
{
    fixture *f = *state;
    static const size_t sizes[] = {1, 7, 64, 299, 5000, 0};
    for (size_t i = 0; i < FIRN_COUNT(sizes); i++) {
        FIRN_AUTO(batch_reader_freep) batch_reader *reader = NULL;
        FIRN_AUTO(schema_unrefp) table_schema *schema = own_schema();
        firn_error err = {0};
        int        row = 0;
        OK(parquet_reader_open(&f->source, schema, sizes[i], 0, &reader, &err));
        for (;;) {
            FIRN_AUTO(batch_done) batch rows = {0};
            assert_int_equal(parquet_reader_row(reader), row);
            OK(batch_reader_next(reader, &rows, &err));
            if (!rows.array.release) break;
            assert_true(sizes[i] == 0 || rows.array.length <= (int64_t) sizes[i]);
            if (i != 0 || row % 50 == 0) assert_rows(&rows, row);
            row += (int) rows.array.length;
        }
        assert_int_equal(row, ROWS);
    }
}

static void
rows_are_found_by_position(void **state)
{
    fixture *f = *state;
    static const int positions[] = {0, 999, 998, 300, 299, 301, 500, 501, 3, 900, 42, 42, 43, 650};
    FIRN_AUTO(batch_reader_freep) batch_reader *reader = NULL;
    FIRN_AUTO(schema_unrefp) table_schema *schema = own_schema();
    firn_error err = {0};

    OK(parquet_reader_open(&f->source, schema, 1, 0, &reader, &err));
    for (size_t i = 0; i < FIRN_COUNT(positions); i++) {
        FIRN_AUTO(batch_done) batch rows = {0};
        OK(parquet_reader_seek(reader, (uint64_t) positions[i], &err));
        OK(batch_reader_next(reader, &rows, &err));
        assert_int_equal(rows.array.length, 1);
        assert_rows(&rows, positions[i]);
        assert_int_equal(parquet_reader_row(reader), positions[i] + 1);
    }
    assert_int_equal(parquet_reader_seek(reader, ROWS + 1, &err), FIRN_CORRUPT);
}

static void
only_wanted_rows_are_read(void **state)
{
    fixture *f = *state;
    static const parquet_row_range ranges[] = {{5, 3}, {100, 1}, {290, 20}, {990, 1000}};
    const parquet_read_options options = {.batch_rows = 15, .ranges = ranges, .range_count = FIRN_COUNT(ranges)};
    FIRN_AUTO(parquet_file_freep) parquet_file *file = NULL;
    FIRN_AUTO(batch_reader_freep) batch_reader *reader = NULL;
    FIRN_AUTO(schema_unrefp) table_schema *schema = own_schema();
    static const struct { int first, count; } wanted[] = {{5, 3}, {100, 1}, {290, 10}, {300, 10}, {990, 10}};
    firn_error err = {0};

    OK(parquet_file_open(&f->source, 0, &file, &err));
    OK(parquet_file_read(file, schema, &options, &reader, &err));
    for (size_t i = 0; i < FIRN_COUNT(wanted); i++) {
        FIRN_AUTO(batch_done) batch rows = {0};
        assert_int_equal(parquet_reader_row(reader), wanted[i].first);
        OK(batch_reader_next(reader, &rows, &err));
        assert_int_equal(rows.array.length, wanted[i].count);
        assert_rows(&rows, wanted[i].first);
    }
    batch end = {0};
    OK(batch_reader_next(reader, &end, &err));
    assert_null(end.array.release);
    assert_int_equal(parquet_reader_row(reader), ROWS);
}

/* Iceberg's evolution: renamed, widened, dropped, new with and without default, reordered. */
static void
an_evolved_schema_is_matched_by_id(void **state)
{
    fixture *f = *state;
    const schema_field new_struct_fields[] = {{.id = 31, .name = "z", .type = &long_type}, {.id = 21, .name = "renamed", .type = &long_type}};
    const data_type    new_struct = {.kind = TYPE_STRUCT, .field_count = 2, .fields = new_struct_fields};
    const schema_field only_new[] = {{.id = 32, .name = "w", .type = &text_type}};
    const data_type    hollow = {.kind = TYPE_STRUCT, .field_count = 1, .fields = only_new};
    const schema_field wanted[] = {
        {.id = 3, .name = "f", .type = &double_type},
        {.id = 2, .name = "number", .type = &long_type},
        {.id = 6, .name = "d", .type = &wide_decimal},
        {.id = 7, .name = "day", .type = &stamp_type},
        {.id = 30, .name = "new", .type = &uuid_type},
        {.id = 33, .name = "fixed", .required = true, .type = &text_type, .initial_default = "\"then\""},
        {.id = 9, .name = "s", .type = &new_struct},
        {.id = 34, .name = "flag", .type = &boolean_type, .initial_default = "true"},
    };
    FIRN_AUTO(batch_reader_freep) batch_reader *reader = NULL;
    FIRN_AUTO(schema_unrefp) table_schema *schema = NULL;
    FIRN_AUTO(batch_done) batch rows = {0};
    firn_error err = {0};
    OK(schema_new(0, wanted, FIRN_COUNT(wanted), NULL, 0, false, &schema, &err));

    OK(parquet_reader_open(&f->source, schema, 100, 0, &reader, &err));
    OK(batch_reader_next(reader, &rows, &err));

    struct ArrowArray **c = rows.array.children;
    assert_true(double_of_bits(load_le64((const uint8_t *) c[0]->buffers[1] + 8 * 9)) > 4.49);
    assert_int_equal((int64_t) load_le64((const uint8_t *) c[1]->buffers[1] + 8 * 12), 12 % 11 - 5);
    assert_int_equal((int64_t) load_le64((const uint8_t *) c[2]->buffers[1] + 16 * 2), -49800);
    assert_int_equal((int64_t) load_le64((const uint8_t *) c[2]->buffers[1] + 16 * 2 + 8), -1);
    assert_int_equal((int64_t) load_le64((const uint8_t *) c[3]->buffers[1] + 8 * 3), -497 * CALENDAR_US_PER_DAY);
    assert_int_equal(c[4]->null_count, 100);
    assert_int_equal(c[5]->null_count, 0);
    assert_memory_equal((const uint8_t *) c[5]->buffers[2] + 4 * 99, "then", 4);
    assert_int_equal(c[6]->children[0]->null_count, 100);
    assert_int_equal(load_le64((const uint8_t *) c[6]->children[1]->buffers[1] + 8 * 11), 11);
    assert_true(bitmap_get(c[7]->buffers[1], 99));
    for (size_t i = 0; i < 100; i++) assert_int_equal(is_valid(c[6], i), !is_null((int) i, 8));

    /* A struct of which the file has no wanted field still tells where it is null. */
    FIRN_AUTO(batch_reader_freep) batch_reader *again = NULL;
    FIRN_AUTO(schema_unrefp) table_schema *hollow_schema = NULL;
    FIRN_AUTO(batch_done) batch hollow_rows = {0};
    const schema_field hollow_field = {.id = 9, .name = "s", .type = &hollow};
    OK(schema_new(0, &hollow_field, 1, NULL, 0, false, &hollow_schema, &err));
    OK(parquet_reader_open(&f->source, hollow_schema, 100, 0, &again, &err));
    OK(batch_reader_next(again, &hollow_rows, &err));
    for (size_t i = 0; i < 100; i++) assert_int_equal(is_valid(hollow_rows.array.children[0], i), !is_null((int) i, 8));
}

static void
what_cannot_be_read_so_is_refused(void **state)
{
    fixture *f = *state;
    static const struct { schema_field field; firn_status status; } cases[] = {
        {{.id = 4, .name = "t", .type = &int_type}, FIRN_UNSUPPORTED},
        {{.id = 1, .name = "id", .type = &int_type}, FIRN_UNSUPPORTED},
        {{.id = 8, .name = "l", .type = &text_type}, FIRN_UNSUPPORTED},
        {{.id = 4, .name = "t", .type = &list_type}, FIRN_UNSUPPORTED},
        {{.id = 99, .name = "gone", .required = true, .type = &int_type}, FIRN_CORRUPT},
    };
    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        FIRN_AUTO(batch_reader_freep) batch_reader *reader = NULL;
        FIRN_AUTO(schema_unrefp) table_schema *schema = NULL;
        firn_error err = {0};
        OK(schema_new(0, &cases[i].field, 1, NULL, 0, false, &schema, &err));
        assert_int_equal(parquet_reader_open(&f->source, schema, 0, 0, &reader, &err), cases[i].status);
        assert_non_null(strstr(err.cause, "f.parquet"));
    }
}

static void
statistics_prune_row_groups_and_pages(void **state)
{
    fixture *f = *state;
    FIRN_AUTO(parquet_file_freep) parquet_file *file = NULL;
    parquet_column_range range;
    parquet_page_ranges  pages;
    firn_error           err = {0};
    uint64_t             first, count, next = 300;

    OK(parquet_file_open(&f->source, 0, &file, &err));
    assert_int_equal(parquet_file_row_count(file), ROWS);
    assert_int_equal(parquet_file_row_group_count(file), 4);
    parquet_file_row_group(file, 1, &first, &count);
    assert_int_equal(first, 300);
    assert_int_equal(count, 300);
    assert_true(parquet_file_column_range(file, 1, 1, &range));
    assert_int_equal(range.physical_type, PARQUET_INT64);
    assert_int_equal(load_le64(range.min.data), INT64_C(300) * 1000003);
    assert_int_equal(load_le64(range.max.data), INT64_C(599) * 1000003);
    assert_int_equal(range.null_count, 0);
    assert_false(parquet_file_column_range(file, 1, 77, &range));

    OK(parquet_file_page_ranges(file, 1, 1, &pages, &err));
    assert_true(pages.page_count > 1);
    for (unsigned i = 0; i < pages.page_count; i++) {
        assert_int_equal(pages.pages[i].first_row, next);
        assert_int_equal(load_le64(pages.pages[i].range.min.data), next * 1000003);
        next += pages.pages[i].row_count;
    }
    assert_int_equal(next, 600);
    parquet_page_ranges_done(&pages);
}

static void
a_batch_that_would_be_too_large_gets_fewer_rows(void **state)
{
    fixture *f = *state;
    FIRN_AUTO(batch_reader_freep) batch_reader *reader = NULL;
    FIRN_AUTO(schema_unrefp) table_schema *schema = own_schema();
    firn_error err = {0};
    int        row = 0;
    size_t     batches = 0;

    OK(parquet_reader_open(&f->source, schema, 300, 260 << 10, &reader, &err));
    for (;; batches++) {
        FIRN_AUTO(batch_done) batch rows = {0};
        OK(batch_reader_next(reader, &rows, &err));
        if (!rows.array.release) break;
        assert_rows(&rows, row);
        row += (int) rows.array.length;
    }
    assert_int_equal(row, ROWS);
    assert_true(batches >= 4);
}

static firn_status
read_whole(fixture *f, table_schema *schema, firn_error *err)
{
    FIRN_AUTO(batch_reader_freep) batch_reader *reader = NULL;
    FIRN_TRY(parquet_reader_open(&f->source, schema, 250, 0, &reader, err));
    for (;;) {
        FIRN_AUTO(batch_done) batch rows = {0};
        FIRN_TRY(batch_reader_next(reader, &rows, err));
        if (!rows.array.release) return FIRN_OK;
    }
}

static void
each_failed_allocation_is_an_error_and_no_leak(void **state)
{
    fixture *f = *state;
    FIRN_AUTO(schema_unrefp) table_schema *schema = own_schema();
    firn_status status = FIRN_NO_MEMORY;
    uint64_t    nth    = 1;

    for (; status != FIRN_OK && nth < 5000; nth += 1 + nth / 40) {
        firn_error err = {0};
        firn_alloc_fail_at(nth, 0);
        status = read_whole(f, schema, &err);
        firn_alloc_fail_at(0, 0);
        assert_true(status == FIRN_OK || status == FIRN_NO_MEMORY);
    }
    assert_int_equal(status, FIRN_OK);
    assert_true(nth > 100);
}

static void
damage_is_told_with_file_and_column(void **state)
{
    fixture *f = *state;
    FIRN_AUTO(schema_unrefp) table_schema *schema = own_schema();
    uint8_t    saved[64];
    firn_error err = {0};

    memcpy(saved, f->bytes.data + 4, sizeof saved);
    memset(f->bytes.data + 4, 0xee, sizeof saved);
    assert_int_equal(read_whole(f, schema, &err), FIRN_CORRUPT);
    memcpy(f->bytes.data + 4, saved, sizeof saved);
    assert_non_null(strstr(err.frame[0], "column 'id' of 'f.parquet', page at byte 4"));

    firn_error_reset(&err);
    f->source.size_bytes -= 1;
    assert_int_equal(read_whole(f, schema, &err), FIRN_CORRUPT);
    f->source.size_bytes += 1;

    firn_error_reset(&err);
    parquet_source tiny = f->source;
    tiny.size_bytes     = 11;
    batch_reader *reader = NULL;
    assert_int_equal(parquet_reader_open(&tiny, schema, 0, 0, &reader, &err), FIRN_CORRUPT);
    assert_non_null(strstr(err.cause, "too short"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_rows_come_back_in_batches_of_any_size),
        cmocka_unit_test(rows_are_found_by_position),
        cmocka_unit_test(only_wanted_rows_are_read),
        cmocka_unit_test(an_evolved_schema_is_matched_by_id),
        cmocka_unit_test(what_cannot_be_read_so_is_refused),
        cmocka_unit_test(statistics_prune_row_groups_and_pages),
        cmocka_unit_test(a_batch_that_would_be_too_large_gets_fewer_rows),
        cmocka_unit_test(each_failed_allocation_is_an_error_and_no_leak),
        cmocka_unit_test(damage_is_told_with_file_and_column),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
