#include "codec/json_writer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char text[4096];

typedef struct fixture {
    firn_buffer out;
    firn_error  err;
    jwriter     w;
} fixture;

static void
begin(fixture *f, bool pretty)
{
    *f = (fixture){0};
    firn_buffer_init(&f->out, sizeof text - 1);
    jwrite_begin(&f->w, &f->out, pretty, &f->err);
}

static const char *
end(fixture *f)
{
    assert_int_equal(jwrite_end(&f->w), FIRN_OK);
    memcpy(text, f->out.data, f->out.size);
    text[f->out.size] = '\0';
    firn_buffer_done(&f->out);
    return text;
}

static void
members_and_items_are_separated_by_commas(void **state)
{
    fixture f;

    (void) state;
    begin(&f, false);
    jwrite_object(&f.w);
    jwrite_member_text(&f.w, "a", "x");
    jwrite_member_i64(&f.w, "b", INT64_MIN);
    jwrite_key(&f.w, "c");
    jwrite_array(&f.w);
    jwrite_null(&f.w);
    jwrite_bool(&f.w, true);
    jwrite_object(&f.w);
    jwrite_object_end(&f.w);
    jwrite_u64(&f.w, UINT64_MAX);
    jwrite_array_end(&f.w);
    jwrite_member_bool(&f.w, "d", false);
    jwrite_object_end(&f.w);

    assert_string_equal(end(&f), "{\"a\":\"x\",\"b\":-9223372036854775808,\"c\":[null,true,{},18446744073709551615],\"d\":false}");
}

static void
pretty_text_has_two_blanks_a_level(void **state)
{
    fixture f;

    (void) state;
    begin(&f, true);
    jwrite_object(&f.w);
    jwrite_key(&f.w, "a");
    jwrite_array(&f.w);
    jwrite_i64(&f.w, 1);
    jwrite_i64(&f.w, 2);
    jwrite_array_end(&f.w);
    jwrite_key(&f.w, "b");
    jwrite_object(&f.w);
    jwrite_object_end(&f.w);
    jwrite_object_end(&f.w);

    assert_string_equal(end(&f), "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {}\n}");
}

static void
text_is_escaped_and_repaired(void **state)
{
    fixture f;

    (void) state;
    begin(&f, false);
    jwrite_array(&f.w);
    jwrite_text(&f.w, "\"\\/\b\t\n\v\f\r\x01 z\xc3\xbcrich \xf0\x9f\x92\xa7");
    jwrite_text_slice(&f.w, firn_slice_of("a\xff\xc3z\xed\xa0\x80", 7));
    jwrite_text(&f.w, NULL);
    jwrite_array_end(&f.w);

    assert_string_equal(end(&f), "[\"\\\"\\\\/\\b\\t\\n\\u000b\\f\\r\\u0001 z\xc3\xbcrich \xf0\x9f\x92\xa7\","
                                 "\"a\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\",null]");
}

static void
doubles_are_shortest_and_stay_real(void **state)
{
    fixture f;

    (void) state;
    begin(&f, false);
    jwrite_array(&f.w);
    jwrite_double(&f.w, 0.1);
    jwrite_double(&f.w, 5.0);
    jwrite_double(&f.w, -0.0);
    jwrite_double(&f.w, 1.7976931348623157e308);
    jwrite_double(&f.w, 5e-324);
    jwrite_double(&f.w, (double) NAN);
    jwrite_double(&f.w, -(double) INFINITY);
    jwrite_array_end(&f.w);

    assert_string_equal(end(&f), "[0.1,5.0,-0.0,1.7976931348623157e+308,4.94065645841247e-324,null,null]");
}

static void
full_buffer_is_said_once_at_the_end(void **state)
{
    firn_buffer out;
    firn_error  err = {0};
    jwriter     w;

    (void) state;
    firn_buffer_init(&out, 16);
    jwrite_begin(&w, &out, false, &err);
    jwrite_array(&w);
    for (int i = 0; i < 100; i++) jwrite_i64(&w, i);
    jwrite_array_end(&w);

    assert_int_equal(jwrite_end(&w), FIRN_NO_MEMORY);
    assert_int_equal(err.status, FIRN_NO_MEMORY);
    firn_buffer_done(&out);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_and_items_are_separated_by_commas),
        cmocka_unit_test(pretty_text_has_two_blanks_a_level),
        cmocka_unit_test(text_is_escaped_and_repaired),
        cmocka_unit_test(doubles_are_shortest_and_stay_real),
        cmocka_unit_test(full_buffer_is_said_once_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
