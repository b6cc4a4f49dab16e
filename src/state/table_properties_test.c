#include "state/table_properties.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void
test_whether_a_table_is_followed(void **state)
{
    table_property properties[] = {{"firn.load-position", "0/10"}, {"firn.followed-load", "0/10"}, {"firn.follow-state", "following"}};
    table_metadata table = {.properties = properties, .property_count = 3};

    (void) state;
    assert_int_equal(table_follow_state_of(&table), TABLE_FOLLOWING);
    properties[1].value = "0/5"; /* loaded anew since */
    assert_int_equal(table_follow_state_of(&table), TABLE_NOT_FOLLOWED);
    properties[1].value = "0/10";
    properties[2].value = "stopped";
    assert_int_equal(table_follow_state_of(&table), TABLE_STOPPED);
    properties[2].value = "reload";
    assert_int_equal(table_follow_state_of(&table), TABLE_TO_LOAD_AGAIN);
    table.property_count = 1;
    assert_int_equal(table_follow_state_of(&table), TABLE_NOT_FOLLOWED);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whether_a_table_is_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
