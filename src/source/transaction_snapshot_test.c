#include "source/transaction_snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static bool
sees(const char *text, uint64_t xid)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    transaction_snapshot snapshot;
    firn_error           err = {0};
    bool                 valid = false;

    assert_int_equal(transaction_snapshot_parse(text, &arena, &snapshot, &valid, &err), FIRN_OK);
    assert_true(valid);
    if (xid <= UINT32_MAX) xid = transaction_snapshot_near(&snapshot, (uint32_t) xid);
    bool lacks = false;
    assert_int_equal(transaction_snapshot_lacks(text, xid, &lacks, &err), FIRN_OK);
    assert_int_equal(lacks, !transaction_snapshot_sees(&snapshot, xid));
    return !lacks;
}

static void
what_ran_is_not_seen(void **state FIRN_UNUSED)
{
    static const char snapshot[] = "100:110:107,103";

    assert_true(sees(snapshot, 99));
    assert_true(sees(snapshot, 100));
    assert_false(sees(snapshot, 103));
    assert_true(sees(snapshot, 104));
    assert_false(sees(snapshot, 107));
    assert_true(sees(snapshot, 109));
    assert_false(sees(snapshot, 110));
    assert_true(sees("7:7:", 6));
    assert_false(sees("7:7:", 7));
}

static void
numbers_may_lack_their_epoch(void **state FIRN_UNUSED)
{
    static const char snapshot[] = "4294967303:4294967310:4294967303";

    assert_true(sees(snapshot, 4294967293u));
    assert_true(sees(snapshot, 5));
    assert_false(sees(snapshot, 7));
    assert_false(sees(snapshot, 4294967303));
    assert_false(sees(snapshot, 14));
}

static void
what_is_no_snapshot_is_not_valid(void **state FIRN_UNUSED)
{
    static const char *const texts[] = {"", "1", "1:2", "a:b:", "1:2:3,", "1:2:x", "1:2:3;4", ":2:"};

    for (unsigned i = 0; i < FIRN_COUNT(texts); i++) {
        FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
        transaction_snapshot snapshot;
        firn_error           err = {0};
        bool                 valid = true;

        assert_int_equal(transaction_snapshot_parse(texts[i], &arena, &snapshot, &valid, &err), FIRN_OK);
        assert_false(valid);
        assert_int_equal(transaction_snapshot_lacks(texts[i], 1, &valid, &err), FIRN_OK);
        assert_false(valid);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_ran_is_not_seen),
        cmocka_unit_test(numbers_may_lack_their_epoch),
        cmocka_unit_test(what_is_no_snapshot_is_not_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
