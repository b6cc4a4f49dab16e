#include "storage/location.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
each_spelling_gives_the_same_path(void **state)
{
    static const char *const spellings[] = {"file:///a/b c%20", "file:/a/b c%20", "file://localhost/a/b c%20", "/a/b c%20", "//a/b c%20"};

    (void) state;
    for (size_t i = 0; i < FIRN_COUNT(spellings); i++) {
        firn_error  err = {0};
        const char *path;
        assert_int_equal(location_path(spellings[i], &path, &err), FIRN_OK);
        assert_string_equal(path, "/a/b c%20");
        assert_true(location_equal(spellings[i], "file:///a/b c%20"));
        assert_true(location_is_below(spellings[i], "file:/a/"));
        assert_false(location_is_remote(spellings[i]));
    }
}

static void
what_is_no_local_path_is_refused(void **state)
{
    static const char *const wrong[] = {"s3://bucket/a", "a/b", "", "file:", "file://host/a", "file:a", "C:/a", "/a/../b", "/..", "file:///a/.."};

    (void) state;
    for (size_t i = 0; i < FIRN_COUNT(wrong); i++) {
        firn_error  err = {0};
        const char *path;
        assert_int_equal(location_path(wrong[i], &path, &err), FIRN_USAGE);
        assert_int_equal(err.code, FIRN_E_STORAGE_LOCATION);
    }
    firn_error  err = {0};
    const char *path;
    assert_int_equal(location_path("/a/..b/c..", &path, &err), FIRN_OK);
    assert_true(location_is_remote("s3://b"));
}

static void
parts_are_joined_and_taken_apart(void **state)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};

    (void) state;
    assert_string_equal(location_join(&arena, "file:///a", "b"), "file:///a/b");
    assert_string_equal(location_join(&arena, "file:///a//", "b/c"), "file:///a/b/c");
    assert_string_equal(location_join(&arena, "/", "b"), "/b");
    assert_true(location_equal(location_join(&arena, "file:///", "b"), "/b"));
    assert_string_equal(location_name("file:///a/b.c"), "b.c");
    assert_string_equal(location_name("b"), "b");
    assert_string_equal(location_parent(&arena, "file:///a/b/"), "file:///a");
    assert_string_equal(location_parent(&arena, "/a"), "/");
}

static void
below_means_below_and_not_beside(void **state)
{
    (void) state;
    assert_true(location_is_below("/a/b", "/a"));
    assert_true(location_is_below("/a", "/"));
    assert_false(location_is_below("/ab", "/a"));
    assert_false(location_is_below("/a", "/a"));
    assert_false(location_is_below("/a/", "/a"));
    assert_true(location_is_below("s3://b/x/y", "s3://b/x"));
    assert_false(location_equal("s3://b/x", "s3://b/y"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_spelling_gives_the_same_path),
        cmocka_unit_test(what_is_no_local_path_is_refused),
        cmocka_unit_test(parts_are_joined_and_taken_apart),
        cmocka_unit_test(below_means_below_and_not_beside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
