#include "parquet/read_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const data_type int_type = {.kind = TYPE_INT}, long_type = {.kind = TYPE_LONG};

static const parquet_element ints[] = {{.name = "a", .type = PARQUET_INT32, .converted = -1}};

/* A file without ids: a, b, s { x, y } as leaves 0 to 3. */
static parquet_node inner[] = {
    {.kind = NODE_LEAF, .name = "x", .field_id = -1, .is_optional = true, .definition = 2, .element = ints, .leaf_first = 2, .leaf_count = 1},
    {.kind = NODE_LEAF, .name = "y", .field_id = -1, .is_optional = true, .definition = 2, .element = ints, .leaf_first = 3, .leaf_count = 1},
};
static parquet_node top[] = {
    {.kind = NODE_LEAF, .name = "a", .field_id = -1, .is_optional = true, .definition = 1, .element = ints, .leaf_first = 0, .leaf_count = 1},
    {.kind = NODE_LEAF, .name = "b", .field_id = -1, .is_optional = true, .definition = 1, .element = ints, .leaf_first = 1, .leaf_count = 1},
    {.kind = NODE_STRUCT, .name = "s", .field_id = -1, .is_optional = true, .definition = 1, .child_count = 2, .children = inner, .leaf_first = 2, .leaf_count = 2},
};
static const parquet_node root = {.kind = NODE_STRUCT, .name = "root", .field_id = -1, .child_count = 3, .children = top, .leaf_count = 4};

static const schema_field struct_fields[] = {{.id = 5, .name = "renamed_y", .type = &long_type}, {.id = 4, .name = "x", .type = &int_type}};
static const data_type    struct_type = {.kind = TYPE_STRUCT, .field_count = 2, .fields = struct_fields};
static const schema_field wanted[] = {{.id = 1, .name = "new_a", .type = &int_type}, {.id = 2, .name = "b", .type = &long_type},
                                      {.id = 3, .name = "s", .type = &struct_type}};

typedef struct plan_fixture {
    firn_arena    arena;
    table_schema *schema;
    read_plan     plan;
    firn_error    err;
} plan_fixture;

static firn_status
make_plan(plan_fixture *f, const char *mapping)
{
    *f = (plan_fixture){0};
    assert_int_equal(schema_new(0, wanted, FIRN_COUNT(wanted), NULL, 0, false, &f->schema, &f->err), FIRN_OK);
    return read_plan_make("f", &root, f->schema, mapping, false, &f->arena, &f->plan, &f->err);
}

static void
done_plan(plan_fixture *f)
{
    schema_unref(f->schema);
    firn_arena_done(&f->arena);
}

static void
a_file_without_ids_is_matched_by_name(void **state)
{
    (void) state;
    plan_fixture f;
    assert_int_equal(make_plan(&f, NULL), FIRN_OK);

    assert_int_equal(f.plan.nodes[0].kind, PLAN_MISSING); /* new_a */
    assert_int_equal(f.plan.nodes[1].kind, PLAN_LEAF);
    assert_ptr_equal(f.plan.columns[f.plan.nodes[1].column].leaf, &top[1]);
    assert_int_equal(f.plan.nodes[2].children[0].kind, PLAN_MISSING);
    assert_ptr_equal(f.plan.columns[f.plan.nodes[2].children[1].column].leaf, &inner[0]);
    assert_int_equal(f.plan.nodes[2].column, f.plan.nodes[2].children[1].column);
    assert_true(f.plan.columns[f.plan.nodes[1].column].is_flat);
    assert_false(f.plan.columns[f.plan.nodes[2].column].is_flat);
    done_plan(&f);
}

/* Iceberg spec, "Name Mapping Serialization". */
static void
a_name_mapping_gives_the_ids_of_a_file_that_has_none(void **state)
{
    (void) state;
    plan_fixture f;
    assert_int_equal(make_plan(&f, "[{\"field-id\": 1, \"names\": [\"old\", \"a\"]}, {\"field-id\": 7, \"names\": [\"b\"]},"
                                   " {\"names\": [\"z\"]}, {\"field-id\": 3, \"names\": [\"s\"], \"fields\":"
                                   " [{\"field-id\": 5, \"names\": [\"y\"]}, {\"field-id\": 4, \"names\": []}]}]"),
                     FIRN_OK);

    assert_int_equal(f.plan.nodes[0].kind, PLAN_LEAF);
    assert_int_equal(f.plan.columns[f.plan.nodes[0].column].leaf->leaf_first, 0);
    assert_int_equal(f.plan.nodes[1].kind, PLAN_MISSING); /* the file's b is another column */
    assert_int_equal(f.plan.nodes[2].children[0].kind, PLAN_LEAF);
    assert_int_equal(f.plan.columns[f.plan.nodes[2].children[0].column].leaf->leaf_first, 3);
    assert_int_equal(f.plan.nodes[2].children[1].kind, PLAN_MISSING);
    assert_int_equal(top[0].field_id, -1); /* the shared tree is as it was */
    done_plan(&f);

    assert_int_equal(make_plan(&f, "[{]"), FIRN_CORRUPT);
    done_plan(&f);
}

static void
ids_of_the_file_come_before_names(void **state)
{
    (void) state;
    plan_fixture f;
    top[0].field_id = 2;
    top[1].field_id = 1;
    assert_int_equal(make_plan(&f, "[{\"field-id\": 1, \"names\": [\"a\"]}]"), FIRN_OK);
    top[0].field_id = top[1].field_id = -1;

    assert_ptr_equal(f.plan.columns[f.plan.nodes[0].column].leaf, &top[1]);
    assert_ptr_equal(f.plan.columns[f.plan.nodes[1].column].leaf, &top[0]);
    assert_int_equal(f.plan.nodes[2].kind, PLAN_MISSING);
    done_plan(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_without_ids_is_matched_by_name),
        cmocka_unit_test(a_name_mapping_gives_the_ids_of_a_file_that_has_none),
        cmocka_unit_test(ids_of_the_file_come_before_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
