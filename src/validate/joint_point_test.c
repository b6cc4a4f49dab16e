#include "validate/joint_point.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define SNAPSHOTS 4

/* Snapshots 1 … 4, each the child of the one before; NULL: its commit said no position. */
typedef struct history {
    snapshot       snapshots[SNAPSHOTS];
    table_property positions[SNAPSHOTS], property;
    table_metadata table;
    snapshot_log_entry log[SNAPSHOTS];
} history;

static void
make_history(history *h, const char *now, const char *const positions[SNAPSHOTS])
{
    *h = (history){.property = {"firn.position", now}};
    for (unsigned i = 0; i < SNAPSHOTS; i++) {
        h->log[i].snapshot_id = i + 1;
        h->positions[i] = (table_property){"firn.position", positions[i]};
        h->snapshots[i] = (snapshot){.snapshot_id = i + 1,
                                     .parent_id = i ? (int64_t) i : -1,
                                     .schema_id = -1,
                                     .summary = &h->positions[i],
                                     .summary_count = positions[i] ? 1 : 0};
    }
    h->table = (table_metadata){.snapshot_count = SNAPSHOTS,
                                .snapshots = h->snapshots,
                                .current_snapshot = &h->snapshots[SNAPSHOTS - 1],
                                .snapshot_log_count = SNAPSHOTS,
                                .snapshot_log = h->log,
                                .properties = &h->property,
                                .property_count = 1};
}

/* The snapshot's id; 0: no rows yet; -1: not known. */
static int64_t
found(const history *h, const char *position)
{
    const snapshot *s = NULL;

    if (!joint_point_find(&h->table, position, &s)) return -1;
    return s ? s->snapshot_id : 0;
}

static void
test_the_newest_that_is_not_later(void **state)
{
    static const char *const positions[] = {"0/10", "0/20", "0/30", "1/0"};
    history                  h;

    (void) state;
    make_history(&h, "1/0", positions);
    assert_int_equal(found(&h, "2/0"), 4);
    assert_int_equal(found(&h, "1/0"), 4);
    assert_int_equal(found(&h, "0/FFFFFFFF"), 3);
    assert_int_equal(found(&h, "0/30"), 3);
    assert_int_equal(found(&h, "0/2F"), 2);
    assert_int_equal(found(&h, "0/10"), 1);
    assert_int_equal(found(&h, "0/F"), 0);
}

static void
test_a_rewrite_has_the_position_of_what_it_rewrote(void **state)
{
    static const char *const positions[] = {"0/10", NULL, "0/30", NULL};
    history                  h;

    (void) state;
    make_history(&h, "0/30", positions);
    assert_int_equal(found(&h, "0/30"), 4);
    assert_int_equal(found(&h, "0/2F"), 2);
    /* The rows of a first commit that says nothing may be of any time. */
    h.snapshots[0].summary_count = 0;
    assert_int_equal(found(&h, "0/2F"), -1);
}

static void
test_parts_of_a_window_are_not_the_table(void **state)
{
    static const char *const positions[] = {"0/10", NULL, NULL, "0/40"};
    history                  h;

    (void) state;
    make_history(&h, "0/40", positions);
    h.log[1] = h.log[2] = h.log[3]; /* 2 and 3 were on a branch */
    assert_int_equal(found(&h, "0/40"), 4);
    assert_int_equal(found(&h, "0/3F"), 1);
}

static void
test_what_is_not_known(void **state)
{
    static const char *const positions[] = {"0/10", "0/20", "0/30", "0/40"};
    table_schema             now = {0};
    history                  h;

    (void) state;
    make_history(&h, "0/40", positions);
    h.table.snapshots = &h.snapshots[2]; /* the older ones have expired */
    h.table.snapshot_count = 2;
    assert_int_equal(found(&h, "0/30"), 3);
    assert_int_equal(found(&h, "0/20"), -1);
    assert_int_equal(found(&h, "x/20"), -1);
    assert_int_equal(found(&h, "0/20 "), -1);
    assert_int_equal(found(&h, "0/123456789"), -1);
    h.table.property_count = 0;
    assert_int_equal(found(&h, "0/30"), -1);
    h.table.property_count = 1;
    h.table.schema = &now; /* another than the snapshot's */
    h.snapshots[2].schema_id = 7;
    assert_int_equal(found(&h, "0/30"), -1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_newest_that_is_not_later),
        cmocka_unit_test(test_a_rewrite_has_the_position_of_what_it_rewrote),
        cmocka_unit_test(test_parts_of_a_window_are_not_the_table),
        cmocka_unit_test(test_what_is_not_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
