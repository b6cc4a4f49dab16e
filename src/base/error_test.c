#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/secret.h"

static void
failure_has_the_status_of_its_code(void **state)
{
    firn_error err = {0};
    (void) state;

    firn_status status = firn_fail(&err, FIRN_E_TYPE_UNSUPPORTED, "cannot read '%s'", "t.c");

    assert_int_equal(status, FIRN_UNSUPPORTED);
    assert_int_equal(err.status, FIRN_UNSUPPORTED);
    assert_int_equal(err.code, 2103);
    assert_string_equal(err.cause, "cannot read 't.c'");
    assert_int_equal(err.frame_count, 0);
}

static void
system_reason_follows_the_cause_and_sharpens_the_code(void **state)
{
    static const struct {
        int       sys_errno;
        firn_code from, to;
    } cases[] = {
        {ENOSPC, FIRN_E_STORAGE_IO, FIRN_E_STORAGE_FULL},           {EACCES, FIRN_E_SYSTEM, FIRN_E_STORAGE_DENIED},
        {ENOENT, FIRN_E_STORAGE_IO, FIRN_E_STORAGE_NOT_FOUND},      {ENOMEM, FIRN_E_POSTGRES_QUERY, FIRN_E_NO_MEMORY},
        {ENOENT, FIRN_E_CONFIG_NOT_FOUND, FIRN_E_CONFIG_NOT_FOUND}, {EIO, FIRN_E_STORAGE_IO, FIRN_E_STORAGE_IO},
    };
    (void) state;

    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        firn_error err = {0};
        firn_fail_errno(&err, cases[i].from, cases[i].sys_errno, "cannot open '%s'", "x");
        assert_int_equal(err.code, cases[i].to);
        assert_int_equal(err.sys_errno, cases[i].sys_errno);
    }
    firn_error err = {0};
    firn_fail_errno(&err, FIRN_E_STORAGE_IO, EACCES, "cannot open 'x'");
    assert_string_equal(err.cause, "cannot open 'x': permission denied");
    assert_true(err.hint[0] != '\0');
}

static void
first_hint_and_last_state_stay(void **state)
{
    firn_error err = {0};
    (void) state;

    firn_fail(&err, FIRN_E_BUG, "x");
    firn_hint(&err, "near");
    firn_hint(&err, "far");
    firn_state(&err, "one");
    firn_state(&err, "two");

    assert_string_equal(err.hint, "near");
    assert_string_equal(err.state, "two");
}

static void
outermost_frame_survives_when_places_run_out(void **state)
{
    firn_error err = {0};
    (void) state;

    firn_fail(&err, FIRN_E_BUG, "x");
    for (int i = 0; i < FIRN_ERROR_FRAMES_MAX + 3; i++) {
        assert_int_equal(firn_while(&err, "frame %d", i), FIRN_BUG);
    }

    assert_int_equal(err.frame_count, FIRN_ERROR_FRAMES_MAX);
    assert_string_equal(err.frame[0], "frame 0");
    assert_string_equal(err.frame[FIRN_ERROR_FRAMES_MAX - 1], "frame 8");
}

static void
long_text_is_cut_between_characters(void **state)
{
    firn_error err = {0};
    char       text[2 * FIRN_ERROR_TEXT_MAX];
    (void) state;

    for (size_t offset = 0; offset < 4; offset++) {
        memset(text, 'a', offset);
        for (size_t i = offset; i + 2 < sizeof text; i += 2) {
            memcpy(text + i, "\xC3\xA9", 3);
        }
        firn_error_reset(&err);
        firn_fail(&err, FIRN_E_BUG, "%s", text);
        size_t size = strlen(err.cause);
        assert_in_range(size, FIRN_ERROR_TEXT_MAX - 3, FIRN_ERROR_TEXT_MAX - 1);
        assert_string_equal(err.cause + size - 3, "...");
        assert_int_equal((unsigned char) err.cause[size - 4], 0xA9);
    }
}

static void
secret_never_gets_into_an_error_even_when_it_is_cut(void **state)
{
    FIRN_AUTO(firn_secret_freep) firn_secret *secret = firn_secret_new("correct-horse");
    char                                      text[FIRN_ERROR_TEXT_MAX + 64];
    (void) state;

    assert_non_null(secret);
    for (size_t at = FIRN_ERROR_TEXT_MAX - 40; at < FIRN_ERROR_TEXT_MAX; at++) {
        firn_error err = {0};
        memset(text, '-', sizeof text);
        memcpy(text + at, "correct-horse", 14);
        firn_fail(&err, FIRN_E_BUG, "%s", text);
        assert_null(strstr(err.cause, "cor"));
    }
}

static void
codes_ascend_and_can_be_found(void **state)
{
    unsigned              count;
    const firn_code_info *table = firn_code_table(&count);
    (void) state;

    for (unsigned i = 0; i < count; i++) {
        assert_ptr_equal(firn_code_find((unsigned) table[i].code), &table[i]);
        assert_true(i == 0 || table[i].code > table[i - 1].code);
        assert_true(table[i].title[0] != '\0' && table[i].remedy[0] != '\0');
        assert_int_not_equal(table[i].status, FIRN_OK);
    }
    assert_null(firn_code_find(1));
    assert_int_equal(firn_status_exit_code(FIRN_USAGE), 64);
    assert_int_equal(firn_status_exit_code(FIRN_CANCELLED), 130);
    assert_int_equal(firn_status_exit_code(FIRN_FAILED), 1);
    assert_string_equal(firn_status_name(FIRN_NOT_FOUND), "not found");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failure_has_the_status_of_its_code),
        cmocka_unit_test(system_reason_follows_the_cause_and_sharpens_the_code),
        cmocka_unit_test(first_hint_and_last_state_stay),
        cmocka_unit_test(outermost_frame_survives_when_places_run_out),
        cmocka_unit_test(long_text_is_cut_between_characters),
        cmocka_unit_test(secret_never_gets_into_an_error_even_when_it_is_cut),
        cmocka_unit_test(codes_ascend_and_can_be_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
