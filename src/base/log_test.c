#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/secret.h"

typedef struct captured {
    char     text[64 * 1024];
    unsigned line_count;
} captured;

static captured text_lines, json_lines;

static void
capture(void *state, log_level level, const char *line, size_t size)
{
    captured *to = state;
    (void) level;

    assert_true(size < sizeof to->text);
    memcpy(to->text, line, size);
    to->text[size] = '\0';
    to->line_count++;
}

static int64_t
fixed_now(void *state)
{
    (void) state;
    return INT64_C(1795422961123456); /* 2026-11-23T08:36:01.123456Z */
}

static int
set_up(void **state)
{
    firn_clock_source source = {.now_us = fixed_now};
    (void) state;

    firn_clock_replace(&source);
    log_reset_outputs();
    log_set_correlation_id("");
    text_lines.line_count = json_lines.line_count = 0;
    log_add_output(LOG_TEXT, LOG_INFO, false, capture, &text_lines);
    log_add_output(LOG_JSON, LOG_DEBUG, false, capture, &json_lines);
    return 0;
}

static int
tear_down(void **state)
{
    (void) state;
    log_reset_outputs();
    log_set_correlation_id("");
    firn_clock_replace(NULL);
    return 0;
}

static void
line_has_time_level_message_fields_and_id(void **state)
{
    const log_field fields[] = {{"table", "public.orders", 0}, {"rows", NULL, 123}, {"note", "a b", 0}};
    (void) state;

    log_set_correlation_id("run-1");
    log_line(LOG_INFO, fields, 3, "table %s", "done");

    assert_string_equal(text_lines.text, "2026-11-23T08:36:01.123Z info  table done table=public.orders rows=123 "
                                         "note=\"a b\" [run-1]\n");
    assert_string_equal(json_lines.text,
                        "{\"time\":\"2026-11-23T08:36:01.123Z\",\"level\":\"info\",\"message\":\"table done\","
                        "\"correlation_id\":\"run-1\",\"table\":\"public.orders\",\"rows\":123,\"note\":\"a b\"}\n");
}

static void
levels_are_chosen_per_output(void **state)
{
    (void) state;

    assert_true(log_wanted(LOG_DEBUG));
    log_debug("only for %s", "machines");
    assert_int_equal(text_lines.line_count, 0);
    assert_int_equal(json_lines.line_count, 1);
    log_reset_outputs();
    assert_false(log_wanted(LOG_ERROR));
    log_warning("nobody listens");
    assert_int_equal(json_lines.line_count, 1);
}

static void
line_stays_one_line(void **state)
{
    const log_field fields[] = {{"bad", "\xFF\xC3\xA9\"\\\x01", 0}};
    (void) state;

    log_line(LOG_WARNING, fields, 1, "two\nlines\x1b[31m");

    assert_string_equal(text_lines.text,
                        "2026-11-23T08:36:01.123Z warning two\\nlines\\x1b[31m bad=\"\xFF\xC3\xA9\"\\\\x01\"\n");
    assert_non_null(strstr(json_lines.text, "\"message\":\"two\\u000alines\\u001b[31m\""));
    assert_non_null(strstr(json_lines.text, "\"bad\":\"\xEF\xBF\xBD\xC3\xA9\\\"\\\\\\u0001\""));
}

static void
secrets_are_not_in_any_part_of_a_line(void **state)
{
    FIRN_AUTO(firn_secret_freep) firn_secret *secret = firn_secret_new("p\"ss word");
    const log_field                           fields[] = {{"dsn", "user:p\"ss word@host", 0}};
    (void) state;

    log_set_correlation_id("id-p\"ss word");
    log_line(LOG_ERROR, fields, 1, "refused p\"ss word");

    assert_string_equal(text_lines.text, "2026-11-23T08:36:01.123Z error refused *** dsn=user:***@host [id-***]\n");
    assert_null(strstr(json_lines.text, "ss word"));
}

static void
long_messages_are_cut_without_a_secret_at_the_cut(void **state)
{
    FIRN_AUTO(firn_secret_freep) firn_secret *secret = firn_secret_new("hunter22");
    static char                               text[10000];
    (void) state;

    for (size_t at = 4080; at < 4110; at++) {
        memset(text, 'x', sizeof text - 1);
        memcpy(text + at, "hunter22", 8);
        log_line(LOG_INFO, NULL, 0, "%s", text);
        assert_null(strstr(text_lines.text, "hun"));
        assert_true(strlen(text_lines.text) < 4200);
    }
}

static void
overlapping_secrets_vanish_together(void **state)
{
    FIRN_AUTO(firn_secret_freep) firn_secret *shorter = firn_secret_new("abcd");
    FIRN_AUTO(firn_secret_freep) firn_secret *longer = firn_secret_new("abcdXYZ");
    FIRN_AUTO(firn_secret_freep) firn_secret *across = firn_secret_new("XYZW-tail");
    FIRN_AUTO(firn_secret_freep) firn_secret *tiny = firn_secret_new("an");
    char                                      text[] = "an abcd, abcdXYZ, abcdXYZW-tail, XYZ";
    (void) state;

    assert_non_null(shorter);
    firn_secret_redact(text);
    assert_string_equal(text, "an ***, ***, ***, XYZ");

    firn_secret_free(FIRN_STEAL(shorter));
    firn_secret_free(FIRN_STEAL(longer));
    firn_secret_free(FIRN_STEAL(across));
    char again[] = "abcd";
    firn_secret_redact(again);
    assert_string_equal(again, "abcd");
    assert_string_equal(firn_secret_reveal(tiny), "an");
    assert_string_equal(firn_secret_reveal(NULL), "");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(line_has_time_level_message_fields_and_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(levels_are_chosen_per_output, set_up, tear_down),
        cmocka_unit_test_setup_teardown(line_stays_one_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(secrets_are_not_in_any_part_of_a_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(long_messages_are_cut_without_a_secret_at_the_cut, set_up, tear_down),
        cmocka_unit_test(overlapping_secrets_vanish_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
