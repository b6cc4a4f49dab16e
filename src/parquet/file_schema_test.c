#include "parquet/file_schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define REQ PARQUET_REQUIRED
#define OPT PARQUET_OPTIONAL
#define REP PARQUET_REPEATED
#define GROUP(name_, repetition_, children_, converted_) \
    {.name = (name_), .is_group = true, .repetition = (repetition_), .child_count = (children_), .converted = (converted_), .field_id = -1}
#define LEAF(name_, repetition_) \
    {.name = (name_), .type = PARQUET_INT32, .repetition = (repetition_), .converted = PARQUET_CONVERTED_NONE, .field_id = -1}
#define PLAIN PARQUET_CONVERTED_NONE
#define LIST PARQUET_CONVERTED_LIST
#define MAP PARQUET_CONVERTED_MAP

typedef struct tree {
    firn_arena          arena;
    firn_error          err;
    const parquet_node *root;
} tree;

static firn_status
read_tree(tree *t, const parquet_element *elements, unsigned count)
{
    parquet_metadata m = {.element_count = count, .elements = elements};
    *t = (tree){0};
    return file_schema_read("f", &m, &t->arena, &t->root, &t->err);
}

static void
assert_node(const parquet_node *node, parquet_node_kind kind, unsigned repetition, unsigned slot, unsigned definition)
{
    assert_int_equal(node->kind, kind);
    assert_int_equal(node->repetition, repetition);
    assert_int_equal(node->slot_definition, slot);
    assert_int_equal(node->definition, definition);
}

static void
structs_add_their_definition_but_no_slots(void **state)
{
    (void) state;
    tree t;
    const parquet_element elements[] = {GROUP("root", REQ, 2, PLAIN), GROUP("s", OPT, 2, PLAIN), LEAF("a", REQ), LEAF("b", OPT),
                                        LEAF("c", OPT)};
    assert_int_equal(read_tree(&t, elements, 5), FIRN_OK);
    const parquet_node *s = &t.root->children[0];

    assert_node(s, NODE_STRUCT, 0, 0, 1);
    assert_node(&s->children[0], NODE_LEAF, 0, 0, 1);
    assert_node(&s->children[1], NODE_LEAF, 0, 0, 2);
    assert_node(&t.root->children[1], NODE_LEAF, 0, 0, 1);
    assert_int_equal(t.root->children[1].leaf_first, 2);
    assert_int_equal(s->leaf_count, 2);
    firn_arena_done(&t.arena);
}

static void
three_level_lists_are_one_node(void **state)
{
    (void) state;
    tree t;
    const parquet_element elements[] = {GROUP("root", REQ, 1, PLAIN), GROUP("l", OPT, 1, LIST), GROUP("list", REP, 1, PLAIN),
                                        GROUP("element", OPT, 1, LIST), GROUP("list", REP, 1, PLAIN), LEAF("element", OPT)};
    assert_int_equal(read_tree(&t, elements, 6), FIRN_OK);
    const parquet_node *outer = &t.root->children[0], *inner = &outer->children[0];

    assert_node(outer, NODE_LIST, 0, 0, 1);
    assert_node(inner, NODE_LIST, 1, 2, 3);
    assert_node(&inner->children[0], NODE_LEAF, 2, 4, 5);
    assert_true(inner->children[0].is_optional);
    firn_arena_done(&t.arena);
}

/* LogicalTypes.md, "Backward-compatibility rules": the element of each of the examples. */
static void
legacy_lists_follow_the_five_rules(void **state)
{
    (void) state;
    tree t;

    const parquet_element rule1[] = {GROUP("root", REQ, 1, PLAIN), GROUP("my_list", OPT, 1, LIST), LEAF("element", REP)};
    assert_int_equal(read_tree(&t, rule1, 3), FIRN_OK);
    assert_node(&t.root->children[0].children[0], NODE_LEAF, 1, 2, 2);
    assert_false(t.root->children[0].children[0].is_optional);
    firn_arena_done(&t.arena);

    const parquet_element rule2[] = {GROUP("root", REQ, 1, PLAIN), GROUP("my_list", OPT, 1, LIST), GROUP("element", REP, 2, PLAIN),
                                     LEAF("str", REQ), LEAF("num", REQ)};
    assert_int_equal(read_tree(&t, rule2, 5), FIRN_OK);
    assert_node(&t.root->children[0].children[0], NODE_STRUCT, 1, 2, 2);
    firn_arena_done(&t.arena);

    const parquet_element rule3[] = {GROUP("root", REQ, 1, PLAIN), GROUP("my_list", OPT, 1, LIST), GROUP("array", REP, 1, LIST),
                                     LEAF("array", REP)};
    assert_int_equal(read_tree(&t, rule3, 4), FIRN_OK);
    const parquet_node *inner = &t.root->children[0].children[0];
    assert_node(inner, NODE_LIST, 1, 2, 2);
    assert_node(&inner->children[0], NODE_LEAF, 2, 3, 3);
    firn_arena_done(&t.arena);

    static const char *const rule4_names[] = {"array", "my_list_tuple"};
    for (size_t i = 0; i < FIRN_COUNT(rule4_names); i++) {
        const parquet_element rule4[] = {GROUP("root", REQ, 1, PLAIN), GROUP("my_list", OPT, 1, LIST),
                                         GROUP(rule4_names[i], REP, 1, PLAIN), LEAF("str", REQ)};
        assert_int_equal(read_tree(&t, rule4, 4), FIRN_OK);
        assert_node(&t.root->children[0].children[0], NODE_STRUCT, 1, 2, 2);
        firn_arena_done(&t.arena);
    }

    const parquet_element rule5[] = {GROUP("root", REQ, 1, PLAIN), GROUP("my_list", OPT, 1, LIST), GROUP("element", REP, 1, PLAIN),
                                     LEAF("str", OPT)};
    assert_int_equal(read_tree(&t, rule5, 4), FIRN_OK);
    assert_node(&t.root->children[0].children[0], NODE_LEAF, 1, 2, 3);
    firn_arena_done(&t.arena);
}

static void
repeated_fields_without_annotation_are_required_lists(void **state)
{
    (void) state;
    tree t;
    const parquet_element elements[] = {GROUP("root", REQ, 2, PLAIN), LEAF("num", REP), GROUP("my_list", REP, 2, PLAIN),
                                        LEAF("num", REQ), LEAF("str", OPT)};
    assert_int_equal(read_tree(&t, elements, 5), FIRN_OK);

    assert_node(&t.root->children[0], NODE_LIST, 0, 0, 0);
    assert_node(&t.root->children[0].children[0], NODE_LEAF, 1, 1, 1);
    assert_node(&t.root->children[1], NODE_LIST, 0, 0, 0);
    assert_node(&t.root->children[1].children[0], NODE_STRUCT, 1, 1, 1);
    assert_node(&t.root->children[1].children[0].children[1], NODE_LEAF, 1, 1, 2);
    firn_arena_done(&t.arena);
}

static void
maps_have_keys_and_values_whatever_their_names(void **state)
{
    (void) state;
    tree t;
    const parquet_element elements[] = {GROUP("root", REQ, 2, PLAIN), GROUP("m", OPT, 1, MAP), GROUP("map", REP, 2, PLAIN),
                                        LEAF("str", REQ), LEAF("num", OPT), GROUP("set", REQ, 1, PARQUET_CONVERTED_MAP_KEY_VALUE),
                                        GROUP("key_value", REP, 1, PLAIN), LEAF("key", REQ)};
    table_schema *schema = NULL;
    assert_int_equal(read_tree(&t, elements, 8), FIRN_OK);

    assert_node(&t.root->children[0], NODE_MAP, 0, 0, 1);
    assert_node(&t.root->children[0].children[0], NODE_LEAF, 1, 2, 2);
    assert_node(&t.root->children[0].children[1], NODE_LEAF, 1, 2, 3);
    assert_node(&t.root->children[1], NODE_LIST, 0, 0, 0);

    assert_int_equal(file_schema_table("f", t.root, &schema, &t.err), FIRN_OK);
    assert_string_equal(schema->fields[0].type->fields[1].name, "value");
    assert_true(schema->fields[0].type->fields[0].required);
    assert_int_equal(schema->fields[1].id, 2); /* ids are given as in a new table */
    schema_unref(schema);
    firn_arena_done(&t.arena);
}

static void
shapes_that_cannot_be_are_refused(void **state)
{
    (void) state;
    tree t;
    const parquet_element no_repeated[] = {GROUP("root", REQ, 1, PLAIN), GROUP("l", OPT, 1, LIST), LEAF("element", OPT)};
    assert_int_equal(read_tree(&t, no_repeated, 3), FIRN_CORRUPT);
    firn_arena_done(&t.arena);
    const parquet_element two[] = {GROUP("root", REQ, 1, PLAIN), GROUP("l", OPT, 2, LIST), LEAF("a", REP), LEAF("b", REP)};
    assert_int_equal(read_tree(&t, two, 4), FIRN_CORRUPT);
    firn_arena_done(&t.arena);
    const parquet_element flat_map[] = {GROUP("root", REQ, 1, PLAIN), GROUP("m", OPT, 1, MAP), LEAF("key_value", REP)};
    assert_int_equal(read_tree(&t, flat_map, 3), FIRN_CORRUPT);
    firn_arena_done(&t.arena);

    static parquet_element deep[200];
    for (unsigned i = 0; i < 200; i++) deep[i] = (parquet_element) GROUP("g", OPT, 1, PLAIN);
    deep[199] = (parquet_element) LEAF("x", OPT);
    assert_int_equal(read_tree(&t, deep, 200), FIRN_UNSUPPORTED);
    firn_arena_done(&t.arena);
}

static void
unsigned_integers_become_a_type_that_holds_them(void **state)
{
    (void) state;
    data_type       type;
    parquet_element e = LEAF("u", REQ);
    e.converted       = PARQUET_CONVERTED_UINT_16;
    assert_true(file_schema_leaf_type(&e, &type));
    assert_int_equal(type.kind, TYPE_INT);
    e.converted = PARQUET_CONVERTED_UINT_32;
    assert_true(file_schema_leaf_type(&e, &type));
    assert_int_equal(type.kind, TYPE_LONG);
    e.converted = PARQUET_CONVERTED_UINT_64;
    e.type      = PARQUET_INT64;
    assert_true(file_schema_leaf_type(&e, &type));
    assert_int_equal(type.kind, TYPE_DECIMAL);
    assert_int_equal(type.precision, 20);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structs_add_their_definition_but_no_slots),
        cmocka_unit_test(three_level_lists_are_one_node),
        cmocka_unit_test(legacy_lists_follow_the_five_rules),
        cmocka_unit_test(repeated_fields_without_annotation_are_required_lists),
        cmocka_unit_test(maps_have_keys_and_values_whatever_their_names),
        cmocka_unit_test(shapes_that_cannot_be_are_refused),
        cmocka_unit_test(unsigned_integers_become_a_type_that_holds_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
