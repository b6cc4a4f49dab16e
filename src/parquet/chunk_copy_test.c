/* Row groups taken over byte for byte: the rows, the bounds and the page index are those of files that were encoded. */
#include "parquet/chunk_copy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "batch/array.h"
#include "parquet/file_writer.h"
#include "parquet/group_cut.h"
#include "../../tests/support/sample_rows.h"

#define OK(call) assert_int_equal((call), FIRN_OK)

enum { FILES = 3, ROWS = 700 };

static const data_type long_type = {.kind = TYPE_LONG};

typedef struct memory_file {
    firn_buffer    bytes;
    parquet_source source;
} memory_file;

static firn_status
read_bytes(void *state, uint64_t offset, size_t size, firn_buffer *out, firn_error *err)
{
    memory_file *f = state;

    assert_true(offset <= f->bytes.size && size <= f->bytes.size - offset);
    return firn_buffer_add(out, f->bytes.data + offset, size, err);
}

static void
begin_file(memory_file *f)
{
    *f = (memory_file){.source = {.name = "memory", .read = read_bytes, .state = f}};
    firn_buffer_init(&f->bytes, 1 << 26);
}

static void
end_file(memory_file *f)
{
    f->source.size_bytes = f->bytes.size;
}

static parquet_options
small_pages(parquet_codec codec)
{
    parquet_options options = parquet_options_default;

    options.codec = codec;
    options.page_rows_max = 100;
    options.row_group_rows_max = 300;
    return options;
}

static parquet_writer *
open_writer(memory_file *f, table_schema *schema, const parquet_options *options)
{
    firn_error      err = {0};
    parquet_writer *writer = NULL;

    begin_file(f);
    OK(parquet_writer_open(schema, options, firn_sink_memory_new(&f->bytes), &writer, &err));
    return writer;
}

static void
close_writer(memory_file *f, parquet_writer *take_writer, parquet_file_info *ret_info)
{
    firn_error err = {0};

    OK(parquet_writer_close(take_writer, ret_info, &err));
    parquet_writer_free(take_writer);
    end_file(f);
}

static void
write_sample(memory_file *f, table_schema *schema, uint64_t seed, parquet_codec codec)
{
    firn_error        err = {0};
    parquet_options   options = small_pages(codec);
    parquet_writer   *writer = open_writer(f, schema, &options);
    parquet_file_info info;
    batch             rows;

    sample_rows(schema, ROWS, seed, &rows);
    OK(parquet_writer_add(writer, &rows.array, &err));
    batch_done(&rows);
    close_writer(f, writer, &info);
    parquet_file_info_done(&info);
}

static void
add_text_of(const memory_file *f, table_schema *schema, firn_buffer *out)
{
    firn_error    err = {0};
    batch_reader *reader = NULL;

    OK(parquet_reader_open(&f->source, schema, 64, 0, &reader, &err));
    for (;;) {
        batch rows = {0};

        OK(batch_reader_next(reader, &rows, &err));
        if (!batch_row_count(&rows)) break;
        for (int64_t i = 0; i < batch_row_count(&rows); i++) {
            sample_row_text(schema, &rows.array, i, out);
            OK(firn_buffer_add_byte(out, '\n', &err));
        }
        batch_done(&rows);
    }
    batch_reader_free(reader);
}

static void
assert_same_facts(const parquet_file_info *a, const parquet_file_info *b)
{
    assert_int_equal(a->row_count, b->row_count);
    for (unsigned i = 0; i < b->column_count; i++) {
        const parquet_column_info *x = &a->columns[i], *y = &b->columns[i];

        assert_int_equal(x->field_id, y->field_id);
        assert_int_equal(x->value_count, y->value_count);
        assert_int_equal(x->null_count, y->null_count);
        assert_int_equal(x->nan_count, y->nan_count);
        assert_int_equal(x->has_bounds_min, y->has_bounds_min);
        assert_int_equal(x->min_size, y->min_size);
        assert_memory_equal(x->min, y->min, x->min_size);
        assert_int_equal(x->max_size, y->max_size);
        assert_memory_equal(x->max, y->max, x->max_size);
    }
}

/* All rows of the samples, encoded into one file. */
static void
encode_all(memory_file *f, table_schema *schema, parquet_file_info *ret_info)
{
    firn_error      err = {0};
    parquet_options options = small_pages(PARQUET_ZSTD);
    parquet_writer *writer = open_writer(f, schema, &options);

    for (uint64_t i = 0; i < FILES; i++) {
        batch rows;

        sample_rows(schema, ROWS, i + 1, &rows);
        OK(parquet_writer_add(writer, &rows.array, &err));
        batch_done(&rows);
    }
    close_writer(f, writer, ret_info);
}

static table_schema *
with_numbers(const table_schema *schema)
{
    firn_error    err = {0};
    schema_field  fields[64];
    table_schema *made = NULL;

    assert_true(schema->field_count < 64);
    memcpy(fields, schema->fields, schema->field_count * sizeof *fields);
    fields[schema->field_count] = (schema_field){.id = 9000, .name = "number", .type = &long_type};
    OK(schema_new(0, fields, schema->field_count + 1, NULL, 0, false, &made, &err));
    return made;
}

/* A column of first, first + 1, …, as a struct array of one child. */
static void
make_numbers(struct ArrowArray *ret_array, int64_t first, int64_t count)
{
    int64_t *values = firn_alloc_aligned((size_t) count * sizeof *values);

    assert_true(array_init(ret_array, 1, 1) && array_init(ret_array->children[0], 2, 0));
    for (int64_t i = 0; i < count; i++) values[i] = first + i;
    ret_array->length = ret_array->children[0]->length = count;
    ret_array->children[0]->buffers[1] = values;
}

static void
copy_file(parquet_writer *writer, const memory_file *from, int64_t *number, bool numbered)
{
    firn_error    err = {0};
    parquet_file *file = NULL;

    OK(parquet_file_open(&from->source, 0, &file, &err));
    assert_true(parquet_writer_can_copy(writer, file, numbered ? 1 : 0));
    assert_false(parquet_writer_can_copy(writer, file, numbered ? 0 : 1));
    for (unsigned g = 0; g < parquet_file_row_group_count(file); g++) {
        struct ArrowArray extra = {0};
        uint64_t          first, count;

        parquet_file_row_group(file, g, &first, &count);
        if (numbered) make_numbers(&extra, *number, (int64_t) count);
        *number += (int64_t) count;
        OK(parquet_writer_copy(writer, file, g, numbered ? &extra : NULL, &err));
        array_done(&extra);
    }
    parquet_file_free(file);
}

static void
test_copied_row_groups_are_like_encoded_ones(void **state)
{
    table_schema     *schema = sample_schema();
    memory_file       parts[FILES], copied, encoded;
    firn_error        err = {0};
    parquet_options   options = small_pages(PARQUET_ZSTD);
    parquet_writer   *writer = open_writer(&copied, schema, &options);
    parquet_file_info info, wanted;
    firn_buffer       text = {0}, wanted_text = {0};
    parquet_file     *file = NULL;
    int64_t           number = 0;
    batch             rows;

    (void) state;
    // The last file's rows are encoded behind the copied ones, in the same file.
    for (uint64_t i = 0; i < FILES - 1; i++) {
        write_sample(&parts[i], schema, i + 1, PARQUET_ZSTD);
        copy_file(writer, &parts[i], &number, false);
    }
    sample_rows(schema, ROWS, FILES, &rows);
    OK(parquet_writer_add(writer, &rows.array, &err));
    batch_done(&rows);
    close_writer(&copied, writer, &info);
    encode_all(&encoded, schema, &wanted);

    firn_buffer_init(&text, 1 << 26);
    firn_buffer_init(&wanted_text, 1 << 26);
    add_text_of(&copied, schema, &text);
    add_text_of(&encoded, schema, &wanted_text);
    assert_true(firn_slice_equal(firn_buffer_slice(&text), firn_buffer_slice(&wanted_text)));
    assert_same_facts(&info, &wanted);
    OK(parquet_file_open(&copied.source, 0, &file, &err));
    for (unsigned g = 0; g < parquet_file_row_group_count(file); g++) {
        parquet_page_ranges ranges = {0};

        OK(parquet_file_page_ranges(file, g, schema->fields[0].id, &ranges, &err));
        assert_true(ranges.page_count > 0);
        parquet_page_ranges_done(&ranges);
    }
    parquet_file_free(file);
    parquet_file_info_done(&info);
    parquet_file_info_done(&wanted);
    firn_buffer_done(&text);
    firn_buffer_done(&wanted_text);
    for (int i = 0; i < FILES - 1; i++) firn_buffer_done(&parts[i].bytes);
    firn_buffer_done(&copied.bytes);
    firn_buffer_done(&encoded.bytes);
    schema_unref(schema);
}

static void
test_a_column_can_be_added_to_copied_rows(void **state)
{
    table_schema     *schema = sample_schema(), *numbered = with_numbers(schema);
    memory_file       part, copied;
    firn_error        err = {0};
    parquet_options   options = small_pages(PARQUET_ZSTD);
    parquet_writer   *writer = open_writer(&copied, numbered, &options);
    parquet_file_info info;
    batch_reader     *reader = NULL;
    int64_t           number = 5000, seen = 5000;

    (void) state;
    write_sample(&part, schema, 1, PARQUET_ZSTD);
    copy_file(writer, &part, &number, true);
    close_writer(&copied, writer, &info);

    assert_int_equal(info.columns[info.column_count - 1].field_id, 9000);
    OK(parquet_reader_open(&copied.source, numbered, 64, 0, &reader, &err));
    for (;;) {
        batch rows = {0};

        OK(batch_reader_next(reader, &rows, &err));
        if (!batch_row_count(&rows)) break;
        const int64_t *values = rows.array.children[numbered->field_count - 1]->buffers[1];
        for (int64_t i = 0; i < batch_row_count(&rows); i++) assert_int_equal(values[i], seen++);
        batch_done(&rows);
    }
    assert_int_equal(seen, number);
    batch_reader_free(reader);
    parquet_file_info_done(&info);
    firn_buffer_done(&part.bytes);
    firn_buffer_done(&copied.bytes);
    schema_unref(schema);
    schema_unref(numbered);
}

/* Every row group appended to the open one; the columns that are not taken over are read. How many were taken over. */
static unsigned
splice_file(parquet_writer *writer, table_schema *schema, const memory_file *from)
{
    firn_error    err = {0};
    parquet_file *file = NULL;
    unsigned      taken = 0;

    OK(parquet_file_open(&from->source, 0, &file, &err));
    for (unsigned g = 0; g < parquet_file_row_group_count(file); g++) {
        parquet_cut         *cut = NULL;
        table_schema        *columns = NULL;
        batch_reader        *rest = NULL;
        schema_field         fields[64];
        parquet_row_range    range;
        parquet_read_options options = {.batch_rows = 64, .ranges = &range, .range_count = 1};
        unsigned             count = 0;
        uint64_t             rows;

        OK(parquet_cut_new(writer, file, g, 0, schema->field_count, NULL, 1 << 24, &cut, &err));
        assert_non_null(cut);
        for (unsigned i = 0; i < schema->field_count; i++) {
            if (!parquet_cut_takes(cut, i)) fields[count++] = schema->fields[i];
        }
        assert_true(count > 0 && count < schema->field_count);
        taken += schema->field_count - count;
        OK(schema_new(0, fields, count, NULL, 0, false, &columns, &err));
        parquet_file_row_group(file, g, &range.first_row, &range.row_count);
        OK(parquet_file_read(file, columns, &options, &rest, &err));
        OK(parquet_writer_cut(writer, cut, rest, &rows, &err));
        assert_int_equal(rows, range.row_count);
        batch_reader_free(rest);
        schema_unref(columns);
        parquet_cut_free(cut);
    }
    parquet_file_free(file);
    return taken;
}

/* The page index of two files of the same rows: each page's bounds hold its rows' bounds in the other, which has them by
 * encoding; counts of rows and nulls are exact. */
static void
assert_same_pages(const memory_file *spliced, const memory_file *encoded, const table_schema *schema)
{
    firn_error    err = {0};
    parquet_file *a = NULL, *b = NULL;

    OK(parquet_file_open(&spliced->source, 0, &a, &err));
    OK(parquet_file_open(&encoded->source, 0, &b, &err));
    assert_int_equal(parquet_file_row_group_count(a), 1);
    assert_int_equal(parquet_file_row_group_count(b), 1);
    for (unsigned i = 0; i < schema->field_count; i++) {
        parquet_page_ranges x = {0}, y = {0};

        OK(parquet_file_page_ranges(a, 0, schema->fields[i].id, &x, &err));
        OK(parquet_file_page_ranges(b, 0, schema->fields[i].id, &y, &err));
        assert_int_equal(x.page_count, y.page_count);
        for (unsigned p = 0; p < x.page_count; p++) {
            assert_int_equal(x.pages[p].first_row, y.pages[p].first_row);
            assert_int_equal(x.pages[p].row_count, y.pages[p].row_count);
            assert_int_equal(x.pages[p].range.null_count, y.pages[p].range.null_count);
            assert_true(firn_slice_equal(x.pages[p].range.min, y.pages[p].range.min));
            assert_true(firn_slice_equal(x.pages[p].range.max, y.pages[p].range.max));
        }
        parquet_page_ranges_done(&x);
        parquet_page_ranges_done(&y);
    }
    parquet_file_free(a);
    parquet_file_free(b);
}

/* Three files of 700 rows in row groups of 300, 300 and 100 become one row group. All pages end at hundreds. */
static void
test_pages_taken_over_are_like_encoded_ones(void **state)
{
    table_schema     *schema = sample_schema();
    memory_file       parts[FILES], spliced, encoded;
    firn_error        err = {0};
    parquet_options   options = small_pages(PARQUET_ZSTD), one_group = options;
    parquet_writer   *writer, *whole;
    parquet_file_info info, wanted;
    firn_buffer       text = {0}, wanted_text = {0};

    (void) state;
    options.dictionary_size_bytes = one_group.dictionary_size_bytes = 0;
    one_group.row_group_rows_max = FILES * ROWS;
    writer = open_writer(&spliced, schema, &one_group);
    whole = open_writer(&encoded, schema, &one_group);
    for (uint64_t i = 0; i < FILES; i++) {
        parquet_writer   *part = open_writer(&parts[i], schema, &options);
        parquet_file_info part_info;
        batch             rows;

        sample_rows(schema, ROWS, i + 1, &rows);
        OK(parquet_writer_add(part, &rows.array, &err));
        OK(parquet_writer_add(whole, &rows.array, &err));
        batch_done(&rows);
        close_writer(&parts[i], part, &part_info);
        parquet_file_info_done(&part_info);
        assert_true(splice_file(writer, schema, &parts[i]) > 0);
    }
    close_writer(&spliced, writer, &info);
    close_writer(&encoded, whole, &wanted);

    firn_buffer_init(&text, 1 << 26);
    firn_buffer_init(&wanted_text, 1 << 26);
    add_text_of(&spliced, schema, &text);
    add_text_of(&encoded, schema, &wanted_text);
    assert_true(firn_slice_equal(firn_buffer_slice(&text), firn_buffer_slice(&wanted_text)));
    assert_same_facts(&info, &wanted);
    assert_same_pages(&spliced, &encoded, schema);
    parquet_file_info_done(&info);
    parquet_file_info_done(&wanted);
    firn_buffer_done(&text);
    firn_buffer_done(&wanted_text);
    for (int i = 0; i < FILES; i++) firn_buffer_done(&parts[i].bytes);
    firn_buffer_done(&spliced.bytes);
    firn_buffer_done(&encoded.bytes);
    schema_unref(schema);
}

/* Pages of a tenth of the rows that the new file's have. */
static void
test_small_pages_are_decoded(void **state)
{
    table_schema    *schema = sample_schema();
    memory_file      part, target;
    firn_error       err = {0};
    parquet_options  options = small_pages(PARQUET_ZSTD);
    parquet_writer  *writer;
    parquet_file    *file = NULL;
    parquet_cut     *cut = NULL;

    (void) state;
    options.dictionary_size_bytes = 0;
    options.page_rows_max = 1000;
    writer = open_writer(&target, schema, &options);
    write_sample(&part, schema, 1, PARQUET_ZSTD);
    OK(parquet_file_open(&part.source, 0, &file, &err));
    OK(parquet_cut_new(writer, file, 0, 0, schema->field_count, NULL, 1 << 24, &cut, &err));
    assert_null(cut);
    parquet_file_free(file);
    parquet_writer_free(writer);
    firn_buffer_done(&part.bytes);
    firn_buffer_done(&target.bytes);
    schema_unref(schema);
}

static void
test_another_codec_or_schema_is_not_copied(void **state)
{
    table_schema     *schema = sample_schema(), *numbered = with_numbers(schema);
    memory_file       snappy, target;
    firn_error        err = {0};
    parquet_options   options = small_pages(PARQUET_ZSTD);
    parquet_writer   *writer = open_writer(&target, schema, &options), *other;
    parquet_file     *file = NULL;
    memory_file       other_target;

    (void) state;
    write_sample(&snappy, schema, 1, PARQUET_SNAPPY);
    OK(parquet_file_open(&snappy.source, 0, &file, &err));
    assert_false(parquet_writer_can_copy(writer, file, 0));
    options.codec = PARQUET_SNAPPY;
    other = open_writer(&other_target, numbered, &options);
    assert_false(parquet_writer_can_copy(other, file, 0));
    assert_true(parquet_writer_can_copy(other, file, 1));
    parquet_writer_free(writer);
    parquet_writer_free(other);
    parquet_file_free(file);
    firn_buffer_done(&snappy.bytes);
    firn_buffer_done(&target.bytes);
    firn_buffer_done(&other_target.bytes);
    schema_unref(schema);
    schema_unref(numbered);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_copied_row_groups_are_like_encoded_ones),
        cmocka_unit_test(test_a_column_can_be_added_to_copied_rows),
        cmocka_unit_test(test_pages_taken_over_are_like_encoded_ones),
        cmocka_unit_test(test_small_pages_are_decoded),
        cmocka_unit_test(test_another_codec_or_schema_is_not_copied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
