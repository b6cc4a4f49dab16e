#include "codec/json_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/alloc.h"

static jdoc *
parse(const char *text)
{
    firn_error err = {0};
    jdoc      *doc = NULL;

    assert_int_equal(jdoc_parse(firn_slice_text(text), "doc", &doc, &err), FIRN_OK);
    return doc;
}

static void
refuse(const char *text, const char *cause)
{
    firn_error err = {0};
    jdoc      *doc = NULL;

    assert_int_equal(jdoc_parse(firn_slice_text(text), "doc", &doc, &err), FIRN_CORRUPT);
    assert_int_equal(err.code, FIRN_E_JSON_CORRUPT);
    if (!strstr(err.cause, cause)) fail_msg("'%s' does not say '%s'", err.cause, cause);
    assert_null(doc);
}

static void
values_have_their_kinds(void **state)
{
    FIRN_AUTO(jdoc_freep) jdoc *doc =
        parse("{\"t\": \"x\\u00e9\", \"i\": -9223372036854775808, \"r\": 1.5, \"b\": true, \"n\": null, \"a\": [1, [2]], \"o\": {}}");
    const jvalue *root = jdoc_root(doc);
    int64_t       integer;
    double        real;
    bool          truth;

    (void) state;
    assert_int_equal(jcount(root), 7);
    assert_string_equal(jkey_at(root, 0), "t");
    assert_string_equal(jkey_at(root, 6), "o");
    assert_null(jkey_at(root, 7));
    assert_string_equal(jtext(jget(root, "t")), "x\xc3\xa9");
    assert_true(jinteger(jget(root, "i"), &integer) && integer == INT64_MIN);
    assert_false(jinteger(jget(root, "r"), &integer));
    assert_true(jreal(jget(root, "r"), &real) && real > 1.4 && real < 1.6);
    assert_true(jbool(jget(root, "b"), &truth) && truth);
    assert_int_equal(jkind_of(jget(root, "n")), JNULL);
    assert_non_null(jget(root, "n"));
    assert_null(jget(root, "absent"));
    assert_int_equal(jcount(jget(root, "a")), 2);
    assert_true(jinteger(jat(jat(jget(root, "a"), 1), 0), &integer) && integer == 2);
    assert_null(jat(jget(root, "a"), 2));
    assert_null(jat(root, 0));
    assert_null(jtext(NULL));
}

static void
missing_members_are_named_with_their_path(void **state)
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = parse("{\"snapshots\": [{}, {\"manifest-list\": 5}]}");
    const jvalue *second = jat(jget(jdoc_root(doc), "snapshots"), 1);
    firn_error    err = {0};
    const char   *text;
    int64_t       integer;

    (void) state;
    assert_int_equal(jneed_text(doc, second, "manifest-list", &text, &err), FIRN_CORRUPT);
    assert_string_equal(err.cause, "'doc' has an integer as $.snapshots[1].manifest-list, not a text");
    firn_error_reset(&err);
    assert_int_equal(jneed_integer(doc, second, "x", &integer, &err), FIRN_CORRUPT);
    assert_string_equal(err.cause, "'doc' has no $.snapshots[1].x");
}

static void
what_is_not_json_is_refused(void **state)
{
    (void) state;
    refuse("", "not JSON");
    refuse("{", "not JSON");
    refuse("{\"a\": 1, \"a\": 2}", "not JSON");
    refuse("[1] 2", "not JSON");
    refuse("\"\\u0000\"", "not JSON");
    refuse("[123456789012345678901234567890]", "not JSON");
    refuse("[\"\xff\"]", "not JSON");
    refuse("nul", "not JSON");
}

static void
depth_is_limited(void **state)
{
    char deep[4000];

    (void) state;
    memset(deep, '[', 2000);
    memset(deep + 2000, ']', 1999);
    deep[3999] = '\0';
    refuse(deep, "nested deeper");
    memset(deep, '[', 500);
    memset(deep + 500, ']', 500);
    deep[1000] = '\0';
    jdoc_free(parse(deep));
    jdoc_free(parse("[\"[[[[[[\\\"[[[[\", {}]"));
}

static void
text_of_a_value_reads_back(void **state)
{
    const char *text = "{\"a\":[1,-2.5,\"x\\n\",null,true],\"b\":{}}";
    FIRN_AUTO(jdoc_freep) jdoc *doc = parse(text);
    firn_buffer out;
    firn_error  err = {0};

    (void) state;
    firn_buffer_init(&out, 1000);
    assert_int_equal(jvalue_add_text(jdoc_root(doc), &out, &err), FIRN_OK);
    assert_true(firn_slice_equal(firn_buffer_slice(&out), firn_slice_text(text)));
    firn_buffer_done(&out);
}

static void
each_allocation_can_fail(void **state)
{
    (void) state;
    for (uint64_t n = 1;; n++) {
        firn_error  err = {0};
        jdoc       *doc = NULL;
        firn_status status;

        firn_alloc_fail_at(n, 0);
        status = jdoc_parse(firn_slice_text("{\"a\": [1, {\"b\": \"text\"}]}"), "doc", &doc, &err);
        firn_alloc_fail_at(0, 0);
        if (status == FIRN_OK) {
            assert_true(n > 1);
            jdoc_free(doc);
            return;
        }
        assert_int_equal(status, FIRN_NO_MEMORY);
        assert_true(n < 1000);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_have_their_kinds),     cmocka_unit_test(missing_members_are_named_with_their_path),
        cmocka_unit_test(what_is_not_json_is_refused), cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(text_of_a_value_reads_back),  cmocka_unit_test(each_allocation_can_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
