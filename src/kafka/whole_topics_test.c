#include "kafka/whole_topics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

/* "a0 a1 b2": topics of one letter. */
static rd_kafka_topic_partition_list_t *
list_of(const char *text)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    char                             topic[2] = "";

    for (; *text; text += text[2] ? 3 : 2) {
        topic[0] = text[0];
        rd_kafka_topic_partition_list_add(list, topic, text[1] - '0');
    }
    return list;
}

static void
assert_list(rd_kafka_topic_partition_list_t *list, const char *expected)
{
    char text[128] = "";

    assert_non_null(list);
    rd_kafka_topic_partition_list_sort(list, NULL, NULL);
    for (int i = 0; i < list->cnt; i++) {
        size_t at = strlen(text);
        (void) snprintf(text + at, sizeof text - at, "%s%s%d", i ? " " : "", list->elems[i].topic, (int) list->elems[i].partition);
    }
    assert_string_equal(text, expected);
    rd_kafka_topic_partition_list_destroy(list);
}

static void
assert_assigned(const char *given, const char *current, const char *expected)
{
    char                             a[] = "a", b[] = "b", c[] = "c";
    struct rd_kafka_metadata_topic   of[] = {{.topic = a, .partition_cnt = 3}, {.topic = b, .partition_cnt = 1}, {.topic = c, .partition_cnt = 2}};
    struct rd_kafka_metadata         topics = {.topic_cnt = 3, .topics = of};
    rd_kafka_topic_partition_list_t *from = list_of(given), *have = list_of(current);

    assert_list(whole_topics_assigned(from, have, &topics), expected);
    rd_kafka_topic_partition_list_destroy(from);
    rd_kafka_topic_partition_list_destroy(have);
}

static void
test_assigned(void **state)
{
    (void) state;
    assert_assigned("", "", "");
    assert_assigned("b0", "", "b0");
    assert_assigned("a0", "", "a0 a1 a2");
    assert_assigned("a1 a2 c0", "", "c0 c1");
    assert_assigned("a0 a1 a2 b0", "c0 c1", "a0 a1 a2 b0");
    assert_assigned("a2", "a0 a1", "a2");
    assert_assigned("d0", "", "d0");
    assert_assigned("c0", "c0 c1", "");
}

static void
test_grown(void **state)
{
    (void) state;
    assert_assigned("a0 a1 b0", "a0 a1 b0", "a2");
}

static void
assert_revoked(const char *taken, const char *current, const char *expected)
{
    rd_kafka_topic_partition_list_t *from = list_of(taken), *have = list_of(current);

    assert_list(whole_topics_revoked(from, have), expected);
    rd_kafka_topic_partition_list_destroy(from);
    rd_kafka_topic_partition_list_destroy(have);
}

static void
test_revoked(void **state)
{
    (void) state;
    assert_revoked("", "a0 a1", "");
    assert_revoked("a1", "a0 a1 a2", "");
    assert_revoked("a0", "a0 a1 a2 b0", "a0 a1 a2");
    assert_revoked("a0 b0", "b0", "b0");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_assigned),
        cmocka_unit_test(test_grown),
        cmocka_unit_test(test_revoked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
