#include "parquet/file_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "batch/column_builder.h"
#include "parquet/format.h"

/* A sink into memory that fails at the n-th write and counts how it ends. */
typedef struct test_sink {
    firn_sink    base;
    firn_buffer *out;
} test_sink;

static unsigned write_count, fail_at, finish_count, abort_count, free_count;

static firn_status
sink_write(firn_sink *sink, const void *bytes, size_t size, firn_error *err)
{
    if (++write_count == fail_at) return firn_fail(err, FIRN_E_STORAGE_IO, "the test's sink fails");
    return firn_buffer_add(((test_sink *) sink)->out, bytes, size, err);
}

static firn_status
sink_finish(firn_sink *sink, firn_error *err)
{
    (void) sink, (void) err;
    finish_count++;
    return FIRN_OK;
}

static void
sink_abort(firn_sink *sink)
{
    (void) sink;
    abort_count++;
}

static void
sink_free(firn_sink *sink)
{
    free_count++;
    free(sink);
}

static const firn_sink_ops test_ops = {sink_write, sink_finish, sink_abort, sink_free};

static firn_sink *
new_sink(firn_buffer *out)
{
    test_sink *sink = malloc(sizeof *sink);
    firn_buffer_reset(out);
    *sink = (test_sink){{&test_ops, 0}, out};
    write_count = finish_count = abort_count = free_count = 0;
    return &sink->base;
}

static const data_type of_int = {.kind = TYPE_INT}, of_text = {.kind = TYPE_STRING},
                       of_cents = {.kind = TYPE_DECIMAL, .precision = 4, .scale = 2};
static const schema_field element[] = {{.id = 3, .name = "element", .type = &of_int}};
static const data_type    of_list = {.kind = TYPE_LIST, .field_count = 1, .fields = element};

static table_schema *schema;
static firn_buffer   out;
static firn_error    err;

static int
begin(void **state)
{
    (void) state;
    fail_at = 0;
    firn_buffer_init(&out, 1 << 29);
    return 0;
}

static int
end(void **state)
{
    (void) state;
    firn_buffer_done(&out);
    firn_error_reset(&err);
    if (schema) schema_unref(schema);
    schema = NULL;
    return 0;
}

static void
make_schema(const schema_field *fields, unsigned count)
{
    assert_int_equal(schema_new(0, fields, count, NULL, 0, false, &schema, &err), FIRN_OK);
}

static parquet_options
plain_options(void)
{
    parquet_options options = parquet_options_default;
    options.codec = PARQUET_UNCOMPRESSED;
    options.dictionary_size_bytes = 0;
    return options;
}

static void
write_rows(const struct ArrowArray *rows, const parquet_options *options, parquet_file_info *ret_info)
{
    FIRN_AUTO(parquet_writer_freep) parquet_writer *writer = NULL;
    assert_int_equal(parquet_writer_open(schema, options, new_sink(&out), &writer, &err), FIRN_OK);
    assert_int_equal(parquet_writer_add(writer, rows, &err), FIRN_OK);
    assert_int_equal(parquet_writer_close(writer, ret_info, &err), FIRN_OK);
}

/* One column of int32. */
typedef struct int_rows {
    const void       *buffers[2];
    struct ArrowArray column, *children[1], rows;
} int_rows;

static const struct ArrowArray *
int_rows_init(int_rows *r, const uint8_t *valid, const int32_t *values, int64_t count)
{
    *r = (int_rows){.buffers = {valid, values}};
    r->column =
        (struct ArrowArray){.length = count, .null_count = valid ? -1 : 0, .n_buffers = 2, .buffers = r->buffers};
    r->children[0] = &r->column;
    r->rows = (struct ArrowArray){.length = count, .n_children = 1, .children = r->children};
    return &r->rows;
}

static void
required_column_is_a_header_and_values(void **state)
{
    (void) state;
    static const int32_t values[] = {1, 2, 3};
    static const uint8_t golden[] = {
        'P',  'A',  'R',  '1',  0x15, 0x00,             /* a data page */
        0x15, 0x18, 0x15, 0x18,                         /* of 12 bytes, 12 compressed */
        0x2c, 0x15, 0x06,                               /* with 3 values */
        0x15, 0x00, 0x15, 0x06, 0x15, 0x06, 0x00, 0x00, /* PLAIN, levels RLE */
        1,    0,    0,    0,    2,    0,    0,    0,    3, 0, 0, 0,
    };
    FIRN_AUTO(parquet_file_info_done) parquet_file_info info = {0};
    int_rows                                            rows;
    const parquet_options                               options = plain_options();
    make_schema(&(schema_field){.id = 7, .name = "n", .required = true, .type = &of_int}, 1);

    write_rows(int_rows_init(&rows, NULL, values, 3), &options, &info);

    assert_memory_equal(out.data, golden, sizeof golden);
    assert_memory_equal(out.data + out.size - 4, PARQUET_MAGIC, 4);
    assert_int_equal(info.size_bytes, out.size);
    assert_int_equal(info.row_count, 3);
    assert_int_equal(info.row_group_count, 1);
    assert_int_equal(info.row_group_offset[0], 4);
    assert_int_equal(info.columns[0].field_id, 7);
    assert_int_equal(info.columns[0].value_count, 3);
    assert_int_equal(info.columns[0].compressed_bytes, sizeof golden - 4);
    assert_int_equal(load_le32(info.columns[0].min), 1);
    assert_int_equal(load_le32(info.columns[0].max), 3);
}

static void
nulls_become_definition_levels(void **state)
{
    (void) state;
    static const int32_t                                values[] = {1, 99, 3};
    static const uint8_t                                valid = 0x05;
    static const uint8_t                                golden[] = {2, 0, 0, 0, 0x03, 0x05, 1, 0, 0, 0, 3, 0, 0, 0};
    FIRN_AUTO(parquet_file_info_done) parquet_file_info info = {0};
    int_rows                                            rows;
    const parquet_options                               options = plain_options();
    make_schema(&(schema_field){.id = 7, .name = "n", .type = &of_int}, 1);

    write_rows(int_rows_init(&rows, &valid, values, 3), &options, &info);

    assert_memory_equal(out.data + 4 + 17, golden, sizeof golden);
    assert_int_equal(info.columns[0].null_count, 1);
}

/* [1, 2], null, [], [null]: repetition 0 1 0 0 0, definition 3 3 0 1 2. */
static void
lists_become_levels(void **state)
{
    (void) state;
    static const uint8_t golden[] = {
        2, 0, 0, 0, 0x03, 0x02, 3, 0, 0, 0, 0x03, 0x4f, 0x02, 1, 0, 0, 0, 2, 0, 0, 0,
    };
    static const int32_t  values[] = {1, 2, 0}, offsets[] = {0, 2, 2, 2, 3};
    static const uint8_t  valid = 0x0d, element_valid = 0x03;
    const void           *element_buffers[] = {&element_valid, values}, *list_buffers[] = {&valid, offsets};
    struct ArrowArray     elements = {.length = 3, .null_count = 1, .n_buffers = 2, .buffers = element_buffers};
    struct ArrowArray    *list_children[] = {&elements};
    struct ArrowArray     list = {.length = 4,
                                  .null_count = 1,
                                  .n_buffers = 2,
                                  .buffers = list_buffers,
                                  .n_children = 1,
                                  .children = list_children};
    struct ArrowArray    *children[] = {&list};
    struct ArrowArray     rows = {.length = 4, .n_children = 1, .children = children};
    const parquet_options options = plain_options();
    FIRN_AUTO(parquet_file_info_done) parquet_file_info info = {0};
    make_schema(&(schema_field){.id = 2, .name = "l", .type = &of_list}, 1);

    write_rows(&rows, &options, &info);

    assert_memory_equal(out.data + 4 + 17, golden, sizeof golden);
    assert_int_equal(info.columns[0].field_id, 3);
    assert_int_equal(info.columns[0].value_count, 5);
    assert_int_equal(info.columns[0].null_count, 3);
    assert_false(info.columns[0].has_bounds_min);
}

static void
file_without_rows_is_a_file(void **state)
{
    (void) state;
    FIRN_AUTO(parquet_file_info_done) parquet_file_info info = {0};
    FIRN_AUTO(parquet_writer_freep) parquet_writer     *writer = NULL;
    make_schema(&(schema_field){.id = 1, .name = "n", .type = &of_int}, 1);

    assert_int_equal(parquet_writer_open(schema, &parquet_options_default, new_sink(&out), &writer, &err), FIRN_OK);
    assert_int_equal(parquet_writer_close(writer, &info, &err), FIRN_OK);

    assert_int_equal(info.row_count, 0);
    assert_int_equal(info.row_group_count, 0);
    assert_false(info.columns[0].has_bounds_max);
    assert_int_equal(finish_count, 1);
}

static void
row_groups_end_at_their_limit(void **state)
{
    (void) state;
    enum { COUNT = 1000 };
    static int32_t                                      values[COUNT];
    int_rows                                            rows;
    parquet_options                                     options = plain_options();
    FIRN_AUTO(parquet_file_info_done) parquet_file_info info = {0};
    options.row_group_rows_max = 300;
    make_schema(&(schema_field){.id = 1, .name = "n", .required = true, .type = &of_int}, 1);

    write_rows(int_rows_init(&rows, NULL, values, COUNT), &options, &info);

    assert_int_equal(info.row_group_count, 4);
    assert_true(info.row_group_offset[1] > info.row_group_offset[0] + 1200);
    assert_int_equal(info.row_count, COUNT);
}

static void
writer_left_open_leaves_nothing(void **state)
{
    (void) state;
    parquet_writer *writer = NULL;
    make_schema(&(schema_field){.id = 1, .name = "n", .type = &of_int}, 1);
    assert_int_equal(parquet_writer_open(schema, &parquet_options_default, new_sink(&out), &writer, &err), FIRN_OK);

    parquet_writer_free(writer);

    assert_int_equal(abort_count, 1);
    assert_int_equal(free_count, 1);
    assert_int_equal(finish_count, 0);
}

static void
null_in_a_required_column_is_refused(void **state)
{
    (void) state;
    static const int32_t                            values[] = {1, 2};
    static const uint8_t                            valid = 0x01;
    int_rows                                        rows;
    FIRN_AUTO(parquet_writer_freep) parquet_writer *writer = NULL;
    make_schema(&(schema_field){.id = 1, .name = "n", .required = true, .type = &of_int}, 1);
    assert_int_equal(parquet_writer_open(schema, &parquet_options_default, new_sink(&out), &writer, &err), FIRN_OK);

    assert_int_equal(parquet_writer_add(writer, int_rows_init(&rows, &valid, values, 2), &err), FIRN_BUG);

    assert_non_null(strstr(err.cause, "'n'"));
}

static void
decimal_beyond_its_precision_is_refused(void **state)
{
    (void) state;
    static const int32_t                            values[] = {10000};
    int_rows                                        rows;
    parquet_file_info                               info;
    FIRN_AUTO(parquet_writer_freep) parquet_writer *writer = NULL;
    make_schema(&(schema_field){.id = 1, .name = "price", .type = &of_cents}, 1);
    assert_int_equal(parquet_writer_open(schema, &parquet_options_default, new_sink(&out), &writer, &err), FIRN_OK);

    assert_int_equal(parquet_writer_add(writer, int_rows_init(&rows, NULL, values, 1), &err), FIRN_OK);

    assert_int_equal(parquet_writer_close(writer, &info, &err), FIRN_BUG);
    assert_non_null(strstr(err.cause, "'price'"));
}

static void
type_without_a_form_is_refused(void **state)
{
    (void) state;
    static const data_type empty = {.kind = TYPE_STRUCT};
    parquet_writer        *writer = NULL;
    make_schema(&(schema_field){.id = 1, .name = "s", .type = &empty}, 1);

    assert_int_equal(parquet_writer_open(schema, &parquet_options_default, new_sink(&out), &writer, &err),
                     FIRN_UNSUPPORTED);

    assert_null(writer);
    assert_int_equal(abort_count, 1);
    assert_int_equal(free_count, 1);
}

/* Rows of an int, a text and a list, some of them null, which need dictionaries, levels and several pages. */
static firn_status
write_mixed(batch *rows)
{
    FIRN_AUTO(parquet_writer_freep) parquet_writer     *writer = NULL;
    FIRN_AUTO(parquet_file_info_done) parquet_file_info info = {0};
    parquet_options                                     options = parquet_options_default;
    options.page_rows_max = 500;
    options.row_group_rows_max = 2000;
    FIRN_TRY(parquet_writer_open(schema, &options, new_sink(&out), &writer, &err));
    FIRN_TRY(parquet_writer_add(writer, &rows->array, &err));
    FIRN_TRY(parquet_writer_close(writer, &info, &err));
    assert_int_equal(info.row_count, 3000);
    assert_int_equal(info.size_bytes, out.size);
    return FIRN_OK;
}

static void
make_mixed(batch *ret_rows)
{
    const schema_field fields[] = {{.id = 1, .name = "n", .type = &of_int},
                                   {.id = 2, .name = "t", .type = &of_text},
                                   {.id = 4, .name = "l", .type = &of_list}};
    column_builder    *builders[3];
    make_schema(fields, 3);
    for (unsigned c = 0; c < 3; c++)
        assert_int_equal(column_builder_new(fields[c].type, 1 << 24, &builders[c], &err), FIRN_OK);
    for (uint64_t i = 0; i < 3000; i++) {
        uint64_t random = firn_hash_u64(i + 1);
        char     text[32];
        (void) snprintf(text, sizeof text, "text %llu", (unsigned long long) random % 40);
        assert_int_equal(random % 5 ? column_add_i64(builders[0], (int64_t) (random % 1000), &err)
                                    : column_add_null(builders[0], &err),
                         FIRN_OK);
        assert_int_equal(column_add_text(builders[1], random % 7 ? text : NULL, &err), FIRN_OK);
        for (uint64_t k = 0; k < random % 3; k++)
            assert_int_equal(column_add_i64(column_child(builders[2], 0), (int64_t) k, &err), FIRN_OK);
        assert_int_equal(column_end(builders[2], &err), FIRN_OK);
    }
    assert_int_equal(batch_from_builders(schema, builders, ret_rows, &err), FIRN_OK);
    for (unsigned c = 0; c < 3; c++)
        column_builder_free(builders[c]);
}

static void
every_write_may_fail(void **state)
{
    (void) state;
    FIRN_AUTO(batch_done) batch rows = {0};
    make_mixed(&rows);
    firn_status status = FIRN_IO;
    for (fail_at = 1; status != FIRN_OK; fail_at++) {
        firn_error_reset(&err);

        status = write_mixed(&rows);

        assert_true(status == FIRN_OK || status == FIRN_IO);
        assert_int_equal(free_count, 1);
        assert_int_equal(abort_count, status != FIRN_OK);
        assert_int_equal(finish_count, status == FIRN_OK);
    }
    assert_true(fail_at > 8);
}

static void
every_allocation_may_fail(void **state)
{
    (void) state;
    FIRN_AUTO(batch_done) batch rows = {0};
    make_mixed(&rows);
    firn_status status = FIRN_NO_MEMORY;
    for (uint64_t nth = 1; status != FIRN_OK; nth++) {
        firn_error_reset(&err);
        firn_buffer_done(&out);
        firn_alloc_fail_at(nth, 0);

        status = write_mixed(&rows);

        firn_alloc_fail_at(0, 0);
        assert_true(status == FIRN_OK || status == FIRN_NO_MEMORY);
        assert_int_equal(free_count, 1);
        assert_int_equal(abort_count, status != FIRN_OK);
    }
}

static void
size_is_known_beforehand(void **state)
{
    (void) state;
    enum { COUNT = 100000 };
    int32_t                                            *values = malloc(COUNT * sizeof *values);
    int_rows                                            rows;
    FIRN_AUTO(parquet_writer_freep) parquet_writer     *writer = NULL;
    FIRN_AUTO(parquet_file_info_done) parquet_file_info info = {0};
    for (uint64_t i = 0; i < COUNT; i++)
        values[i] = (int32_t) (firn_hash_u64(i) % 5000);
    make_schema(&(schema_field){.id = 1, .name = "n", .required = true, .type = &of_int}, 1);
    assert_int_equal(parquet_writer_open(schema, &parquet_options_default, new_sink(&out), &writer, &err), FIRN_OK);
    assert_int_equal(parquet_writer_add(writer, int_rows_init(&rows, NULL, values, COUNT), &err), FIRN_OK);

    uint64_t expected = parquet_writer_size_bytes(writer);
    assert_true(parquet_writer_memory_bytes(writer) > expected);
    assert_int_equal(parquet_writer_close(writer, &info, &err), FIRN_OK);

    assert_true(info.size_bytes > expected * 8 / 10 && info.size_bytes < expected * 12 / 10);
    free(values);
}

/* Columns of texts: they all point to the same values. */
static void
memory_is_bound_for_any_width(void **state)
{
    (void) state;
    enum { COLUMNS = 500, ROWS = 2000, BATCHES = 12, TEXT_SIZE = 20 };
    schema_field       *fields = calloc(COLUMNS, sizeof *fields);
    struct ArrowArray **children = calloc(COLUMNS, sizeof *children);
    int32_t            *offsets = malloc((ROWS + 1) * sizeof *offsets);
    uint8_t            *bytes = malloc(ROWS * TEXT_SIZE);
    const void         *buffers[] = {NULL, offsets, bytes};
    struct ArrowArray   column = {.length = ROWS, .n_buffers = 3, .buffers = buffers};
    struct ArrowArray   rows = {.length = ROWS, .n_children = COLUMNS, .children = children};
    FIRN_AUTO(parquet_writer_freep) parquet_writer     *writer = NULL;
    FIRN_AUTO(parquet_file_info_done) parquet_file_info info = {0};
    size_t                                              memory_max = 0;
    for (unsigned i = 0; i < COLUMNS; i++) {
        fields[i] = (schema_field){.id = (int32_t) i + 1, .name = "t", .type = &of_text};
        children[i] = &column;
    }
    for (int32_t i = 0; i <= ROWS; i++)
        offsets[i] = i * TEXT_SIZE;
    make_schema(fields, COLUMNS);
    assert_int_equal(parquet_writer_open(schema, &parquet_options_default, new_sink(&out), &writer, &err), FIRN_OK);

    for (uint64_t b = 0; b < BATCHES; b++) {
        for (uint64_t i = 0; i < ROWS * TEXT_SIZE; i++)
            bytes[i] = (uint8_t) (' ' + firn_hash_u64(b << 32 | i) % 64);
        assert_int_equal(parquet_writer_add(writer, &rows, &err), FIRN_OK);
        size_t memory = parquet_writer_memory_bytes(writer);
        if (memory > memory_max) memory_max = memory;
    }
    assert_int_equal(parquet_writer_close(writer, &info, &err), FIRN_OK);

    assert_true(info.row_group_count > 3);
    assert_true(memory_max < 4 * parquet_options_default.row_group_size_bytes);
    free(fields);
    free(children);
    free(offsets);
    free(bytes);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(required_column_is_a_header_and_values),
        TEST(nulls_become_definition_levels),
        TEST(lists_become_levels),
        TEST(file_without_rows_is_a_file),
        TEST(row_groups_end_at_their_limit),
        TEST(writer_left_open_leaves_nothing),
        TEST(null_in_a_required_column_is_refused),
        TEST(decimal_beyond_its_precision_is_refused),
        TEST(type_without_a_form_is_refused),
        TEST(every_write_may_fail),
        TEST(every_allocation_may_fail),
        TEST(size_is_known_beforehand),
        TEST(memory_is_bound_for_any_width),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
