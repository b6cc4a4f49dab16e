#include "follow/applied_transactions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "state/table_properties.h"

static void
assert_text(const applied_transactions *a, const char *load, const char *position, const char *applied, const char *expected)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const table_property properties[] = {{PROPERTY_LOAD_POSITION, load}, {PROPERTY_POSITION, position}, {PROPERTY_APPLIED, applied}};
    const table_metadata base = {.properties = properties, .property_count = applied ? 3 : 2};
    const char *text = NULL;
    firn_error  err = {0};

    assert_int_equal(applied_transactions_text(a, &base, "0/2000", &arena, &text, &err), FIRN_OK);
    assert_string_equal(text, expected);
}

static void
it_adds_to_what_the_table_had(void **state)
{
    static applied_transactions a;

    (void) state;
    applied_transactions_add(&a, 7, 0x1100);
    applied_transactions_add(&a, 6, 0x1200);
    assert_text(&a, "0/1000", "0/1000", NULL, "0/2000 0/0 7,6");
    assert_text(&a, "0/500", "0/1000", NULL, "0/2000 0/1000 7,6");
    assert_text(&a, "0/500", "0/1000", "0/1000 0/0 ", "0/2000 0/0 7,6");
    assert_text(&a, "0/500", "0/1000", "0/1000 0/800 3,5", "0/2000 0/800 3,5,7,6");
    /* of another position */
    assert_text(&a, "0/500", "0/1000", "0/900 0/800 3,5", "0/2000 0/1000 7,6");
    assert_text(&a, "0/500", "0/1000", "nothing", "0/2000 0/1000 7,6");
}

static void
the_oldest_are_dropped(void **state)
{
    static applied_transactions a;
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const table_property properties[] = {{PROPERTY_LOAD_POSITION, "0/500"}, {PROPERTY_POSITION, "0/1000"}, {PROPERTY_APPLIED, "0/1000 0/800 3"}};
    const table_metadata base = {.properties = properties, .property_count = 3};
    const char *text = NULL;
    firn_error  err = {0};

    (void) state;
    for (uint32_t i = 0; i < APPLIED_MAX; i++) applied_transactions_add(&a, 100 + i, 0x1100 + i);
    assert_int_equal(applied_transactions_text(&a, &base, "0/2000", &arena, &text, &err), FIRN_OK);
    assert_int_equal(strncmp(text, "0/2000 0/1000 100,101,", 22), 0);
    applied_transactions_add(&a, 7, 0x1500);
    assert_int_equal(applied_transactions_text(&a, &base, "0/2000", &arena, &text, &err), FIRN_OK);
    assert_int_equal(strncmp(text, "0/2000 0/1100 101,102,", 22), 0);
    assert_string_equal(text + strlen(text) - 6, ",611,7");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_adds_to_what_the_table_had),
        cmocka_unit_test(the_oldest_are_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
