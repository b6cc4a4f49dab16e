#include "cli/slot_limit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static replication_lag
slot(int64_t retained, int64_t behind)
{
    return (replication_lag){.slot_exists = true, .retained_bytes = retained, .behind_bytes = behind, .safe_bytes = -1, .status = "reserved"};
}

static slot_verdict
look(slot_limit *limit, int64_t retained, int64_t behind)
{
    replication_lag lag = slot(retained, behind);

    return slot_limit_judge(limit, &lag);
}

static void
says_each_level_once_and_again_when_doubled(void **state FIRN_UNUSED)
{
    slot_limit limit = {.limit_bytes = 1000};

    assert_false(look(&limit, 700, 0).is_said);
    slot_verdict near = look(&limit, 800, 0);
    assert_true(near.is_said && near.level == SLOT_NEAR);
    assert_false(look(&limit, 900, 0).is_said);
    slot_verdict above = look(&limit, 1000, 0);
    assert_true(above.is_said && above.level == SLOT_ABOVE && !above.acts);
    assert_false(look(&limit, 950, 0).is_said);
    assert_false(look(&limit, 1990, 0).is_said);
    assert_true(look(&limit, 2000, 0).is_said);
    slot_verdict fine = look(&limit, 10, 0);
    assert_true(fine.is_said && fine.level == SLOT_FINE);
    assert_false(look(&limit, 10, 0).is_said);
}

static void
acts_on_what_stays_above(void **state FIRN_UNUSED)
{
    slot_limit limit = {.limit_bytes = 1000};

    for (unsigned i = 1; i < SLOT_LIMIT_LOOKS; i++) assert_false(look(&limit, 1500 + i, 7).acts);
    assert_true(look(&limit, 1600, 7).acts);
}

static void
leaves_what_catches_up(void **state FIRN_UNUSED)
{
    slot_limit limit = {.limit_bytes = 1000};

    for (int64_t i = 0; i < 50; i++) assert_false(look(&limit, 100000 + i, 100000 - i).acts); /* confirmed comes nearer */
    for (int64_t i = 0; i < 50; i++) assert_false(look(&limit, 90000 - i, 5).acts);           /* held: less and less */
    for (unsigned i = 0; i < 3 * SLOT_LIMIT_LOOKS; i++) assert_false(look(&limit, 500, 5).acts);
}

static void
acts_where_the_source_is_busy_and_the_lag_small(void **state FIRN_UNUSED)
{
    slot_limit limit = {.limit_bytes = 1000};
    bool       acts = false;

    for (int64_t i = 0; i < 2 * (int64_t) SLOT_LIMIT_LOOKS; i++) acts = look(&limit, 1500 + i % 3, 5 + i % 2).acts || acts;
    assert_true(acts);
}

static void
knows_the_sources_own_limit(void **state FIRN_UNUSED)
{
    slot_limit      limit = {0};
    replication_lag lag = slot(79, 0);

    assert_false(slot_limit_judge(&limit, &lag).is_said);
    lag.safe_bytes = 21;
    assert_false(slot_limit_judge(&limit, &lag).is_said);
    lag = slot(81, 0);
    lag.safe_bytes = 19;
    assert_true(slot_limit_judge(&limit, &lag).level == SLOT_SCARCE);
    lag = slot(81, 0);
    memcpy(lag.status, "unreserved", sizeof "unreserved");
    assert_false(slot_limit_judge(&limit, &lag).is_said);
    assert_true(limit.level == SLOT_SCARCE);
    lag.slot_exists = false;
    assert_true(slot_limit_judge(&limit, &lag).level == SLOT_FINE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_each_level_once_and_again_when_doubled),
        cmocka_unit_test(acts_on_what_stays_above),
        cmocka_unit_test(leaves_what_catches_up),
        cmocka_unit_test(acts_where_the_source_is_busy_and_the_lag_small),
        cmocka_unit_test(knows_the_sources_own_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
