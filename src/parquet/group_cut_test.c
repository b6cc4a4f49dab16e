/* Row groups less some of their rows: rows, bounds, counts and page index are those of files that were encoded. */
#include "parquet/group_cut.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "batch/array.h"
#include "batch/batch_take.h"
#include "batch/row_checksum.h"
#include "../../tests/support/sample_rows.h"

#define OK(call) assert_int_equal((call), FIRN_OK)

enum { ROWS = 17000, GROUP_ROWS = 8200, PATTERNS = 6, FILES_MAX = 2 };

typedef struct memory_file {
    firn_buffer    bytes;
    parquet_source source;
} memory_file;

typedef struct deleted_rows {
    bool gone[ROWS];
} deleted_rows;

static firn_status
read_bytes(void *state, uint64_t offset, size_t size, firn_buffer *out, firn_error *err)
{
    memory_file *f = state;

    assert_true(offset <= f->bytes.size && size <= f->bytes.size - offset);
    return firn_buffer_add(out, f->bytes.data + offset, size, err);
}

static parquet_writer *
open_writer(memory_file *f, table_schema *schema, const parquet_options *options)
{
    firn_error      err = {0};
    parquet_writer *writer = NULL;

    *f = (memory_file){.source = {.name = "memory", .read = read_bytes, .state = f}};
    firn_buffer_init(&f->bytes, 1 << 26);
    OK(parquet_writer_open(schema, options, firn_sink_memory_new(&f->bytes), &writer, &err));
    return writer;
}

static void
close_writer(memory_file *f, parquet_writer *take_writer, parquet_file_info *ret_info)
{
    firn_error err = {0};

    OK(parquet_writer_close(take_writer, ret_info, &err));
    parquet_writer_free(take_writer);
    f->source.size_bytes = f->bytes.size;
}

static uint64_t
next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

/* ROWS rows of `distinct` ones. */
static void
make_rows(table_schema *schema, size_t distinct, uint64_t seed, batch *ret_rows)
{
    firn_error        err = {0};
    batch             samples;
    struct ArrowArray taken = {0};
    static uint32_t   indexes[ROWS];

    sample_rows(schema, (int64_t) distinct, seed, &samples);
    for (size_t i = 0; i < ROWS; i++) indexes[i] = (uint32_t) (distinct < ROWS ? next_random(&seed) % distinct : i);
    OK(batch_take(schema, &samples.array, indexes, ROWS, &taken, &err));
    batch_init(ret_rows, schema, &taken);
    batch_done(&samples);
}

/* None, one in twenty, every second, stretches of some hundreds, all but a few, whole row groups. */
static void
delete_some(deleted_rows *d, unsigned pattern, uint64_t seed)
{
    for (size_t i = 0; i < ROWS; i++) {
        uint64_t chance = next_random(&seed);

        bool gone[PATTERNS] = {false, chance % 20 == 0, i % 2 == 1, i / 700 % 3 == 1, chance % 500 != 0,
                               i < GROUP_ROWS || i == GROUP_ROWS + 1};

        d->gone[i] = gone[pattern];
    }
}

static firn_status
read_deleted(void *state, uint64_t from, uint64_t ret_rows[], size_t capacity, size_t *ret_count, firn_error *err)
{
    const deleted_rows *d = state;
    size_t              count = 0;

    (void) err;
    for (uint64_t row = from; row < ROWS && count < capacity; row++) {
        if (d->gone[row]) ret_rows[count++] = row;
    }
    *ret_count = count;
    return FIRN_OK;
}

static size_t
kept_ranges(const deleted_rows *d, uint64_t first, uint64_t count, parquet_row_range ranges[])
{
    size_t n = 0;

    for (uint64_t row = first; row < first + count; row++) {
        if (d->gone[row]) continue;
        if (n > 0 && ranges[n - 1].first_row + ranges[n - 1].row_count == row) ranges[n - 1].row_count++;
        else ranges[n++] = (parquet_row_range){row, 1};
    }
    return n;
}

/* The columns that are not taken, of the rows that stay. */
static void
open_rest(const parquet_file *file, const parquet_cut *cut, const table_schema *schema, const deleted_rows *d, unsigned group,
          table_schema **ret_columns, batch_reader **ret_rest)
{
    static parquet_row_range ranges[ROWS];
    firn_error           err = {0};
    schema_field         fields[64];
    unsigned             count = 0;
    uint64_t             first, row_count;
    parquet_read_options options = {.batch_rows = 777, .ranges = ranges};

    *ret_rest = NULL;
    *ret_columns = NULL;
    for (unsigned i = 0; i < schema->field_count; i++) {
        if (!parquet_cut_takes(cut, i)) fields[count++] = schema->fields[i];
    }
    if (!count) return;
    parquet_file_row_group(file, group, &first, &row_count);
    options.range_count = kept_ranges(d, first, row_count, ranges);
    OK(schema_new(0, fields, count, NULL, 0, false, ret_columns, &err));
    if (!options.range_count) ranges[options.range_count++] = (parquet_row_range){ROWS + 1, 1};
    OK(parquet_file_read(file, *ret_columns, &options, ret_rest, &err));
}

/* The file's rows that stay; returns how many columns of its row groups were taken. */
static unsigned
cut_file(parquet_writer *writer, table_schema *schema, const memory_file *part, deleted_rows *d)
{
    firn_error      err = {0};
    parquet_file   *file = NULL;
    parquet_deleted deleted = {read_deleted, d};
    unsigned        taken = 0;

    OK(parquet_file_open(&part->source, 0, &file, &err));
    for (unsigned g = 0; g < parquet_file_row_group_count(file); g++) {
        parquet_cut  *cut = NULL;
        batch_reader *rest = NULL;
        table_schema *columns = NULL;
        uint64_t      first, row_count, rows = 0, wanted = 0;

        parquet_file_row_group(file, g, &first, &row_count);
        OK(parquet_cut_new(writer, file, g, 0, schema->field_count, &deleted, (size_t) 64 << 20, &cut, &err));
        if (!cut) {
            static parquet_row_range ranges[ROWS];
            parquet_read_options     options = {.ranges = ranges, .range_count = kept_ranges(d, first, row_count, ranges)};

            assert_true(row_count < GROUP_CUT_ROWS_MIN);
            if (!options.range_count) continue;
            OK(parquet_file_read(file, schema, &options, &rest, &err));
            for (;;) {
                batch b = {0};

                OK(batch_reader_next(rest, &b, &err));
                if (!batch_row_count(&b)) break;
                OK(parquet_writer_add(writer, &b.array, &err));
                batch_done(&b);
            }
            batch_reader_free(rest);
            continue;
        }
        for (unsigned i = 0; i < schema->field_count; i++) taken += parquet_cut_takes(cut, i);
        open_rest(file, cut, schema, d, g, &columns, &rest);
        OK(parquet_writer_cut(writer, cut, rest, &rows, &err));
        for (uint64_t row = first; row < first + row_count; row++) wanted += !d->gone[row];
        assert_int_equal(rows, wanted);
        batch_reader_free(rest);
        schema_unref(columns);
        parquet_cut_free(cut);
    }
    parquet_file_free(file);
    return taken;
}

/* A number for each row, of all its values. */
static size_t
hashes_of(const memory_file *f, table_schema *schema, uint64_t hashes[])
{
    firn_error    err = {0};
    batch_reader *reader = NULL;
    unsigned      columns[64];
    size_t        count = 0;

    for (unsigned i = 0; i < schema->field_count; i++) columns[i] = i;
    OK(parquet_reader_open(&f->source, schema, 640, 0, &reader, &err));
    for (;;) {
        batch rows = {0};

        OK(batch_reader_next(reader, &rows, &err));
        if (!batch_row_count(&rows)) break;
        assert_true(count + (size_t) batch_row_count(&rows) <= FILES_MAX * ROWS);
        row_hashes(schema, &rows.array, columns, schema->field_count, hashes + count);
        count += (size_t) batch_row_count(&rows);
        batch_done(&rows);
    }
    batch_reader_free(reader);
    return count;
}

static void
assert_same_rows(const memory_file *a, const memory_file *b, table_schema *schema)
{
    static uint64_t hashes[FILES_MAX * ROWS], wanted[FILES_MAX * ROWS];
    size_t          count = hashes_of(a, schema, hashes), wanted_count = hashes_of(b, schema, wanted);

    assert_int_equal(count, wanted_count);
    for (size_t i = 0; i < count; i++) assert_true(hashes[i] == wanted[i]);
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
        assert_int_equal(x->has_bounds_max, y->has_bounds_max);
        assert_int_equal(x->min_size, y->min_size);
        assert_memory_equal(x->min, y->min, x->min_size);
        assert_int_equal(x->max_size, y->max_size);
        assert_memory_equal(x->max, y->max, x->max_size);
    }
}

/* Page by page: rows, nulls and bounds. */
static void
assert_same_pages(const memory_file *cut, const memory_file *encoded, const table_schema *schema)
{
    firn_error    err = {0};
    parquet_file *a = NULL, *b = NULL;

    OK(parquet_file_open(&cut->source, 0, &a, &err));
    OK(parquet_file_open(&encoded->source, 0, &b, &err));
    assert_int_equal(parquet_file_row_group_count(a), parquet_file_row_group_count(b));
    for (unsigned g = 0; g < parquet_file_row_group_count(b); g++) {
        for (unsigned i = 0; i < schema->field_count; i++) {
            parquet_page_ranges x = {0}, y = {0};

            OK(parquet_file_page_ranges(a, g, schema->fields[i].id, &x, &err));
            OK(parquet_file_page_ranges(b, g, schema->fields[i].id, &y, &err));
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
    }
    parquet_file_free(a);
    parquet_file_free(b);
}

static void
add_rows(parquet_writer *writer, const struct ArrowArray *rows)
{
    firn_error err = {0};

    OK(parquet_writer_add(writer, rows, &err));
}

/* The rows that stay, encoded. */
static void
add_kept(parquet_writer *writer, table_schema *schema, const batch *rows, const deleted_rows *d)
{
    static uint32_t   indexes[ROWS];
    size_t            count = 0;
    firn_error        err = {0};
    struct ArrowArray kept = {0};

    for (uint32_t i = 0; i < ROWS; i++) {
        if (!d->gone[i]) indexes[count++] = i;
    }
    OK(batch_take(schema, &rows->array, indexes, count, &kept, &err));
    add_rows(writer, &kept);
    kept.release(&kept);
}

/* A file, or two one after the other, written with `from`, is cut into one of `to`. */
static void
check(const parquet_options *from, const parquet_options *to, size_t distinct, unsigned pattern, bool has_same_pages)
{
    static deleted_rows d;
    table_schema       *schema = sample_schema();
    memory_file         parts[FILES_MAX], cut, encoded;
    size_t              part_count = pattern == 1 ? FIRN_COUNT(parts) : 1;
    parquet_writer     *writer = open_writer(&cut, schema, to), *whole = open_writer(&encoded, schema, to);
    parquet_file_info   info, wanted;

    for (uint64_t i = 0; i < part_count; i++) {
        parquet_writer   *part = open_writer(&parts[i], schema, from);
        parquet_file_info part_info;
        batch             rows;

        make_rows(schema, distinct, i + 1, &rows);
        delete_some(&d, pattern, i + 7);
        add_rows(part, &rows.array);
        close_writer(&parts[i], part, &part_info);
        parquet_file_info_done(&part_info);
        add_kept(whole, schema, &rows, &d);
        batch_done(&rows);
        assert_true(cut_file(writer, schema, &parts[i], &d) > 0);
    }
    close_writer(&cut, writer, &info);
    close_writer(&encoded, whole, &wanted);
    assert_same_rows(&cut, &encoded, schema);
    assert_same_facts(&info, &wanted);
    if (has_same_pages) assert_same_pages(&cut, &encoded, schema);
    parquet_file_info_done(&info);
    parquet_file_info_done(&wanted);
    for (size_t i = 0; i < part_count; i++) firn_buffer_done(&parts[i].bytes);
    firn_buffer_done(&cut.bytes);
    firn_buffer_done(&encoded.bytes);
    schema_unref(schema);
}

static parquet_options
options_of(parquet_codec codec, size_t page_rows, uint64_t group_rows, size_t dictionary_size)
{
    parquet_options options = parquet_options_default;

    options.codec = codec;
    options.page_rows_max = page_rows;
    options.row_group_rows_max = group_rows;
    options.dictionary_size_bytes = dictionary_size;
    return options;
}

static void
test_plain_pages_are_like_encoded_ones(void **state)
{
    parquet_options from = options_of(PARQUET_ZSTD, 3000, GROUP_ROWS, 0), to = options_of(PARQUET_ZSTD, 2500, 7000, 0);

    (void) state;
    for (unsigned pattern = 1; pattern < PATTERNS; pattern += 2) check(&from, &to, 3000, pattern, pattern < 4);
}

static void
test_dictionary_pages_are_like_encoded_ones(void **state)
{
    parquet_options from = options_of(PARQUET_ZSTD, 3000, GROUP_ROWS, 1 << 20), to = options_of(PARQUET_ZSTD, 2500, 7000, 1 << 20);

    (void) state;
    for (unsigned pattern = 0; pattern < PATTERNS; pattern++) check(&from, &to, 60, pattern, pattern < 4);
}

/* Their own ends first in one, then in the other; and none where they were. */
static void
test_dictionaries_that_are_too_large_somewhere(void **state)
{
    static const size_t sizes[][2] = {{1500, 1 << 20}, {1 << 20, 1500}, {1 << 20, 0}, {3000, 700}};

    (void) state;
    for (size_t i = 0; i < FIRN_COUNT(sizes); i++) {
        parquet_options from = options_of(PARQUET_SNAPPY, 1100, GROUP_ROWS, sizes[i][0]),
                        to = options_of(PARQUET_ZSTD, 2000, 100000, sizes[i][1]);

        check(&from, &to, 400, i % 2 ? 1 : 3, false);
    }
}

static void
test_pages_that_fill_by_their_bytes(void **state)
{
    parquet_options from = options_of(PARQUET_UNCOMPRESSED, 3000, GROUP_ROWS, 0), to = options_of(PARQUET_LZ4_RAW, 2500, 100000, 0);

    (void) state;
    to.page_size_bytes = 700;
    check(&from, &to, 3000, 1, false);
    from.page_size_bytes = 500;
    to.page_size_bytes = 1 << 20;
    check(&from, &to, 3000, 3, false);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_pages_are_like_encoded_ones),
        cmocka_unit_test(test_dictionary_pages_are_like_encoded_ones),
        cmocka_unit_test(test_dictionaries_that_are_too_large_somewhere),
        cmocka_unit_test(test_pages_that_fill_by_their_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
