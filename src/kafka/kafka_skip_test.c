#include "kafka/kafka_skip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static dbz_event
change_at(uint64_t last_commit, uint64_t lsn, uint64_t xid)
{
    return (dbz_event){.kind = DBZ_CREATE,
                       .source = {.lsn = lsn, .last_commit_lsn = last_commit, .transaction_number = xid},
                       .order = {.is_known = true, .major = last_commit, .minor = lsn}};
}

static load_verdict
judge(const char *position, const char *snapshot, bool is_exact, dbz_event event)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    load_point point;
    firn_error err = {0};

    assert_int_equal(load_point_parse(position, snapshot, is_exact, "t", &arena, &point, &err), FIRN_OK);
    return load_point_judge(&point, &event);
}

/* The snapshot is that of the load, the position later: followed from the slot itself in between. */
static void
a_later_position_knows_what_came_behind_it_and_what_the_load_saw(void **state FIRN_UNUSED)
{
    const struct {
        dbz_event    event;
        load_verdict verdict;
    } cases[] = {{change_at(0x800, 0x900, 99), LOAD_HAS}, {change_at(0x800, 0x900, 105), LOAD_UNCLEAR}, {change_at(0, 0x900, 111), LOAD_UNCLEAR}, {change_at(0x1000, 0x900, 111), LOAD_LACKS}, {change_at(0, 0x1000, 111), LOAD_LACKS}};

    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
        load_point point;
        firn_error err = {0};

        assert_int_equal(load_point_parse("0/1000", "100:110:105", true, "t", &arena, &point, &err), FIRN_OK);
        point.was_followed = true;
        assert_int_equal(load_point_judge(&point, &cases[i].event), cases[i].verdict);
    }
}

/* The same, and what was applied in between is known, behind 0/C00. */
static void
what_was_applied_from_the_slot_is_known(void **state FIRN_UNUSED)
{
    const struct {
        const char  *load, *applied;
        dbz_event    event;
        load_verdict verdict;
    } cases[] = {{"0/100", "0/1000 0/C00 115,111", change_at(0, 0xD00, 111), LOAD_HAS},
                 {"0/100", "0/1000 0/C00 115,111", change_at(0, 0xD00, 112), LOAD_LACKS},
                 {"0/100", "0/1000 0/C00 115,111", change_at(0, 0xB00, 112), LOAD_UNCLEAR},
                 {"0/100", "0/1000 0/C00 115,111", change_at(0, 0xB00, 115), LOAD_HAS},
                 {"0/100", "0/1000 0/C00 115,111", change_at(0, 0xB00, 104), LOAD_HAS},
                 {"0/100", "0/1000 0/C00 ", change_at(0, 0xD00, 111), LOAD_LACKS},
                 {"0/100", "0/1000 0/0 115", change_at(0, 0xB00, 112), LOAD_LACKS},
                 {"0/100", "0/F00 0/0 115", change_at(0, 0xB00, 115), LOAD_UNCLEAR},
                 {"0/100", "0/1000 0/0 x", change_at(0, 0xB00, 115), LOAD_UNCLEAR},
                 {"0/100", "0/1000", change_at(0, 0xB00, 115), LOAD_UNCLEAR},
                 {"0/1000", NULL, change_at(0, 0xB00, 115), LOAD_LACKS}};

    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
        load_point point;
        firn_error err = {0};

        assert_int_equal(load_point_parse("0/1000", "100:110:105", true, "t", &arena, &point, &err), FIRN_OK);
        assert_int_equal(load_point_follow(&point, cases[i].load, cases[i].applied, &arena, &err), FIRN_OK);
        assert_int_equal(load_point_judge(&point, &cases[i].event), cases[i].verdict);
    }
}

static void
a_load_has_what_it_saw(void **state FIRN_UNUSED)
{
    static const char snapshot[] = "100:110:103,107";

    /* behind the position, by itself or by the commit before it */
    assert_int_equal(judge("0/1000", snapshot, true, change_at(0x900, 0x1000, 99)), LOAD_LACKS);
    assert_int_equal(judge("0/1000", snapshot, true, change_at(0x1000, 0x800, 99)), LOAD_LACKS);
    /* before it: by what the snapshot sees */
    assert_int_equal(judge("0/1000", snapshot, true, change_at(0x800, 0x900, 99)), LOAD_HAS);
    assert_int_equal(judge("0/1000", snapshot, true, change_at(0x800, 0x900, 103)), LOAD_LACKS);
    assert_int_equal(judge("0/1000", snapshot, true, change_at(0x800, 0x900, 104)), LOAD_HAS);
    assert_int_equal(judge("0/1000", snapshot, true, change_at(0x800, 0x900, 107)), LOAD_LACKS);
    assert_int_equal(judge("0/1000", snapshot, true, change_at(0x800, 0x900, 110)), LOAD_LACKS);
    assert_int_equal(judge("0/1000", NULL, true, change_at(0x800, 0x900, 99)), LOAD_UNCLEAR);
    assert_int_equal(judge("0/1000", "", true, change_at(0x800, 0x900, 99)), LOAD_UNCLEAR);
    /* a position near the snapshot only */
    assert_int_equal(judge("0/1000", snapshot, false, change_at(0x1000, 0x1100, 104)), LOAD_HAS);
    assert_int_equal(judge("0/1000", snapshot, false, change_at(0x1000, 0x1100, 111)), LOAD_LACKS);
    /* nothing was loaded */
    assert_int_equal(judge(NULL, NULL, false, change_at(0, 1, 1)), LOAD_LACKS);
    assert_int_equal(judge("0/0", "", true, change_at(0, 1, 1)), LOAD_LACKS);
}

static void
transaction_numbers_come_without_their_epoch(void **state FIRN_UNUSED)
{
    /* 2^32 + 5 is seen, 2^32 - 3 too, 2^32 + 7 is running */
    static const char snapshot[] = "4294967303:4294967310:4294967303";

    assert_int_equal(judge("0/1000", snapshot, true, change_at(0x1, 0x2, 5)), LOAD_HAS);
    assert_int_equal(judge("0/1000", snapshot, true, change_at(0x1, 0x2, 4294967293u)), LOAD_HAS);
    assert_int_equal(judge("0/1000", snapshot, true, change_at(0x1, 0x2, 7)), LOAD_LACKS);
    assert_int_equal(judge("0/1000", snapshot, true, change_at(0x1, 0x2, 14)), LOAD_LACKS);
}

static void
oracle_goes_by_the_commit(void **state FIRN_UNUSED)
{
    dbz_event event = {.kind = DBZ_UPDATE, .source = {.scn = 90, .commit_scn = 101}};

    assert_int_equal(judge("100", NULL, true, event), LOAD_LACKS);
    event.source.commit_scn = 100;
    assert_int_equal(judge("100", NULL, true, event), LOAD_HAS);
}

static void
what_is_no_point_is_refused(void **state FIRN_UNUSED)
{
    static const char *const snapshots[] = {"1", "1:2", "a:b:", "1:2:3,", "1:2:x", "1:2:3;4", ":2:"};
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    load_point point;

    for (size_t i = 0; i < FIRN_COUNT(snapshots); i++) {
        firn_error err = {0};
        assert_int_equal(load_point_parse("0/1", snapshots[i], true, "t", &arena, &point, &err), FIRN_CORRUPT);
    }
    firn_error err = {0};
    assert_int_equal(load_point_parse("here", NULL, true, "t", &arena, &point, &err), FIRN_CORRUPT);
}

static void
a_connector_that_begins_again_goes_back(void **state FIRN_UNUSED)
{
    dbz_event removed = change_at(0x800, 0x900, 5), again = removed, later = change_at(0x980, 0x890, 6), first = change_at(0, 0x890, 6);

    removed.kind = again.kind = DBZ_DELETE;
    assert_true(event_goes_back(&again, &removed));
    again.kind = DBZ_CREATE; /* of the same place: what it was changed to */
    assert_false(event_goes_back(&again, &removed));
    assert_false(event_goes_back(&later, &removed));
    assert_true(event_goes_back(&removed, &later));
    /* the first transaction that a connector sends does not say which commit was before it */
    removed.source.time_us = 1000;
    first.source.time_us = 2000;
    assert_false(event_goes_back(&first, &removed));
    first.source.time_us = 500;
    assert_true(event_goes_back(&first, &removed));
    first.order.is_known = false;
    assert_false(event_goes_back(&first, &removed));
}

static bool
repeats(event_order *seen, uint64_t last_commit, uint64_t lsn, uint64_t hash, int64_t time_us)
{
    dbz_event event = change_at(last_commit, lsn, 1);

    event.time_us = time_us;
    return event_order_judge(seen, &event, hash, true) == EVENT_REPEATS;
}

static void
a_connector_that_goes_back_is_seen(void **state FIRN_UNUSED)
{
    event_order seen = {0};

    assert_false(repeats(&seen, 1, 10, 1, 1000));
    assert_false(repeats(&seen, 1, 11, 2, 1000)); /* three rows of one record */
    assert_false(repeats(&seen, 1, 11, 3, 1000));
    assert_false(repeats(&seen, 1, 11, 2, 1001)); /* the third is equal to the first */
    assert_false(repeats(&seen, 12, 13, 4, 2000));
    assert_false(repeats(&seen, 12, 13, 5, 2000));
    /* started again, from the middle of what it had sent */
    assert_true(repeats(&seen, 1, 11, 2, 9000000));
    assert_true(repeats(&seen, 1, 11, 3, 9000000));
    assert_true(repeats(&seen, 1, 11, 2, 9000000));
    assert_true(repeats(&seen, 12, 13, 4, 9000000));
    assert_true(repeats(&seen, 12, 13, 5, 9000000));
    assert_false(repeats(&seen, 12, 13, 6, 9000000)); /* had not been sent before */
    assert_false(repeats(&seen, 14, 15, 7, 9000000));
    /* and from just the last ones */
    assert_true(repeats(&seen, 14, 15, 7, 19000000));
    assert_false(repeats(&seen, 14, 16, 8, 19000000));
}

static void
the_first_transaction_of_a_connector_goes_by_its_time(void **state FIRN_UNUSED)
{
    event_order seen = {0};
    dbz_event   first = change_at(0, 100, 1), slow = change_at(150, 50, 2), again = change_at(0, 40, 3), later = change_at(0, 30, 4);

    first.source.time_us = 1000000;
    slow.source.time_us = 2000000;
    again.source.time_us = 1500000;
    later.source.time_us = 3000000;
    assert_false(event_order_judge(&seen, &first, 1, true) == EVENT_REPEATS);
    assert_false(event_order_judge(&seen, &slow, 2, true) == EVENT_REPEATS); /* began before it, committed behind it */
    /* the connector was started again: one from before, one that nobody has seen */
    assert_true(event_order_judge(&seen, &again, 3, true) == EVENT_REPEATS);
    assert_false(event_order_judge(&seen, &later, 4, true) == EVENT_REPEATS);
}

/* Transaction A was the last one before the connector was started again; what comes first does not say which commit was before it. */
static void
a_time_that_is_older_is_not_believed_against_the_log(void **state FIRN_UNUSED)
{
    const event_order a = {.has_order = true, .order = {.is_known = true, .major = 90, .minor = 100}, .commit_us = 2000000, .count = 1};
    static const struct {
        uint64_t      lsn;
        int64_t       time_us;
        event_novelty keyed, keyless;
    } cases[] = {
        {110, 1999997, EVENT_NEW, EVENT_UNCLEAR},     /* committed behind A, but took its time before A did */
        {110, 2000003, EVENT_NEW, EVENT_NEW},
        {95, 1999997, EVENT_NEW, EVENT_REPEATS},      /* was changed before A's last change, too */
        {95, 1900000, EVENT_REPEATS, EVENT_REPEATS},
        {110, 900000, EVENT_NEW, EVENT_REPEATS},      /* a clock was set back, or A was idle before its commit */
        {100, 1900000, EVENT_REPEATS, EVENT_REPEATS},
    };

    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        for (int is_keyed = 0; is_keyed < 2; is_keyed++) {
            event_order seen = a;
            dbz_event   first = change_at(0, cases[i].lsn, 1), next = change_at(105, cases[i].lsn + 20, 2);
            first.source.time_us = cases[i].time_us;
            next.source.time_us = cases[i].time_us + 1;
            event_novelty novelty = event_order_judge(&seen, &first, 1, is_keyed);
            assert_int_equal(novelty, is_keyed ? cases[i].keyed : cases[i].keyless);
            /* Whoever takes it again takes all that followed it again. */
            if (novelty == EVENT_NEW) assert_int_equal(event_order_judge(&seen, &next, 2, is_keyed), EVENT_NEW);
        }
    }
}

static void
what_has_no_order_counts(void **state FIRN_UNUSED)
{
    event_order seen = {0};
    dbz_event   read = change_at(1, 5, 1), unknown = {.kind = DBZ_CREATE};

    read.kind = DBZ_READ;
    assert_false(repeats(&seen, 1, 10, 1, 1000));
    assert_false(event_order_judge(&seen, &read, 1, true) == EVENT_REPEATS);
    assert_false(event_order_judge(&seen, &unknown, 1, true) == EVENT_REPEATS);
    assert_true(repeats(&seen, 1, 9, 1, 1000));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_applied_from_the_slot_is_known),
        cmocka_unit_test(a_load_has_what_it_saw),
        cmocka_unit_test(a_later_position_knows_what_came_behind_it_and_what_the_load_saw),
        cmocka_unit_test(transaction_numbers_come_without_their_epoch),
        cmocka_unit_test(oracle_goes_by_the_commit),
        cmocka_unit_test(what_is_no_point_is_refused),
        cmocka_unit_test(a_connector_that_begins_again_goes_back),
        cmocka_unit_test(a_connector_that_goes_back_is_seen),
        cmocka_unit_test(the_first_transaction_of_a_connector_goes_by_its_time),
        cmocka_unit_test(a_time_that_is_older_is_not_believed_against_the_log),
        cmocka_unit_test(what_has_no_order_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
