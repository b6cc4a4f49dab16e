#include "cli/connector_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "codec/json_reader.h"

static const char *const   names[] = {"plain", "Odd.na me$[x]", "a,b;c:d"};
static const char *const   columns[] = {"a", "b"};
static const connector_key keys[] = {{"Odd name", columns, 2}, {"plain", columns, 1}};

static connector_settings
example(void)
{
    return (connector_settings){.source_name = "shop",
                                .topic_prefix = "dev.shop",
                                .host = "h",
                                .port = 5432,
                                .database = "d",
                                .username = "u",
                                .password = "${PW}",
                                .schema = "public",
                                .sslmode = "verify-full",
                                .slot_name = "firn_shop",
                                .publication_name = "firn_shop",
                                .tables = names,
                                .table_count = 3,
                                .keys = keys,
                                .key_count = 2};
}

/* The text of one property. */
static void
property(const connector_settings *s, const char *key, char out[256])
{
    FIRN_AUTO(firn_buffer_done) firn_buffer json = {0};
    FIRN_AUTO(jdoc_freep) jdoc             *doc = NULL;
    firn_error                              err = {0};

    firn_buffer_init(&json, 1 << 16);
    assert_int_equal(connector_json_add(s, &json, &err), FIRN_OK);
    assert_int_equal(jdoc_parse(firn_buffer_slice(&json), "x", &doc, &err), FIRN_OK);
    const char *text = jtext(jget(jget(jdoc_root(doc), "config"), key));
    strncpy(out, text ? text : "(none)", 255);
    out[255] = '\0';
}

static void
names_become_patterns_that_match_them_alone(void **state FIRN_UNUSED)
{
    connector_settings s = example();
    char               text[256];

    property(&s, "table.include.list", text);
    assert_string_equal(text, "public\\.plain,public\\.Odd\\.na\\x20me\\$\\[x\\],public\\.a\\x2cb\\x3bc\\x3ad");
    property(&s, "message.key.columns", text);
    assert_string_equal(text, "public\\.Odd\\x20name:a,b;public\\.plain:a");
    s.table_count = 0;
    property(&s, "table.include.list", text);
    assert_string_equal(text, "public\\..*");
}

static void
password_becomes_a_reference_of_kafka(void **state FIRN_UNUSED)
{
    static const char *const good[][2] = {{"${PW}", "${env:PW}"},
                                          {"${file:/run/secrets/pw}", "${directory:/run/secrets:pw}"},
                                          {"${file:/pw}", "${directory:/:pw}"}};
    static const char *const bad[] = {"tiger", "${command:pass show x}", "${file:pw}", "x${PW}"};
    connector_settings       s = example();
    char                     text[256];

    for (size_t i = 0; i < FIRN_COUNT(good); i++) {
        s.password = good[i][0];
        property(&s, "database.password", text);
        assert_string_equal(text, good[i][1]);
    }
    for (size_t i = 0; i < FIRN_COUNT(bad); i++) {
        FIRN_AUTO(firn_buffer_done) firn_buffer json = {0};
        firn_error                              err = {0};
        firn_buffer_init(&json, 1 << 16);
        s.password = bad[i];
        assert_int_equal(connector_json_add(&s, &json, &err), FIRN_USAGE);
        assert_null(strstr(err.cause, "tiger"));
    }
    s.password = NULL;
    property(&s, "database.password", text);
    assert_string_equal(text, "(none)");
}

static void
key_column_that_debezium_cannot_name_is_refused(void **state FIRN_UNUSED)
{
    static const char *const                odd[] = {"a b"};
    static const connector_key              odd_keys[] = {{"t", odd, 1}};
    FIRN_AUTO(firn_buffer_done) firn_buffer json = {0};
    connector_settings                      s = example();
    firn_error                              err = {0};

    firn_buffer_init(&json, 1 << 16);
    s.keys = odd_keys;
    s.key_count = 1;
    assert_int_equal(connector_json_add(&s, &json, &err), FIRN_USAGE);
}

static void
verified_tls_uses_javas_trust_store_unless_a_file_is_named(void **state FIRN_UNUSED)
{
    connector_settings s = example();
    char               text[256];

    property(&s, "database.sslfactory", text);
    assert_string_equal(text, "org.postgresql.ssl.DefaultJavaSSLFactory");
    s.sslrootcert = "/ca.pem";
    property(&s, "database.sslfactory", text);
    assert_string_equal(text, "(none)");
}

static void
values_are_sent_in_the_forms_that_lose_least(void **state FIRN_UNUSED)
{
    static const char *const expected[][2] = {
        {"snapshot.mode", "no_data"},          {"publication.autocreate.mode", "disabled"},
        {"time.precision.mode", "microseconds"}, {"decimal.handling.mode", "string"},
        {"interval.handling.mode", "string"},  {"binary.handling.mode", "bytes"},
        {"include.unknown.datatypes", "true"}, {"skipped.operations", "none"},
        {"topic.creation.default.partitions", "1"}, {"topic.creation.default.cleanup.policy", "delete"},
    };
    connector_settings s = example();
    char               text[256];

    for (size_t i = 0; i < FIRN_COUNT(expected); i++) {
        property(&s, expected[i][0], text);
        assert_string_equal(text, expected[i][1]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_become_patterns_that_match_them_alone),
        cmocka_unit_test(password_becomes_a_reference_of_kafka),
        cmocka_unit_test(key_column_that_debezium_cannot_name_is_refused),
        cmocka_unit_test(verified_tls_uses_javas_trust_store_unless_a_file_is_named),
        cmocka_unit_test(values_are_sent_in_the_forms_that_lose_least),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
