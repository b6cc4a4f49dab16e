#include "kafka/kafka_token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/attrs.h"

static void
answers_are_taken_apart(void **state FIRN_UNUSED)
{
    static const struct {
        const char *json;
        firn_status status;
        int64_t     life_s;
    } cases[] = {
        {"{\"access_token\": \"abc\", \"token_type\": \"Bearer\", \"expires_in\": 60}", FIRN_OK, 60},
        {"{\"access_token\": \"abc\"}", FIRN_OK, 300},
        {"{\"access_token\": \"abc\", \"expires_in\": 99999999999}", FIRN_OK, 30 * 86400},
        {"{\"access_token\": \"abc\", \"expires_in\": \"60\"}", FIRN_OK, 300},
        {"{\"access_token\": \"abc\", \"expires_in\": 0}", FIRN_DENIED, 0},
        {"{\"access_token\": \"\"}", FIRN_DENIED, 0},
        {"{\"access_token\": 1}", FIRN_DENIED, 0},
        {"{}", FIRN_DENIED, 0},
        {"[]", FIRN_DENIED, 0},
        {"<html>", FIRN_CORRUPT, 0},
    };

    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        FIRN_AUTO(kafka_token_done) kafka_token token = {0};
        firn_error err = {0};
        assert_int_equal(kafka_token_parse(firn_slice_text(cases[i].json), "https://h", &token, &err), cases[i].status);
        if (cases[i].status) continue;
        assert_string_equal(firn_secret_reveal(token.text), "abc");
        assert_int_equal(token.life_s, cases[i].life_s);
    }
}

static void
extensions_are_names_and_values(void **state FIRN_UNUSED)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const char *parts[2 * KAFKA_TOKEN_EXTENSIONS_MAX];
    size_t      count;
    firn_error  err = {0};

    assert_int_equal(kafka_token_extensions("logicalCluster=lkc-1,pool=a=b", &arena, parts, &count, &err), FIRN_OK);
    assert_int_equal(count, 4);
    assert_string_equal(parts[0], "logicalCluster");
    assert_string_equal(parts[1], "lkc-1");
    assert_string_equal(parts[3], "a=b");
    assert_int_equal(kafka_token_extensions(NULL, &arena, parts, &count, &err), FIRN_OK);
    assert_int_equal(count, 0);
    static const char *const refused[] = {"a", "=b", "auth=x", "a b=c", "a=b,,", "a=b\x01""c", "a=\xc3\xa4", "a=,b",
                                          "a=,b=,c=,d=,e=,f=,g=,h=,i=,j=,k=,l=,m=,n=,o=,p=,q="};
    for (size_t i = 0; i < FIRN_COUNT(refused); i++) {
        firn_error bad = {0};
        assert_int_equal(kafka_token_extensions(refused[i], &arena, parts, &count, &bad), FIRN_USAGE);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_taken_apart),
        cmocka_unit_test(extensions_are_names_and_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
