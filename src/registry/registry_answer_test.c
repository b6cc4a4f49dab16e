#include "registry/registry_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static firn_arena arena;
static firn_error err;

static int
set_up(void **state)
{
    (void) state;
    firn_error_reset(&err);
    return 0;
}

static int
tear_down(void **state)
{
    (void) state;
    firn_arena_done(&arena);
    return 0;
}

static void
an_answer_has_schema_and_references(void **state)
{
    registry_answer answer;

    (void) state;
    assert_int_equal(registry_answer_parse(firn_slice_text("{\"schema\":\"[\\\"null\\\"]\",\"schemaType\":\"AVRO\",\"references\":"
                                                           "[{\"name\":\"x.Foo\",\"subject\":\"foo\",\"version\":3}]}"),
                                           "schema 1", &arena, &answer, &err), FIRN_OK);
    assert_true(firn_slice_equal(answer.schema, firn_slice_text("[\"null\"]")));
    assert_int_equal(answer.reference_count, 1);
    assert_string_equal(answer.references[0].subject, "foo");
    assert_int_equal(answer.references[0].version, 3);
    /* Confluent's own says neither type nor references of an Avro schema without any */
    assert_int_equal(registry_answer_parse(firn_slice_text("{\"schema\":\"\\\"int\\\"\"}"), "schema 1", &arena, &answer, &err), FIRN_OK);
    assert_int_equal(answer.reference_count, 0);
}

static void
other_answers_are_refused(void **state)
{
    static const struct {
        const char *json;
        firn_code   code;
    } bad[] = {
        {"{\"schema\":\"syntax = \\\"proto3\\\";\",\"schemaType\":\"PROTOBUF\"}", FIRN_E_REGISTRY_UNSUPPORTED},
        {"{\"detail\":\"x\"}", FIRN_E_REGISTRY_ANSWER},
        {"[]", FIRN_E_REGISTRY_ANSWER},
        {"{\"schema\":\"\\\"int\\\"\",\"references\":[{\"subject\":\"a\"}]}", FIRN_E_JSON_CORRUPT},
        {"<html>", FIRN_E_JSON_CORRUPT},
        {"", FIRN_E_JSON_CORRUPT},
    };
    registry_answer answer;

    (void) state;
    for (size_t i = 0; i < FIRN_COUNT(bad); i++) {
        assert_int_not_equal(registry_answer_parse(firn_slice_text(bad[i].json), "schema 1", &arena, &answer, &err), FIRN_OK);
        assert_int_equal(err.code, bad[i].code);
        firn_error_reset(&err);
    }
}

static void
a_refusal_of_a_registry_has_a_code(void **state)
{
    (void) state;
    assert_int_equal(registry_error_code(firn_slice_text("{\"error_code\":40403,\"message\":\"no\"}")), 40403);
    assert_int_equal(registry_error_code(firn_slice_text("{\"status\":404}")), 0);
    assert_int_equal(registry_error_code(firn_slice_text("not found")), 0);
}

static void
a_message_is_split(void **state)
{
    uint32_t   id;
    firn_slice payload;

    (void) state;
    assert_int_equal(registry_message_split(firn_slice_of("\0\1\2\3\4ab", 7), "value", &id, &payload, &err), FIRN_OK);
    assert_int_equal(id, 0x01020304);
    assert_true(firn_slice_equal(payload, firn_slice_text("ab")));
    assert_int_equal(registry_message_split(firn_slice_of("\0\0\0\0\1", 5), "value", &id, &payload, &err), FIRN_OK);
    assert_int_equal(payload.size, 0);
}

static void
other_messages_are_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t      size;
        const char *hint;
    } bad[] = {{"{\"a\":1}", 7, "JSON"}, {"\0\0\0\1", 4, "4 bytes"}, {"\1\0\0\0\1a", 6, "4 bytes"}, {"", 0, "4 bytes"}};
    uint32_t   id;
    firn_slice payload;

    (void) state;
    for (size_t i = 0; i < FIRN_COUNT(bad); i++) {
        assert_int_equal(registry_message_split(firn_slice_of(bad[i].bytes, bad[i].size), "value", &id, &payload, &err), FIRN_CORRUPT);
        assert_int_equal(err.code, FIRN_E_REGISTRY_FRAMING);
        assert_non_null(strstr(err.hint, bad[i].hint));
        firn_error_reset(&err);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_answer_has_schema_and_references, set_up),
        cmocka_unit_test_setup(other_answers_are_refused, set_up),
        cmocka_unit_test_setup(a_refusal_of_a_registry_has_a_code, set_up),
        cmocka_unit_test_setup(a_message_is_split, set_up),
        cmocka_unit_test_setup(other_messages_are_refused, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, tear_down);
}
