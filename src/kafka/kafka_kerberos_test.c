#include "kafka/kafka_kerberos.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attrs.h"

static void
a_service_is_a_plain_name(void **state FIRN_UNUSED)
{
    static const char *const taken[] = {"kafka", "Kafka-2", "a.b_c"};
    static const char *const refused[] = {"", "-kafka", "kafka host", "kafka/host", "kafka@REALM", "`touch x`", "$(touch x)", "a;b", "a'b", "a\"b", "a|b", "a\nb", "%{sasl.username}",
                                          "a\\b", "\xc3\xa4", "a23456789a23456789a23456789a23456789a23456789a23456789a23456789a2345"};

    for (size_t i = 0; i < FIRN_COUNT(taken); i++) assert_true(kafka_kerberos_is_service(taken[i]));
    for (size_t i = 0; i < FIRN_COUNT(refused); i++) assert_false(kafka_kerberos_is_service(refused[i]));
}

static void
only_a_keytab_changes_something(void **state FIRN_UNUSED)
{
    static const kafka_cluster others[] = {{.name = "a", .mechanism = "GSSAPI"},
                                           {.name = "b", .mechanism = "PLAIN", .keytab = "/does/not/exist"},
                                           {.name = "c", .keytab = "/does/not/exist"}};
    static const kafka_cluster missing = {.name = "primary", .mechanism = "GSSAPI", .keytab = "/does/not/exist"};
    firn_error                 err = {0};

    assert_int_equal(unsetenv("KRB5_CLIENT_KTNAME"), 0);
    for (size_t i = 0; i < FIRN_COUNT(others); i++) assert_int_equal(kafka_kerberos_prepare(&others[i], &err), FIRN_OK);
    assert_int_equal(kafka_kerberos_prepare(&missing, &err), FIRN_USAGE);
    assert_non_null(strstr(err.cause, "/does/not/exist"));
    assert_non_null(strstr(err.cause, "primary"));
    assert_null(getenv("KRB5_CLIENT_KTNAME"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_service_is_a_plain_name),
        cmocka_unit_test(only_a_keytab_changes_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
