#include "source/source_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void
plain_names_stay(void **state FIRN_UNUSED)
{
    char name[SOURCE_NAME_SIZE];

    source_slot_name("Shop_2", name);
    assert_string_equal(name, "firn_shop_2");
    source_publication_name("Shop_2", name);
    assert_string_equal(name, "firn_shop_2");
}

static void
replaced_names_stay_apart(void **state FIRN_UNUSED)
{
    char a[SOURCE_NAME_SIZE], b[SOURCE_NAME_SIZE];

    source_slot_name("a-b", a);
    source_slot_name("a.b", b);
    assert_memory_equal(a, "firn_a_b_", 9);
    assert_string_not_equal(a, b);
    assert_int_equal(strspn(a, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(a));
    source_slot_name("é", a);
    assert_memory_equal(a, "firn____", 8);
}

static void
long_names_are_cut_and_stay_apart(void **state FIRN_UNUSED)
{
    char long_a[101], long_b[101], a[SOURCE_NAME_SIZE], b[SOURCE_NAME_SIZE];

    memset(long_a, 'x', 100);
    memset(long_b, 'x', 100);
    long_a[100] = long_b[100] = '\0';
    long_b[99] = 'y';
    source_slot_name(long_a, a);
    source_slot_name(long_b, b);
    assert_int_equal(strlen(a), 63);
    assert_string_not_equal(a, b);
}

/* A slot outlives the program that made it: the name may never change. */
static void
hash_is_stable(void **state FIRN_UNUSED)
{
    char name[SOURCE_NAME_SIZE];

    source_slot_name("a-b", name);
    assert_string_equal(name, "firn_a_b_2a89df63");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_names_stay),
        cmocka_unit_test(replaced_names_stay_apart),
        cmocka_unit_test(long_names_are_cut_and_stay_apart),
        cmocka_unit_test(hash_is_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
