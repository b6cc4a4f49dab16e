#include "source/column_places.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
what_was_written_is_read(void **state FIRN_UNUSED)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const column_place written[] = {{1, 1, true}, {2, 3, false}, {2000000, 1600, true}};
    const char        *text = "";
    column_place      *places;
    unsigned           count;
    firn_error         err = {0};

    for (size_t i = 0; i < FIRN_COUNT(written); i++) text = column_places_add(&arena, text, &written[i]);
    assert_string_equal(text, "1:1!,2:3,2000000:1600!");
    assert_int_equal(column_places_read(text, &arena, &places, &count, &err), FIRN_OK);

    assert_int_equal(count, 3);
    for (size_t i = 0; i < FIRN_COUNT(written); i++) {
        assert_int_equal(places[i].field_id, written[i].field_id);
        assert_int_equal(places[i].place, written[i].place);
        assert_int_equal(places[i].required, written[i].required);
    }
}

static void
a_column_without_a_place_is_left_out(void **state FIRN_UNUSED)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const column_place none = {3, 0, false};

    assert_string_equal(column_places_add(&arena, "1:1", &none), "1:1");
}

static void
what_is_not_of_the_form_is_left_out(void **state FIRN_UNUSED)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    static const char *const texts[] = {"", ",", ":", "!", "1:!", ":1", "a:b", "0:1", "1:0", "-1:1", "1:99999999999", "1:1x",
                                        "1", "1:2:3"};

    for (size_t i = 0; i < FIRN_COUNT(texts); i++) {
        column_place *places;
        unsigned      count = 7;
        firn_error    err = {0};

        assert_int_equal(column_places_read(texts[i], &arena, &places, &count, &err), FIRN_OK);
        assert_int_equal(count, 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(a_column_without_a_place_is_left_out),
        cmocka_unit_test(what_is_not_of_the_form_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
