#include "kafka/kafka_trouble.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/attrs.h"

static const kafka_cluster cluster = {.name = "primary", .bootstrap_servers = "h:1", .protocol = "ssl"};

typedef struct said {
    rd_kafka_resp_err_t code;
    const char         *text;
} said;

/* What is told of it, when nobody answered. */
static void
tell(const said list[], size_t count, int certificate_error, firn_error *err)
{
    FIRN_AUTO(kafka_trouble_freep) kafka_trouble *trouble = kafka_trouble_new();

    assert_non_null(trouble);
    for (size_t i = 0; i < count; i++) kafka_trouble_note(trouble, list[i].code, list[i].text);
    if (certificate_error) kafka_trouble_note_certificate(trouble, "h:1", certificate_error, 0);
    *err = (firn_error){0};
    (void) kafka_fail(err, &cluster, trouble, RD_KAFKA_RESP_ERR__TIMED_OUT, "cannot reach the brokers");
}

/* Texts as librdkafka 2.0.2 and 2.16 give them. */
static void
each_failure_is_what_it_is(void **state FIRN_UNUSED)
{
    static const struct {
        said        said;
        int         certificate_error;
        firn_code   code;
        const char *cause, *hint;
    } cases[] = {
        {{RD_KAFKA_RESP_ERR__TRANSPORT, "ssl://h:1/bootstrap: Receive failed: error:0A000412:SSL routines::sslv3 alert bad certificate: SSL alert number 42"},
         0, FIRN_E_KAFKA_TLS, "alert", "ssl_certificate"},
        {{RD_KAFKA_RESP_ERR__TRANSPORT, "ssl://h:1/bootstrap: SSL alert number 80"}, 0, FIRN_E_KAFKA_UNAVAILABLE, "80", "bootstrap_servers"},
        {{RD_KAFKA_RESP_ERR__SSL, "ssl://h:1/bootstrap: SSL handshake failed: error:0A000126:SSL routines::unexpected eof while reading"},
         0, FIRN_E_KAFKA_UNAVAILABLE, "eof", "no TLS is spoken there"},
        {{RD_KAFKA_RESP_ERR__SSL, "ssl://h:1/bootstrap: SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener?"},
         0, FIRN_E_KAFKA_UNAVAILABLE, "PLAINTEXT", "no TLS is spoken there"},
        {{RD_KAFKA_RESP_ERR__SSL, "ssl://h:1/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed"},
         10, FIRN_E_KAFKA_TLS, "the certificate of 'h:1' has run out", "clock"},
        {{RD_KAFKA_RESP_ERR__SSL, "ssl://h:1/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed"},
         62, FIRN_E_KAFKA_TLS, "is for another name", "bootstrap_servers"},
        {{RD_KAFKA_RESP_ERR__SSL, "ssl://h:1/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate verify failed"},
         7, FIRN_E_KAFKA_TLS, "certificate verify failed", "ssl_ca"},
        {{RD_KAFKA_RESP_ERR__AUTHENTICATION, "Authentication failed"}, 0, FIRN_E_KAFKA_DENIED, "Authentication failed", "sasl_password"},
        {{RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, "Broker: Group authorization failed"}, 0, FIRN_E_KAFKA_DENIED, "Group", "grant READ"},
    };

    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        firn_error err;
        tell(&cases[i].said, 1, cases[i].certificate_error, &err);
        if (err.code != cases[i].code || !strstr(err.cause, cases[i].cause) || !strstr(err.hint, cases[i].hint))
            print_error("case %zu: %s; %s\n", i, err.cause, err.hint);
        assert_int_equal(err.code, cases[i].code);
        assert_non_null(strstr(err.cause, cases[i].cause));
        assert_non_null(strstr(err.hint, cases[i].hint));
    }
}

static void
the_most_telling_is_kept(void **state FIRN_UNUSED)
{
    static const said list[] = {{RD_KAFKA_RESP_ERR__TRANSPORT, "connection refused"},
                                {RD_KAFKA_RESP_ERR__AUTHENTICATION, "SASL refused"},
                                {RD_KAFKA_RESP_ERR__TRANSPORT, "disconnected"},
                                {RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, "1/1 brokers are down"}};
    firn_error        err;

    tell(list, FIRN_COUNT(list), 0, &err);
    assert_int_equal(err.code, FIRN_E_KAFKA_DENIED);
    assert_non_null(strstr(err.cause, "SASL refused"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_failure_is_what_it_is),
        cmocka_unit_test(the_most_telling_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
