#include "base/file.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/sink.h"

static char folder[256], path[512];

static int
set_up(void **state)
{
    const char *base = getenv("TMPDIR");
    (void) state;

    snprintf(folder, sizeof folder, "%s/firn-file-XXXXXX", base ? base : P_tmpdir);
    if (!mkdtemp(folder)) return -1;
    snprintf(path, sizeof path, "%s/one", folder);
    return 0;
}

static int
tear_down(void **state)
{
    (void) state;
    unlink(path);
    return rmdir(folder); /* fails where something was left behind */
}

static void
written_file_is_read_back_with_its_mode(void **state)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {.size_bytes_max = 100};
    firn_error                              err = {0};
    (void) state;

    assert_false(file_exists(path));
    assert_int_equal(file_write_atomic(path, firn_slice_text("first"), 0644, &err), FIRN_OK);
    assert_int_equal(file_write_atomic(path, firn_slice_text("second"), 0600, &err), FIRN_OK);
    assert_true(file_exists(path));
    assert_int_equal(file_mode(path), 0600);
    assert_int_equal(firn_buffer_add_text(&out, "> ", &err), FIRN_OK);
    assert_int_equal(file_read(path, &out, &err), FIRN_OK);
    assert_int_equal(out.size, 8);
    assert_memory_equal(out.data, "> second", 8);
}

static void
file_larger_than_the_limit_is_refused(void **state)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer exact = {.size_bytes_max = 6}, small = {.size_bytes_max = 5};
    firn_error                              err = {0};
    (void) state;

    assert_int_equal(file_write_atomic(path, firn_slice_text("second"), 0600, &err), FIRN_OK);
    assert_int_equal(file_read(path, &exact, &err), FIRN_OK);
    assert_int_equal(exact.size, 6);
    assert_int_equal(file_read(path, &small, &err), FIRN_IO);
    firn_buffer_done(&small);
}

static void
missing_things_are_named(void **state)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {.size_bytes_max = 10};
    firn_error                              err = {0};
    char                                    missing[600];
    (void) state;

    snprintf(missing, sizeof missing, "%s/nowhere/x", folder);
    assert_int_equal(file_read(missing, &out, &err), FIRN_NOT_FOUND);
    assert_non_null(strstr(err.cause, missing));
    firn_error_reset(&err);
    assert_int_equal(file_write_atomic(missing, firn_slice_text("x"), 0600, &err), FIRN_NOT_FOUND);
    firn_error_reset(&err);
    assert_int_equal(file_read(folder, &out, &err), FIRN_IO);
    assert_int_equal(file_mode(missing), -1);
}

static void
all_missing_folders_are_made(void **state)
{
    firn_error err = {0};
    char       deep[600];
    (void) state;

    snprintf(deep, sizeof deep, "%s/a//b/c/", folder);
    assert_int_equal(file_make_folders(deep, 0700, &err), FIRN_OK);
    assert_int_equal(file_make_folders(deep, 0700, &err), FIRN_OK);
    assert_true(file_exists(deep));
    assert_int_equal(file_write_atomic(path, firn_slice_text("x"), 0600, &err), FIRN_OK);
    assert_int_not_equal(file_make_folders(path, 0700, &err), FIRN_OK);

    snprintf(deep, sizeof deep, "%s/a/b/c", folder);
    assert_int_equal(rmdir(deep), 0);
    snprintf(deep, sizeof deep, "%s/a/b", folder);
    assert_int_equal(rmdir(deep), 0);
    snprintf(deep, sizeof deep, "%s/a", folder);
    assert_int_equal(rmdir(deep), 0);
}

static void
memory_sink_takes_back_what_was_aborted(void **state)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {.size_bytes_max = 16};
    firn_error                              err = {0};
    firn_sink                              *sink;
    (void) state;

    assert_int_equal(firn_buffer_add_text(&out, "head", &err), FIRN_OK);
    sink = firn_sink_memory_new(&out);
    assert_non_null(sink);
    assert_int_equal(firn_sink_write(sink, "tail", 4, &err), FIRN_OK);
    assert_int_equal(sink->written_bytes, 4);
    assert_int_equal(firn_sink_write(sink, "0123456789", 10, &err), FIRN_NO_MEMORY);
    assert_int_equal(sink->written_bytes, 4);
    firn_sink_abort(sink);
    firn_sink_free(sink);
    assert_int_equal(out.size, 4);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(written_file_is_read_back_with_its_mode, set_up, tear_down),
        cmocka_unit_test_setup_teardown(file_larger_than_the_limit_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(missing_things_are_named, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_missing_folders_are_made, set_up, tear_down),
        cmocka_unit_test(memory_sink_takes_back_what_was_aborted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
