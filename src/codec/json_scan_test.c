#include "codec/json_scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static bool
is_valid(const char *text)
{
    jscan  s = jscan_of(firn_slice_text(text));
    jtoken value;
    return jscan_value(&s, &value) && jscan_end(&s);
}

static void
test_valid_documents(void **state)
{
    (void) state;
    const char *good[] = {"0", "-0", "-1.5e+10", "1E-3", "\"\"", "null", " true ", "[]", "{}", "[1,[2,{\"a\":[]}],{}]", "\"\\ud83d\\ude00\"",
                          "{\"a\":{\"b\":{}},\"c\":[{},{}]}", "\"\xd0\xb2\xd0\xb0 12345678 \xf0\x9f\x98\x80\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00ff\""};
    for (size_t i = 0; i < FIRN_COUNT(good); i++)
        if (!is_valid(good[i])) fail_msg("refused: %s", good[i]);
}

static void
test_invalid_documents(void **state)
{
    (void) state;
    const char *bad[] = {"", " ", "01", "1.", ".5", "+1", "1e", "-", "nul", "NaN", "\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"", "\"\\ud800\"",
                         "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"a\nb\"", "\"12345678\n\"", "\"\xff\"", "\"1234567\xc0\x80\"", "[", "[1", "[1,", "[1,]",
                         "[,1]", "[1 2]", "{", "{\"a\"", "{\"a\":", "{\"a\":1,}", "{a:1}", "{\"a\" 1}", "{\"a\":1]", "[1}", "1 2", "{}x", "]", "[]]"};
    for (size_t i = 0; i < FIRN_COUNT(bad); i++)
        if (is_valid(bad[i])) fail_msg("taken: %s", bad[i]);
}

static void
test_depth_is_limited(void **state)
{
    (void) state;
    char text[2 * JSCAN_DEPTH_MAX + 3];
    for (int extra = 0; extra < 2; extra++) {
        size_t depth = JSCAN_DEPTH_MAX + (size_t) extra;
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        text[2 * depth] = 0;
        assert_int_equal(is_valid(text), !extra);
    }
}

static void
test_walk(void **state)
{
    (void) state;
    jscan  s = jscan_of(firn_slice_text("{\"a\": [1, \"x\", null], \"b\": {}, \"c\": {\"d\": 12345678901234567890.10}} "));
    jtoken name, value;
    assert_true(jscan_enter(&s, JTOKEN_OBJECT));
    assert_true(jscan_member(&s, &name));
    assert_true(jtoken_is(&name, "a"));
    assert_true(jscan_enter(&s, JTOKEN_ARRAY));
    for (int i = 0; i < 3; i++) {
        assert_true(jscan_element(&s));
        assert_true(jscan_value(&s, &value));
    }
    assert_int_equal(value.kind, JTOKEN_NULL);
    assert_false(jscan_element(&s));
    assert_true(jscan_member(&s, &name));
    assert_true(jscan_enter(&s, JTOKEN_OBJECT));
    assert_false(jscan_member(&s, &name));
    assert_true(jscan_member(&s, &name));
    assert_true(jtoken_is(&name, "c"));
    assert_true(jscan_enter(&s, JTOKEN_OBJECT));
    assert_true(jscan_member(&s, &name));
    assert_true(jscan_value(&s, &value));
    assert_true(firn_slice_equal(value.text, firn_slice_text("12345678901234567890.10")));
    assert_false(jscan_member(&s, &name));
    assert_false(jscan_member(&s, &name));
    assert_null(s.failure);
    assert_true(jscan_end(&s));
}

static void
test_unescaped(void **state)
{
    (void) state;
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    firn_error err = {0};
    jscan      s = jscan_of(firn_slice_text("\"a\\n\\\"\\u00e9\\u20ac\\ud83d\\ude00z\""));
    jtoken     value;
    firn_buffer_init(&out, 100);
    assert_true(jscan_value(&s, &value));
    assert_true(value.has_escape);
    assert_int_equal(jtoken_add_string(&value, &out, &err), FIRN_OK);
    assert_true(firn_slice_equal(firn_buffer_slice(&out), firn_slice_text("a\n\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid_documents), cmocka_unit_test(test_invalid_documents), cmocka_unit_test(test_depth_is_limited),
        cmocka_unit_test(test_walk),            cmocka_unit_test(test_unescaped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
