#include "kafka/kafka_consumer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <librdkafka/rdkafka_mock.h>

#include "base/clock.h"

#define SYNC_GROUP 14
#define SOON_US ((uint64_t) 5000000)

/* A broker within librdkafka, with one topic. */
typedef struct fixture {
    kafka_trouble           *trouble;
    rd_kafka_t              *client;
    rd_kafka_mock_cluster_t *brokers;
    kafka_cluster            cluster;
} fixture;

static void
assert_done(firn_status status, const firn_error *err)
{
    if (status) fail_msg("%s", err->cause);
}

static int
set_up(void **state)
{
    static fixture      f;
    firn_error          err = {0};
    const kafka_cluster none = {.name = "none", .bootstrap_servers = "127.0.0.1:1"};

    f.trouble = kafka_trouble_new();
    assert_done(kafka_client_new(&none, RD_KAFKA_PRODUCER, NULL, 0, NULL, NULL, f.trouble, &f.client, &err), &err);
    f.brokers = rd_kafka_mock_cluster_new(f.client, 1);
    assert_non_null(f.brokers);
    assert_int_equal(rd_kafka_mock_topic_create(f.brokers, "dev.t", 1, 1), RD_KAFKA_RESP_ERR_NO_ERROR);
    f.cluster = (kafka_cluster){.name = "mock", .bootstrap_servers = rd_kafka_mock_cluster_bootstraps(f.brokers)};
    *state = &f;
    return 0;
}

static int
tear_down(void **state)
{
    fixture *f = *state;

    rd_kafka_mock_cluster_destroy(f->brokers);
    rd_kafka_destroy(f->client);
    kafka_trouble_free(f->trouble);
    return 0;
}

static kafka_consumer *
open_consumer(const fixture *f, task_cancel *cancel)
{
    const kafka_consumer_settings settings = {.cluster = &f->cluster, .group_id = "g", .topic_prefix = "dev", .queue_bytes = (size_t) 8 << 20};
    kafka_consumer               *consumer = NULL;
    firn_error                    err = {0};

    assert_done(kafka_consumer_open(&settings, cancel, &consumer, &err), &err);
    return consumer;
}

static void
assert_freed_soon(kafka_consumer *take_consumer)
{
    uint64_t began_us = firn_clock_monotonic_us();

    kafka_consumer_free(take_consumer);
    assert_true(firn_clock_monotonic_us() - began_us < SOON_US);
}

static void
it_ends_with_a_hand_over_that_nobody_accepted(void **state)
{
    FIRN_AUTO(task_cancel_freep) task_cancel *cancel = task_cancel_new();
    kafka_consumer *consumer = open_consumer(*state, cancel);

    for (unsigned i = 0; i < 300 && kafka_consumer_change(consumer).kind != GROUP_ASSIGNS; i++) assert_false(task_cancel_wait(cancel, 100));
    assert_int_equal(kafka_consumer_change(consumer).kind, GROUP_ASSIGNS);
    assert_freed_soon(consumer);
}

/* Between the answers to JoinGroup and SyncGroup. */
static void
it_ends_while_it_joins(void **state)
{
    const fixture  *f = *state;
    FIRN_AUTO(task_cancel_freep) task_cancel *cancel = task_cancel_new();

    rd_kafka_mock_broker_push_request_error_rtts(f->brokers, 1, SYNC_GROUP, 1, RD_KAFKA_RESP_ERR_NOT_COORDINATOR, 3000);
    kafka_consumer *consumer = open_consumer(f, cancel);
    assert_false(task_cancel_wait(cancel, 4500)); /* such a group waits 3 s for its first members */
    assert_int_equal(kafka_consumer_change(consumer).kind, GROUP_UNCHANGED);
    assert_freed_soon(consumer);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_ends_with_a_hand_over_that_nobody_accepted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(it_ends_while_it_joins, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
