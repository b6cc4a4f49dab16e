#include "catalog/folder_name.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
check(const char *name, const char *folder)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer back = {0};
    firn_error err = {0};

    firn_buffer_init(&out, 10000);
    firn_buffer_init(&back, 10000);
    assert_int_equal(folder_name_add(name, &out, &err), FIRN_OK);
    assert_int_equal(firn_buffer_add_byte(&out, 0, &err), FIRN_OK);
    assert_string_equal((const char *) out.data, folder);
    assert_int_equal(folder_name_decode(folder, &back, &err), FIRN_OK);
    assert_int_equal(firn_buffer_add_byte(&back, 0, &err), FIRN_OK);
    assert_string_equal((const char *) back.data, name);
}

static void
names_stay_what_they_are_where_they_can(void **state)
{
    (void) state;
    check("ORDERS", "ORDERS");
    check("_cdc_status", "_cdc_status");
    check("with blank, comma & \xc3\xa4\xe6\xb0\xb4", "with blank, comma & \xc3\xa4\xe6\xb0\xb4");
    check("a.b:c*d'e{f}[g]", "a.b:c*d'e{f}[g]");
    check("100%", "100%");
    check("50%zz", "50%zz");
    check("%2f", "%2f");
}

static void
names_cannot_leave_the_folder(void **state)
{
    firn_error err = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};

    (void) state;
    check(".", "%2E");
    check("..", "%2E.");
    check(".hidden", "%2Ehidden");
    check("a/b", "a%2Fb");
    check("../../etc", "%2E.%2F..%2Fetc");
    check("a\\b", "a%5Cb");
    check("a?b#c\"d", "a%3Fb%23c%22d");
    check("a\nb\x7f", "a%0Ab%7F");
    check("%2F", "%252F");
    check("a%~b", "a%25~b");
    check("bad \xff utf8 \xc3\xa4", "bad %FF utf8 %C3%A4");
    firn_buffer_init(&out, 100);
    assert_int_equal(folder_name_add("", &out, &err), FIRN_USAGE);
}

static void
long_names_are_cut_and_stay_apart(void **state)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer a = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer b = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer again = {0};
    char       name[4097];
    firn_error err = {0};

    (void) state;
    firn_buffer_init(&a, 100000);
    firn_buffer_init(&b, 100000);
    firn_buffer_init(&again, 100000);
    for (size_t size = 200; size < sizeof name; size += 61) {
        memset(name, size % 2 ? '/' : 'x', size);
        name[size] = '\0';
        firn_buffer_reset(&a);
        firn_buffer_reset(&b);
        firn_buffer_reset(&again);
        assert_int_equal(folder_name_add(name, &a, &err), FIRN_OK);
        assert_true(a.size <= FOLDER_NAME_SIZE_MAX);
        name[size - 1] = 'y';
        assert_int_equal(folder_name_add(name, &b, &err), FIRN_OK);
        assert_false(firn_slice_equal(firn_buffer_slice(&a), firn_buffer_slice(&b)));
        // What a listing gives names the same folder.
        assert_int_equal(firn_buffer_add_byte(&a, 0, &err), FIRN_OK);
        if (a.size - 1 < 200) continue;
        assert_int_equal(folder_name_add((const char *) a.data, &again, &err), FIRN_OK);
        assert_int_equal(again.size, a.size - 1);
        assert_memory_equal(again.data, a.data, again.size);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_stay_what_they_are_where_they_can),
        cmocka_unit_test(names_cannot_leave_the_folder),
        cmocka_unit_test(long_names_are_cut_and_stay_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
