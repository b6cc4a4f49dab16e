#include "task/child_process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "task/group.h"

typedef struct world {
    firn_buffer output;
    firn_error  err;
} world;

static int
set_up(void **state)
{
    world *w = calloc(1, sizeof *w);

    firn_buffer_init(&w->output, 1 << 20);
    *state = w;
    return 0;
}

static int
tear_down(void **state)
{
    world *w = *state;

    firn_buffer_done(&w->output);
    free(w);
    return 0;
}

static firn_status
run(world *w, const char *script, const char *input, uint64_t timeout_ms)
{
    const char *const argv[] = {"sh", "-c", script, NULL}, *const environment[] = {"FIRN_EVENT=table_failed", NULL};
    child_process     child = {.argv = argv,
                               .environment = environment,
                               .input = firn_slice_of((const uint8_t *) input, strlen(input)),
                               .timeout_ms = timeout_ms,
                               .output_bytes_max = 64 << 10};

    return child_process_run(&child, NULL, &w->output, &w->err);
}

static const char *
text(world *w)
{
    assert_int_equal(firn_buffer_add_byte(&w->output, '\0', &w->err), FIRN_OK);
    return (const char *) w->output.data;
}

static void
test_input_and_output(void **state)
{
    world *w = *state;

    assert_int_equal(run(w, "cat; echo to stderr >&2; cat < /dev/stdin", "{\"a\": 1}", 60000), FIRN_OK);
    assert_string_equal(text(w), "{\"a\": 1}to stderr\n{\"a\": 1}");
}

static void
test_a_child_that_reads_nothing(void **state)
{
    char *large = malloc(4 << 20);

    memset(large, 'x', (4 << 20) - 1);
    large[(4 << 20) - 1] = '\0';
    assert_int_equal(run(*state, "true", large, 60000), FIRN_OK);
    free(large);
}

static void
test_what_it_inherits(void **state)
{
    world *w = *state;

    setenv("FIRN_TEST_SECRET", "canary", 1);
    assert_int_equal(run(w, "env; ls /proc/self/fd | tr '\\n' ' '", "",
                         60000),
                     FIRN_OK);
    const char *said = text(w);
    assert_non_null(strstr(said, "FIRN_EVENT=table_failed"));
    assert_non_null(strstr(said, "PATH="));
    assert_null(strstr(said, "canary"));
    assert_non_null(strstr(said, "0 1 2 3 ")); /* 3: of ls itself */
    assert_null(strstr(said, "0 1 2 3 4"));
}

static void
test_exit_codes(void **state)
{
    world *w = *state;

    assert_int_equal(run(w, "echo first; echo no such channel >&2; exit 3", "", 60000), FIRN_FAILED);
    assert_int_equal(w->err.code, FIRN_E_CHILD_FAILED);
    assert_non_null(strstr(w->err.cause, "exit code 3: no such channel"));
    firn_error_reset(&w->err);
    assert_int_equal(run(w, "kill -9 $$", "", 60000), FIRN_FAILED);
    assert_non_null(strstr(w->err.cause, "by signal 9"));
}

static void
test_no_such_program(void **state)
{
    world            *w = *state;
    const char *const argv[] = {"firn-no-such-program", NULL};
    child_process     child = {.argv = argv, .timeout_ms = 1000};

    assert_int_not_equal(child_process_run(&child, NULL, NULL, &w->err), FIRN_OK);
    assert_non_null(strstr(w->err.cause, "firn-no-such-program"));
}

/* One that would run for ever, with a child of its own that holds the output. */
static void
test_too_late(void **state)
{
    world *w = *state;

    assert_int_equal(run(w, "sleep 1000 & sleep 1000", "", 50), FIRN_FAILED);
    assert_non_null(strstr(w->err.cause, "was stopped after 50 ms"));
}

/* What it leaves in the background, output open, is not waited for. */
static void
test_background(void **state)
{
    world *w = *state;

    assert_int_equal(run(w, "sleep 30 & echo done", "", 25000), FIRN_OK);
    assert_string_equal(text(w), "done\n");
}

static void
test_much_output_is_cut(void **state)
{
    world *w = *state;

    assert_int_equal(run(w, "head -c 3000000 /dev/zero", "", 60000), FIRN_OK);
    assert_int_equal(w->output.size, 64 << 10);
}

static void
test_cancelled(void **state)
{
    world *w = *state;
    FIRN_AUTO(task_cancel_freep) task_cancel *cancel = task_cancel_new();
    const char *const argv[] = {"sleep", "1000", NULL};
    child_process     child = {.argv = argv, .timeout_ms = 1000000};

    task_cancel_request(cancel);
    assert_int_equal(child_process_run(&child, cancel, NULL, &w->err), FIRN_CANCELLED);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_input_and_output), TEST(test_a_child_that_reads_nothing), TEST(test_what_it_inherits),
        TEST(test_exit_codes),       TEST(test_no_such_program),            TEST(test_too_late),
        TEST(test_background),       TEST(test_much_output_is_cut),         TEST(test_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
