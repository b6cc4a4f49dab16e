#include "index/key_codec.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "batch/column_builder.h"

#define OK(call) assert_int_equal(call, FIRN_OK)

static firn_error err;

static const data_type int_type = {.kind = TYPE_INT}, long_type = {.kind = TYPE_LONG}, text_type = {.kind = TYPE_STRING},
                       double_type = {.kind = TYPE_DOUBLE}, float_type = {.kind = TYPE_FLOAT},
                       decimal_9 = {.kind = TYPE_DECIMAL, .precision = 9, .scale = 2},
                       decimal_18 = {.kind = TYPE_DECIMAL, .precision = 18, .scale = 2},
                       decimal_38 = {.kind = TYPE_DECIMAL, .precision = 38, .scale = 2};
static const schema_field element = {.id = 9, .name = "element", .type = &text_type};
static const data_type    list_type = {.kind = TYPE_LIST, .field_count = 1, .fields = &element};

typedef struct column {
    table_schema   *schema;
    column_builder *builder;
    batch           rows;
    key_codec      *codec;
} column;

static void
begin(column *c, const data_type *type)
{
    const schema_field field = {.id = 1, .name = "key", .type = type};

    *c = (column){0};
    OK(schema_new(0, &field, 1, NULL, 0, false, &c->schema, &err));
    OK(column_builder_new(type, 1 << 20, &c->builder, &err));
}

static void
end(column *c)
{
    OK(batch_from_builders(c->schema, &c->builder, &c->rows, &err));
    OK(key_codec_new(c->schema, (int32_t[]){1}, 1, &c->codec, &err));
}

static void
done(column *c)
{
    key_codec_free(c->codec);
    batch_done(&c->rows);
    column_builder_free(c->builder);
    schema_unref(c->schema);
}

static int
compare(firn_slice a, firn_slice b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int    order = memcmp(a.data, b.data, size);

    return order ? order : (a.size > b.size) - (a.size < b.size);
}

/* The rows were added in ascending order, without two that are equal. */
static void
expect_ascending(column *c)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer last = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer now = {0};

    firn_buffer_init(&last, 1000);
    firn_buffer_init(&now, 1000);
    end(c);
    for (int64_t row = 0; row < c->rows.array.length; row++) {
        firn_buffer_reset(&now);
        OK(key_codec_encode(c->codec, &c->rows.array, row, &now, &err));
        assert_true(row == 0 || compare(firn_buffer_slice(&last), firn_buffer_slice(&now)) < 0);
        firn_buffer_reset(&last);
        OK(firn_buffer_add(&last, now.data, now.size, &err));
    }
}

static void
integers_are_in_order(void **state)
{
    static const int64_t numbers[] = {INT64_MIN, -300, -1, 0, 1, 255, 256, INT64_MAX};
    column c;

    (void) state;
    begin(&c, &long_type);
    OK(column_add_null(c.builder, &err));
    for (size_t i = 0; i < FIRN_COUNT(numbers); i++) OK(column_add_i64(c.builder, numbers[i], &err));
    expect_ascending(&c);
    done(&c);
}

static void
reals_are_in_order(void **state)
{
    static const double numbers[] = {-INFINITY, -1e300, -1, -1e-300, 0, 1e-300, 2, INFINITY, NAN};
    column c;

    (void) state;
    begin(&c, &double_type);
    for (size_t i = 0; i < FIRN_COUNT(numbers); i++) OK(column_add_double(c.builder, numbers[i], &err));
    expect_ascending(&c);
    done(&c);
}

static void
texts_are_in_order_and_end(void **state)
{
    static const struct {
        const char *bytes;
        size_t      size;
    } texts[] = {{"", 0}, {"\0", 1}, {"\0\0", 2}, {"\0\1", 2}, {"\1", 1}, {"a", 1}, {"a\0", 2},
                 {"a\0\xff", 3}, {"a\1", 2}, {"ab", 2}, {"b", 1}};
    column c;

    (void) state;
    begin(&c, &text_type);
    for (size_t i = 0; i < FIRN_COUNT(texts); i++)
        OK(column_add_bytes(c.builder, firn_slice_of(texts[i].bytes, texts[i].size), &err));
    expect_ascending(&c);
    done(&c);
}

static void
decimals_are_in_order(void **state)
{
    column c;

    (void) state;
    begin(&c, &decimal_38);
    OK(column_add_decimal(c.builder, -((int128) 1 << 100), &err));
    OK(column_add_decimal(c.builder, -5, &err));
    OK(column_add_decimal(c.builder, 0, &err));
    OK(column_add_decimal(c.builder, 5, &err));
    OK(column_add_decimal(c.builder, (int128) 1 << 64, &err));
    OK(column_add_decimal(c.builder, (int128) 1 << 100, &err));
    expect_ascending(&c);
    done(&c);
}

/* Whether the only rows of both columns have the same key. */
static bool
same(column *a, column *b)
{
    const key_seed seed = {1, 2};
    key_hash       x[4], y[4];
    bool           shape;

    end(a);
    end(b);
    OK(key_codec_hash(a->codec, &seed, &a->rows.array, x, &err));
    OK(key_codec_hash(b->codec, &seed, &b->rows.array, y, &err));
    shape = key_codec_shape(a->codec) == key_codec_shape(b->codec);
    done(a);
    done(b);
    return shape && key_hash_equal(x[0], y[0]);
}

static void
a_widened_column_keeps_its_keys(void **state)
{
    column a, b;

    (void) state;
    begin(&a, &int_type);
    begin(&b, &long_type);
    OK(column_add_i64(a.builder, -7, &err));
    OK(column_add_i64(b.builder, -7, &err));
    assert_true(same(&a, &b));
    begin(&a, &float_type);
    begin(&b, &double_type);
    OK(column_add_double(a.builder, -0.0, &err));
    OK(column_add_double(b.builder, 0.0, &err));
    assert_true(same(&a, &b));
    begin(&a, &decimal_9);
    begin(&b, &decimal_18);
    OK(column_add_decimal(a.builder, -12345, &err));
    OK(column_add_decimal(b.builder, -12345, &err));
    assert_true(same(&a, &b));
    begin(&a, &decimal_18);
    begin(&b, &decimal_38);
    OK(column_add_decimal(a.builder, 12345, &err));
    OK(column_add_decimal(b.builder, 12345, &err));
    assert_true(same(&a, &b));
    begin(&a, &long_type);
    begin(&b, &text_type);
    OK(column_add_i64(a.builder, 0, &err));
    OK(column_add_text(b.builder, "0", &err));
    assert_false(same(&a, &b));
}

static void
lists_differ_where_their_elements_do(void **state)
{
    column c;

    (void) state;
    begin(&c, &list_type);
    OK(column_end(c.builder, &err)); // {}
    OK(column_add_null(column_child(c.builder, 0), &err));
    OK(column_end(c.builder, &err)); // {null}
    OK(column_add_text(column_child(c.builder, 0), "", &err));
    OK(column_end(c.builder, &err)); // {""}
    OK(column_add_text(column_child(c.builder, 0), "", &err));
    OK(column_add_text(column_child(c.builder, 0), "", &err));
    OK(column_end(c.builder, &err)); // {"",""}
    OK(column_add_text(column_child(c.builder, 0), "a", &err));
    OK(column_end(c.builder, &err));
    expect_ascending(&c);
    done(&c);
}

/* Hashed many at a time, as each would be from its bytes; a null among them makes their forms differ in size. */
static void
rows_together_hash_as_each_alone(void **state)
{
    enum { ROWS = 300, SKIPPED = 3, COLUMNS = 5 };
    static const data_type    bool_type = {.kind = TYPE_BOOLEAN}, uuid_type = {.kind = TYPE_UUID};
    static const data_type   *types[COLUMNS] = {&int_type, &decimal_38, &double_type, &bool_type, &uuid_type};
    static const char *const  names[COLUMNS] = {"a", "b", "c", "d", "e"};
    static const int32_t      ids[COLUMNS] = {5, 1, 2, 3, 4};
    static const key_seed     seed = {3, 4};

    (void) state;
    for (unsigned with_null = 0; with_null < 2; with_null++) {
        schema_field    fields[COLUMNS];
        column_builder *builders[COLUMNS];
        key_hash        hashes[ROWS];
        column          c = {0};
        FIRN_AUTO(firn_buffer_done) firn_buffer bytes = {0};

        firn_buffer_init(&bytes, 1000);
        for (unsigned i = 0; i < COLUMNS; i++) {
            fields[i] = (schema_field){.id = (int32_t) i + 1, .name = names[i], .type = types[i]};
            OK(column_builder_new(types[i], 1 << 20, &builders[i], &err));
        }
        OK(schema_new(0, fields, COLUMNS, NULL, 0, false, &c.schema, &err));
        for (int row = 0; row < ROWS + SKIPPED; row++) {
            uint8_t uuid[16] = {1, (uint8_t) row, [15] = (uint8_t) (row >> 8)};

            OK(column_add_i64(builders[0], row - 100, &err));
            OK(column_add_decimal(builders[1], ((int128) row << 70) - row, &err));
            if (with_null && row == 200)
                OK(column_add_null(builders[2], &err));
            else
                OK(column_add_double(builders[2], row / 7.0 - 20, &err));
            OK(column_add_bool(builders[3], row % 3 == 0, &err));
            OK(column_add_bytes(builders[4], firn_slice_of(uuid, sizeof uuid), &err));
        }
        OK(batch_from_builders(c.schema, builders, &c.rows, &err));
        OK(key_codec_new(c.schema, ids, COLUMNS, &c.codec, &err));
        c.rows.array.offset = SKIPPED;
        c.rows.array.length = ROWS;
        OK(key_codec_hash(c.codec, &seed, &c.rows.array, hashes, &err));
        for (int64_t row = 0; row < ROWS; row++) {
            firn_buffer_reset(&bytes);
            OK(key_codec_encode(c.codec, &c.rows.array, row, &bytes, &err));
            assert_true(key_hash_equal(hashes[row], key_hash_of(&seed, firn_buffer_slice(&bytes))));
        }
        c.rows.array.offset = 0;
        for (unsigned i = 0; i < COLUMNS; i++) column_builder_free(builders[i]);
        done(&c);
    }
}

static void
a_missing_column_is_told(void **state)
{
    column c;

    (void) state;
    begin(&c, &long_type);
    assert_int_equal(key_codec_new(c.schema, (int32_t[]){2}, 1, &c.codec, &err), FIRN_UNSUPPORTED);
    firn_error_reset(&err);
    done(&c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_in_order),
        cmocka_unit_test(reals_are_in_order),
        cmocka_unit_test(texts_are_in_order_and_end),
        cmocka_unit_test(decimals_are_in_order),
        cmocka_unit_test(a_widened_column_keeps_its_keys),
        cmocka_unit_test(lists_differ_where_their_elements_do),
        cmocka_unit_test(rows_together_hash_as_each_alone),
        cmocka_unit_test(a_missing_column_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
