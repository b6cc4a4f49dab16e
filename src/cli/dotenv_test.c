#include "cli/dotenv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/config_expand.h"

typedef struct world {
    firn_arena arena;
    firn_error err;
    dotenv     env;
} world;

static void
world_done(world *w)
{
    dotenv_done(&w->env);
    firn_arena_done(&w->arena);
}

static firn_status
parse(world *w, const char *text)
{
    return dotenv_parse(firn_slice_text(text), ".env", &w->arena, &w->env, &w->err);
}

static void
forms_of_a_line(void **state FIRN_UNUSED)
{
    FIRN_AUTO(world_done) world w = {0};

    assert_int_equal(parse(&w, "# comment\n\n  A_1=plain\nexport B_1 = spaced out  # note\nC_1='single # $x \\n'\n"
                               "D_1=\"a\\n\\\"b\\\" \\$x\" # note\nE_1=\r\nF_1=a#b\nA_1=again"),
                     FIRN_OK);

    assert_string_equal(dotenv_get(&w.env, "A_1", NULL), "again");
    assert_string_equal(dotenv_get(&w.env, "B_1", NULL), "spaced out");
    assert_string_equal(dotenv_get(&w.env, "C_1", NULL), "single # $x \\n");
    assert_string_equal(dotenv_get(&w.env, "D_1", NULL), "a\n\"b\" $x");
    assert_string_equal(dotenv_get(&w.env, "E_1", NULL), "");
    assert_string_equal(dotenv_get(&w.env, "F_1", NULL), "a#b");
    assert_null(dotenv_get(&w.env, "G_1", NULL));
}

static void
wrong_lines_are_named_without_their_value(void **state FIRN_UNUSED)
{
    static const char *const cases[] = {"A=1\nsecret value\n",      "A=1\n1A=secret\n", "A=1\nB='secret\n",
                                        "A=1\nB=\"secret\" more\n", "A=1\n=secret\n",   "A=1\nB-C=secret\n"};

    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        FIRN_AUTO(world_done) world w = {0};
        assert_int_equal(parse(&w, cases[i]), FIRN_USAGE);
        assert_non_null(strstr(w.err.cause, ".env:2:"));
        assert_null(strstr(w.err.cause, "secret"));
    }
}

static void
environment_wins_over_the_file(void **state FIRN_UNUSED)
{
    FIRN_AUTO(world_done) world w = {0};
    bool                        from_file = false;

    assert_int_equal(parse(&w, "DOTENV_TEST=file\n"), FIRN_OK);
    assert_string_equal(dotenv_get(&w.env, "DOTENV_TEST", &from_file), "file");
    assert_true(from_file);
    setenv("DOTENV_TEST", "process", 1);
    assert_string_equal(dotenv_get(&w.env, "DOTENV_TEST", &from_file), "process");
    assert_false(from_file);
    unsetenv("DOTENV_TEST");
}

static firn_status
expand(world *w, const char *text, const char **ret_text)
{
    return config_expand(text, "x.yaml:7", &w->env, &w->arena, ret_text, &w->err);
}

static void
references_are_expanded(void **state FIRN_UNUSED)
{
    FIRN_AUTO(world_done) world w = {0};
    const char                 *text = NULL;

    assert_int_equal(parse(&w, "HOST_1=db\nPORT_1=99\n"), FIRN_OK);
    assert_int_equal(expand(&w, "x${HOST_1}:${PORT_1}$y", &text), FIRN_OK);
    assert_string_equal(text, "xdb:99$y");
    assert_int_equal(expand(&w, "$${HOST_1}", &text), FIRN_OK);
    assert_string_equal(text, "${HOST_1}");
    assert_int_equal(expand(&w, "${command:printf 'a b\\n\\n'}", &text), FIRN_OK);
    assert_string_equal(text, "a b\n");
    assert_int_equal(expand(&w, "", &text), FIRN_OK);
    assert_string_equal(text, "");
}

static void
reference_to_a_file_loses_its_newline(void **state FIRN_UNUSED)
{
    FIRN_AUTO(world_done) world w = {0};
    char                        path[] = "dotenv_test_XXXXXX", reference[64];
    const char                 *text = NULL;
    int                         fd = mkstemp(path);

    assert_int_equal(write(fd, "word\r\n", 6), 6);
    close(fd);
    snprintf(reference, sizeof reference, "${file:%s}", path);
    assert_int_equal(expand(&w, reference, &text), FIRN_OK);
    assert_string_equal(text, "word");
    unlink(path);
}

static void
wrong_references_name_file_and_line(void **state FIRN_UNUSED)
{
    static const char *const cases[] = {"${NOT_SET_ANYWHERE}",
                                        "${",
                                        "${}",
                                        "${a b}",
                                        "${file:/not/there}",
                                        "${command:exit 3}",
                                        "${1A}",
                                        "${file:}",
                                        "${command:printf 'a\\0b'}"};

    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        FIRN_AUTO(world_done) world w = {0};
        const char                 *text = NULL;
        assert_int_equal(expand(&w, cases[i], &text), FIRN_USAGE);
        assert_int_equal(w.err.code, FIRN_E_CONFIG_VARIABLE);
        assert_non_null(strstr(w.err.cause, "x.yaml:7"));
    }
}

static void
whole_references_are_told_from_parts(void **state FIRN_UNUSED)
{
    assert_true(config_is_reference("${A}"));
    assert_false(config_is_reference("x${A}"));
    assert_false(config_is_reference("${A}${B}"));
    assert_true(config_has_reference("x${A}"));
    assert_false(config_has_reference("$${A}"));
    assert_false(config_has_reference("$A"));
}

static void
loose_file_is_noticed(void **state FIRN_UNUSED)
{
    FIRN_AUTO(world_done) world w = {0};
    FIRN_AUTO(world_done) world missing = {0};
    char                        path[] = "dotenv_test_XXXXXX";
    int                         fd = mkstemp(path);

    assert_int_equal(write(fd, "A=1\n", 4), 4);
    close(fd);
    chmod(path, 0640);
    assert_int_equal(dotenv_read(path, &w.arena, &w.env, &w.err), FIRN_OK);
    assert_true(w.env.loose);
    unlink(path);
    assert_int_equal(dotenv_read(path, &missing.arena, &missing.env, &missing.err), FIRN_OK);
    assert_null(missing.env.path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_of_a_line),
        cmocka_unit_test(wrong_lines_are_named_without_their_value),
        cmocka_unit_test(environment_wins_over_the_file),
        cmocka_unit_test(references_are_expanded),
        cmocka_unit_test(reference_to_a_file_loses_its_newline),
        cmocka_unit_test(wrong_references_name_file_and_line),
        cmocka_unit_test(whole_references_are_told_from_parts),
        cmocka_unit_test(loose_file_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
