#include "cli/yaml_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"

typedef struct world {
    firn_arena       arena;
    firn_error       err;
    const yaml_node *root;
} world;

static void
world_done(world *w)
{
    firn_arena_done(&w->arena);
}

static firn_status
parse(world *w, const char *text)
{
    return yaml_tree_parse(firn_slice_text(text), "x.yaml", &w->arena, &w->root, &w->err);
}

static void
lines_and_kinds_are_kept(void **state FIRN_UNUSED)
{
    FIRN_AUTO(world_done) world w = {0};

    assert_int_equal(parse(&w, "# c\na: 1\nb:\n  - x\n  - 2.5\nc: {d: yes, e: true, f: ~, g: '1'}\n"), FIRN_OK);

    assert_int_equal(w.root->kind, YAML_MAP);
    assert_int_equal(yaml_get(w.root, "a")->kind, YAML_INTEGER);
    assert_int_equal(yaml_get(w.root, "a")->line, 2);
    const yaml_node *b = yaml_get(w.root, "b"), *c = yaml_get(w.root, "c");
    assert_int_equal(b->kind, YAML_LIST);
    assert_int_equal(b->count, 2);
    assert_string_equal(b->members[0].value->text, "x");
    assert_int_equal(b->members[1].value->kind, YAML_REAL);
    assert_int_equal(b->members[1].value->line, 5);
    assert_int_equal(yaml_get(c, "d")->kind, YAML_TEXT);
    assert_int_equal(yaml_get(c, "e")->kind, YAML_BOOL);
    assert_int_equal(yaml_get(c, "f")->kind, YAML_NULL);
    assert_int_equal(yaml_get(c, "g")->kind, YAML_TEXT);
    assert_null(yaml_get(c, "h"));
    assert_int_equal(yaml_get_member(w.root, "b")->key_line, 3);
}

static void
empty_file_is_nothing(void **state FIRN_UNUSED)
{
    FIRN_AUTO(world_done) world w = {0};

    assert_int_equal(parse(&w, "# only a comment\n"), FIRN_OK);

    assert_int_equal(w.root->kind, YAML_NULL);
}

static void
alias_stands_for_its_anchor(void **state FIRN_UNUSED)
{
    FIRN_AUTO(world_done) world w = {0};

    assert_int_equal(parse(&w, "a: &x {k: v}\nb: *x\n"), FIRN_OK);

    assert_string_equal(yaml_get(yaml_get(w.root, "b"), "k")->text, "v");
}

static void
refused_with_line(void **state FIRN_UNUSED)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"a: 1\na: 2\n", "x.yaml:2: the key 'a' is there already, in line 1"},
        {"a: [1\n", "x.yaml:2:"},
        {"a:\n\t- 1\n", "x.yaml:2:"},
        {"a: !!int 1\n", "tags"},
        {"a: &x {b: &y 1, c: *y}\n", "anchored value"},
        {"a: *nowhere\n", "no anchor"},
        {"a: &x {b: 1}\nc: {<<: *x}\n", "merge keys"},
        {"? [a]\n: 1\n", "key"},
        {"a: 1\n---\nb: 2\n", "one document"},
        {"a: \"x\\0y\"\n", "NUL"},
        {"{a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: 1}}}}}}}}}}}}}\n", "deeply"},
        {"'': 1\n", "empty"},
        {"a: \xff\n", "x.yaml:1"},
    };

    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        FIRN_AUTO(world_done) world w = {0};
        assert_int_equal(parse(&w, cases[i].text), FIRN_USAGE);
        assert_int_equal(w.err.code, FIRN_E_CONFIG_SYNTAX);
        if (!strstr(w.err.cause, cases[i].words)) print_error("case %zu: %s\n", i, w.err.cause);
        assert_non_null(strstr(w.err.cause, cases[i].words));
    }
}

/* 100 aliases of a node with 1,000 values would still be fine; more aliases are not. */
static void
aliases_are_limited(void **state FIRN_UNUSED)
{
    FIRN_AUTO(world_done) world             w = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};

    firn_buffer_init(&text, 1 << 16);
    assert_int_equal(firn_buffer_add_text(&text, "a: &x 1\nb: [", &w.err), FIRN_OK);
    for (int i = 0; i < 101; i++) {
        assert_int_equal(firn_buffer_add_text(&text, "*x , ", &w.err), FIRN_OK);
    }
    assert_int_equal(firn_buffer_add_text(&text, "]\n", &w.err), FIRN_OK);
    assert_int_equal(firn_buffer_add_byte(&text, 0, &w.err), FIRN_OK);

    assert_int_equal(parse(&w, (const char *) text.data), FIRN_USAGE);

    assert_non_null(strstr(w.err.cause, "too many aliases"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_and_kinds_are_kept),    cmocka_unit_test(empty_file_is_nothing),
        cmocka_unit_test(alias_stands_for_its_anchor), cmocka_unit_test(refused_with_line),
        cmocka_unit_test(aliases_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
