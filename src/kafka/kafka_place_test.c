#include "kafka/kafka_place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void
what_is_written_reads_back(void **state FIRN_UNUSED)
{
    kafka_place places[] = {
        {.topic = "b", .partition = 10, .next_offset = INT64_MAX, .mark = UINT64_MAX},
        {.topic = "b", .partition = 2, .next_offset = 0},
        {.topic = "a\"\\.ü", .partition = 0, .next_offset = 7, .mark = 1, .has_order = true, .order = {.is_known = true, .major = INT64_MAX, .minor = 3, .fourth = 7}, .order_count = UINT32_MAX, .order_hash = 9},
    };
    kafka_places written = {.cluster_id = "c-1", .since = "0/1A2B", .places = places, .count = 3}, read;
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    firn_error err = {0};

    kafka_places_sort(&written);
    firn_buffer_init(&text, 10000);
    assert_int_equal(kafka_places_format(&written, &text, &err), FIRN_OK);
    assert_int_equal(firn_buffer_add_byte(&text, 0, &err), FIRN_OK);
    assert_int_equal(kafka_places_parse((const char *) text.data, "t", &arena, &read, &err), FIRN_OK);
    assert_string_equal(read.cluster_id, "c-1");
    assert_string_equal(read.since, "0/1A2B");
    assert_int_equal(read.count, 3);
    const kafka_place *first = kafka_places_find(&read, "a\"\\.ü", 0), *last = kafka_places_find(&read, "b", 10);
    assert_non_null(first);
    assert_true(first->has_order && first->order.major == INT64_MAX && first->order.minor == 3 && first->order.third == 0 && first->order.fourth == 7 && first->order_count == UINT32_MAX && first->order_hash == 9);
    assert_true(last && last->next_offset == INT64_MAX && last->mark == UINT64_MAX && !last->has_order);
    assert_true(kafka_places_find(&read, "b", 2) && !kafka_places_find(&read, "b", 3) && !kafka_places_find(&read, "c", 0));
    assert_true(kafka_places_has_topic(&read, "b") && !kafka_places_has_topic(&read, "aa") && !kafka_places_has_topic(&read, "c"));
}

static void
what_is_no_place_is_refused(void **state FIRN_UNUSED)
{
    static const char *const texts[] = {
        "", "0/1A", "{}", "[]", "{\"kafka\":1,\"topics\":{}}", "{\"kafka\":\"c\",\"topics\":[]}", "{\"kafka\":\"c\",\"since\":1,\"topics\":{}}", "{\"kafka\":\"c\",\"since\":\"x\",\"topics\":{}}",
        "{\"kafka\":\"c\",\"topics\":{\"t\":[]}}", "{\"kafka\":\"c\",\"topics\":{\"t\":{\"x\":[1,\"0000000000000000\"]}}}",
        "{\"kafka\":\"c\",\"topics\":{\"t\":{\"-1\":[1,\"0000000000000000\"]}}}",
        "{\"kafka\":\"c\",\"topics\":{\"t\":{\"0\":[-1,\"0000000000000000\"]}}}",
        "{\"kafka\":\"c\",\"topics\":{\"t\":{\"0\":[1,\"00\"]}}}", "{\"kafka\":\"c\",\"topics\":{\"t\":{\"0\":[1,\"000000000000000g\"]}}}",
        "{\"kafka\":\"c\",\"topics\":{\"t\":{\"0\":[1,\"0000000000000000\",[1,2],3]}}}",
        "{\"kafka\":\"c\",\"topics\":{\"t\":{\"0\":[1,\"0000000000000000\",[1],3,\"0000000000000000\"]}}}",
        "{\"kafka\":\"c\",\"topics\":{\"t\":{\"99999999999\":[1,\"0000000000000000\"]}}}",
    };
    for (size_t i = 0; i < FIRN_COUNT(texts); i++) {
        FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
        kafka_places read;
        firn_error   err = {0};

        assert_int_equal(kafka_places_parse(texts[i], "orders", &arena, &read, &err), FIRN_CORRUPT);
        assert_int_equal(err.code, FIRN_E_FOLLOW_POSITION);
        assert_non_null(strstr(err.cause, "orders"));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(what_is_no_place_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
