#include "scan/scan_predicate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "batch/column_builder.h"
#include "iceberg/transform.h"
#include "scan/equality_set.h"
#include "scan/partition_filter.h"

static const data_type    type_long = {.kind = TYPE_LONG}, type_text = {.kind = TYPE_STRING},
                          type_double = {.kind = TYPE_DOUBLE}, type_timestamp = {.kind = TYPE_TIMESTAMP};
static const schema_field inner[] = {{.id = 5, .name = "inner", .type = &type_long}};
static const data_type    type_struct = {.kind = TYPE_STRUCT, .field_count = 1, .fields = inner};
static const schema_field fields[] = {
    {.id = 1, .name = "n", .type = &type_long},
    {.id = 2, .name = "t", .type = &type_text},
    {.id = 3, .name = "d", .type = &type_double},
    {.id = 4, .name = "s", .type = &type_struct},
};

typedef struct world {
    table_schema *schema;
    batch         rows;
    firn_arena    arena;
    firn_error    err;
} world;

/* n: 1 null 3 4; t: a b null ""; d: 1.5 NaN -0.0 null; s: {7} {null} null {9} */
static int
begin(void **state)
{
    static world             w;
    column_builder          *columns[4];
    static const int64_t     numbers[] = {1, 0, 3, 4};
    static const char *const texts[] = {"a", "b", NULL, ""};
    const double             reals[] = {1.5, (double) NAN, -0.0, 0};

    w = (world){0};
    assert_int_equal(schema_new(0, fields, 4, NULL, 0, false, &w.schema, &w.err), FIRN_OK);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(column_builder_new(w.schema->fields[i].type, 1 << 20, &columns[i], &w.err), FIRN_OK);
    for (unsigned i = 0; i < 4; i++) {
        column_builder *child = column_child(columns[3], 0);
        assert_int_equal(i == 1 ? column_add_null(columns[0], &w.err) : column_add_i64(columns[0], numbers[i], &w.err), 0);
        assert_int_equal(column_add_text(columns[1], texts[i], &w.err), 0);
        assert_int_equal(i == 3 ? column_add_null(columns[2], &w.err) : column_add_double(columns[2], reals[i], &w.err), 0);
        if (i == 2) {
            assert_int_equal(column_add_null(columns[3], &w.err), 0);
            continue;
        }
        assert_int_equal(i == 1 ? column_add_null(child, &w.err) : column_add_i64(child, 7 + (i == 3) * 2, &w.err), 0);
        assert_int_equal(column_end(columns[3], &w.err), 0);
    }
    assert_int_equal(batch_from_builders(w.schema, columns, &w.rows, &w.err), 0);
    for (unsigned i = 0; i < 4; i++) column_builder_free(columns[i]);
    *state = &w;
    return 0;
}

static int
end(void **state)
{
    world *w = *state;

    batch_done(&w->rows);
    schema_unref(w->schema);
    firn_arena_done(&w->arena);
    return 0;
}

static scan_predicate
leaf(world *w, int32_t id, predicate_kind kind, compare_op op, const single_value *value)
{
    scan_predicate p = {.kind = kind, .op = op, .value_count = value ? 1 : 0, .values = value};
    bool           found = false;

    assert_int_equal(column_path_find(w->schema, id, &w->arena, &p.column, &found, &w->err), 0);
    assert_true(found);
    return p;
}

static void
expect_rows(world *w, const scan_predicate *p, const char *expected)
{
    uint8_t keep[4];
    char    text[5] = {0};

    assert_int_equal(scan_predicate_rows(p, w->schema, &w->rows.array, keep, &w->err), 0);
    for (int i = 0; i < 4; i++) text[i] = keep[i] ? '1' : '0';
    assert_string_equal(text, expected);
}

static void
null_matches_no_comparison(void **state)
{
    world             *w = *state;
    const single_value three = {.integer = 3};
    scan_predicate     p = leaf(w, 1, PREDICATE_COMPARE, COMPARE_GREATER_EQUAL, &three);

    expect_rows(w, &p, "0011");
    p.op = COMPARE_LESS;
    expect_rows(w, &p, "1000");
    p.op = COMPARE_NOT_EQUAL;
    expect_rows(w, &p, "1001");
    p.kind = PREDICATE_NOT_IN;
    expect_rows(w, &p, "1001");
    p.kind = PREDICATE_IS_NULL;
    expect_rows(w, &p, "0100");
    p.kind = PREDICATE_NOT_NULL;
    expect_rows(w, &p, "1011");
    p.kind = PREDICATE_NEVER;
    expect_rows(w, &p, "0000");
}

static void
nan_is_the_greatest_and_zeros_are_equal(void **state)
{
    world             *w = *state;
    const single_value zero = {.real = 0.0}, nan = {.real = (double) NAN};
    scan_predicate     p = leaf(w, 3, PREDICATE_COMPARE, COMPARE_EQUAL, &zero);

    expect_rows(w, &p, "0010");
    p.op = COMPARE_GREATER;
    expect_rows(w, &p, "1100");
    p.values = &nan;
    p.op = COMPARE_EQUAL;
    expect_rows(w, &p, "0100");
    p.op = COMPARE_LESS;
    expect_rows(w, &p, "1010");
}

static void
a_field_of_a_null_struct_is_null(void **state)
{
    world             *w = *state;
    const single_value nine = {.integer = 9};
    scan_predicate     p = leaf(w, 5, PREDICATE_COMPARE, COMPARE_LESS, &nine);

    expect_rows(w, &p, "1000");
    p.kind = PREDICATE_IS_NULL;
    expect_rows(w, &p, "0110");
}

static void
and_or_join_rows(void **state)
{
    world             *w = *state;
    const single_value three = {.integer = 3}, a = {.bytes = {(const uint8_t *) "a", 1}};
    scan_predicate     n = leaf(w, 1, PREDICATE_COMPARE, COMPARE_LESS_EQUAL, &three);
    scan_predicate     t = leaf(w, 2, PREDICATE_COMPARE, COMPARE_LESS_EQUAL, &a);
    scan_predicate    *children[] = {&n, &t};
    scan_predicate     both = {.kind = PREDICATE_AND, .child_count = 2, .children = children};

    expect_rows(w, &both, "1000");
    both.kind = PREDICATE_OR;
    expect_rows(w, &both, "1011");
}

static void
only_what_is_known_prunes(void **state)
{
    world             *w = *state;
    const single_value five = {.integer = 5}, real = {.real = 5};
    const column_facts unknown = {-1, -1, -1, false, false, {0}, {0}};
    const column_facts up_to_four = {10, 0, -1, true, true, {.integer = 1}, {.integer = 4}};
    const column_facts nulls = {10, 10, -1, false, false, {0}, {0}};
    column_facts       reals = {10, 0, -1, true, true, {.real = 1}, {.real = 4}};
    scan_predicate     p = leaf(w, 1, PREDICATE_COMPARE, COMPARE_GREATER_EQUAL, &five);

    assert_true(predicate_leaf_may_match(&p, &unknown));
    assert_false(predicate_leaf_may_match(&p, &up_to_four));
    p.op = COMPARE_LESS;
    assert_true(predicate_leaf_may_match(&p, &up_to_four));
    assert_false(predicate_leaf_may_match(&p, &nulls));
    p.kind = PREDICATE_IS_NULL;
    assert_true(predicate_leaf_may_match(&p, &nulls));
    assert_false(predicate_leaf_may_match(&p, &up_to_four));

    /* there may be a NaN above the bound */
    p = leaf(w, 3, PREDICATE_COMPARE, COMPARE_GREATER, &real);
    assert_true(predicate_leaf_may_match(&p, &reals));
    reals.nan_count = 0;
    assert_false(predicate_leaf_may_match(&p, &reals));
}

/* Whether partitions of `t` with the value can hold rows for the comparison. */
static bool
partition_may(world *w, int32_t id, transform t, compare_op op, single_value literal, const single_value *stored)
{
    scan_predicate  p = leaf(w, id, PREDICATE_COMPARE, op, &literal);
    partition_field field = {id, 1000, "p", t};
    partition_spec  spec = {0, 1, &field, NULL};
    data_type       result;
    firn_slice      value = {0};

    assert_true(transform_result_type(t, p.column.field->type, &result));
    if (stored) assert_int_equal(single_value_new(&result, stored, &w->arena, &value, &w->err), 0);
    return partition_may_match(&p, &spec, &value);
}

static void
partitions_are_pruned_through_their_transform(void **state)
{
    world             *w = *state;
    const transform    ten = {TRANSFORM_TRUNCATE, 10}, identity = {TRANSFORM_IDENTITY, 0}, bucket = {TRANSFORM_BUCKET, 16};
    const single_value twenty = {.integer = 20}, v19 = {.integer = 19}, v25 = {.integer = 25};
    single_value       hashed;

    assert_true(partition_may(w, 1, identity, COMPARE_EQUAL, twenty, &twenty));
    assert_false(partition_may(w, 1, identity, COMPARE_NOT_EQUAL, twenty, NULL));
    assert_true(partition_may(w, 1, identity, COMPARE_NOT_EQUAL, twenty, &v19));
    assert_true(partition_may(w, 1, ten, COMPARE_EQUAL, v25, &twenty));
    assert_false(partition_may(w, 1, ten, COMPARE_EQUAL, v19, &twenty));
    assert_false(partition_may(w, 1, ten, COMPARE_LESS, twenty, &twenty));
    assert_true(partition_may(w, 1, ten, COMPARE_LESS_EQUAL, twenty, &twenty));
    assert_true(partition_may(w, 1, ten, COMPARE_GREATER, v25, &twenty));
    assert_false(partition_may(w, 1, ten, COMPARE_GREATER, (single_value){.integer = 29}, &twenty));

    assert_int_equal(transform_apply_decoded(bucket, &type_long, &v25, &hashed, &w->err), 0);
    assert_true(partition_may(w, 1, bucket, COMPARE_EQUAL, v25, &hashed));
    assert_true(partition_may(w, 1, bucket, COMPARE_LESS, twenty, &hashed));
    hashed.integer = (hashed.integer + 1) % 16;
    assert_false(partition_may(w, 1, bucket, COMPARE_EQUAL, v25, &hashed));
}

static void
times_before_1970_may_be_one_too_high(void **state)
{
    world             *w = *state;
    const transform    day = {TRANSFORM_DAY, 0};
    const schema_field ts[] = {{.id = 1, .name = "ts", .type = &type_timestamp}};
    const single_value noon = {.integer = -INT64_C(43200) * 1000000}, minus_one = {.integer = -1}, zero = {0},
                       minus_two = {.integer = -2};

    schema_unref(w->schema);
    assert_int_equal(schema_new(0, ts, 1, NULL, 0, false, &w->schema, &w->err), 0);
    assert_true(partition_may(w, 1, day, COMPARE_EQUAL, noon, &minus_one));
    assert_true(partition_may(w, 1, day, COMPARE_EQUAL, noon, &zero));
    assert_false(partition_may(w, 1, day, COMPARE_EQUAL, noon, &minus_two));
    assert_true(partition_may(w, 1, day, COMPARE_LESS, noon, &zero));
    assert_true(partition_may(w, 1, day, COMPARE_GREATER, noon, &zero));
}

static void
equality_keys_delete_older_rows_only(void **state)
{
    world                                      *w = *state;
    FIRN_AUTO(equality_set_freep) equality_set *set = NULL;
    column_path                                 columns[2];
    bool                                        found;
    uint8_t                                     keep[4] = {1, 1, 1, 1};
    FIRN_AUTO(firn_buffer_done) firn_buffer     key = {0};

    firn_buffer_init(&key, 1 << 20);
    assert_int_equal(column_path_find(w->schema, 1, &w->arena, &columns[0], &found, &w->err), 0);
    assert_int_equal(column_path_find(w->schema, 2, &w->arena, &columns[1], &found, &w->err), 0);
    assert_int_equal(equality_set_new(columns, 2, 1 << 20, &set, &w->err), 0);
    w->rows.array.length = 3; /* the rows with nulls are among them */
    assert_int_equal(equality_set_add(set, w->schema, &w->rows.array, 7, &w->err), 0);
    assert_int_equal(equality_set_add(set, w->schema, &w->rows.array, 5, &w->err), 0);
    w->rows.array.length = 4;
    assert_int_equal(equality_set_count(set), 3);
    assert_int_equal(equality_set_apply(set, w->schema, &w->rows.array, 7, &key, keep, &w->err), 0);
    assert_memory_equal(keep, "\1\1\1\1", 4);
    assert_int_equal(equality_set_apply(set, w->schema, &w->rows.array, 6, &key, keep, &w->err), 0);
    assert_memory_equal(keep, "\0\0\0\1", 4);
}

static void
too_many_equality_keys_are_refused(void **state)
{
    world                                      *w = *state;
    FIRN_AUTO(equality_set_freep) equality_set *set = NULL;
    column_path                                 column;
    bool                                        found;

    assert_int_equal(column_path_find(w->schema, 1, &w->arena, &column, &found, &w->err), 0);
    assert_int_equal(equality_set_new(&column, 1, 1024, &set, &w->err), 0);
    assert_int_equal(equality_set_add(set, w->schema, &w->rows.array, 7, &w->err), FIRN_UNSUPPORTED);
    assert_int_equal(w->err.code, FIRN_E_SCAN_LIMIT);
    firn_error_reset(&w->err);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(null_matches_no_comparison),
        TEST(nan_is_the_greatest_and_zeros_are_equal),
        TEST(a_field_of_a_null_struct_is_null),
        TEST(and_or_join_rows),
        TEST(only_what_is_known_prunes),
        TEST(partitions_are_pruned_through_their_transform),
        TEST(times_before_1970_may_be_one_too_high),
        TEST(equality_keys_delete_older_rows_only),
        TEST(too_many_equality_keys_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
