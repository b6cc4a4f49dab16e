#include "follow/position_cut.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

#define POSITION UINT64_C(0x3F9A01C2D8)
#define SECOND_US ((uint64_t) 1000000)

static char folder[] = "position_cut_test_XXXXXX";

static int
make_folder(void **state)
{
    (void) state;
    return mkdtemp(folder) ? 0 : -1;
}

static int
remove_folder(void **state)
{
    (void) state;
    position_cut_remove(folder);
    return rmdir(folder);
}

static void
write_step(cut_step step, uint64_t position)
{
    firn_error err = {0};

    assert_int_equal(position_cut_write(folder, step, position, &err), FIRN_OK);
}

static cut_step
read_step(void)
{
    uint64_t position;

    return position_cut_read(folder, &position);
}

static void
test_a_cut(void **state)
{
    position_cut cut = {.folder = folder};
    uint64_t     now_us = SECOND_US, position;

    (void) state;
    position_cut_look(&cut, 5, now_us += SECOND_US);
    assert_false(cut.is_held);
    write_step(CUT_HOLD, 0);
    position_cut_look(&cut, 5, now_us += SECOND_US);
    assert_true(cut.is_held);
    assert_int_equal(read_step(), CUT_HELD);
    write_step(CUT_AT, POSITION);
    position_cut_look(&cut, 5, now_us += SECOND_US);
    assert_false(cut.is_held);
    assert_true(cut.position == POSITION);
    position_cut_answer(&cut);
    assert_int_equal(position_cut_read(folder, &position), CUT_DONE);
    assert_true(position == POSITION && cut.position == 0);
}

static void
test_a_job_does_not_wait_for_ever(void **state)
{
    position_cut cut = {.folder = folder};
    uint64_t     now_us = SECOND_US;

    (void) state;
    write_step(CUT_HOLD, 0);
    position_cut_look(&cut, 5, now_us += SECOND_US);
    position_cut_look(&cut, 5, now_us += (uint64_t) POSITION_CUT_HOLD_MS * 1000);
    assert_true(cut.is_held);
    position_cut_look(&cut, 5, now_us += SECOND_US);
    assert_false(cut.is_held);
    assert_int_equal(read_step(), CUT_NONE);
    /* Whoever asked has gone. */
    write_step(CUT_HOLD, 0);
    position_cut_look(&cut, 5, now_us += SECOND_US);
    position_cut_remove(folder);
    position_cut_look(&cut, 5, now_us += SECOND_US);
    assert_false(cut.is_held);
}

static void
test_what_cannot_be_done_is_refused(void **state)
{
    position_cut cut = {.folder = folder};
    uint64_t     now_us = SECOND_US;

    (void) state;
    write_step(CUT_AT, POSITION);
    position_cut_look(&cut, POSITION + 1, now_us += SECOND_US);
    assert_true(cut.position == 0 && read_step() == CUT_NONE);
    /* A job that died while it was held. */
    write_step(CUT_HELD, 0);
    position_cut_look(&cut, 5, now_us += SECOND_US);
    assert_true(!cut.is_held && read_step() == CUT_NONE);
}

static void
test_other_texts_are_nothing(void **state)
{
    static const char *const texts[] = {"", "holds\n", "cut\n", "cut x\n", "hold 0/1\n", "done 1/\n", "cut 0/1 2\n"};
    char       path[sizeof folder + 8];
    firn_error err = {0};

    (void) state;
    (void) snprintf(path, sizeof path, "%s/cut", folder);
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(file_write_atomic(path, firn_slice_text(texts[i]), 0600, &err), FIRN_OK);
        assert_int_equal(read_step(), CUT_NONE);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_cut),
        cmocka_unit_test(test_a_job_does_not_wait_for_ever),
        cmocka_unit_test(test_what_cannot_be_done_is_refused),
        cmocka_unit_test(test_other_texts_are_nothing),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
