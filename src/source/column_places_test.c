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

#define U COLUMN_PLACE_UNCLEAR

static void
columns_with_other_names_are_found_by_their_order(void **state FIRN_UNUSED)
{
    static const struct {
        unsigned count, unclaimed_count;
        int      places[5], unclaimed[3], wanted[5];
    } cases[] = {
        {3, 0, {1, 2, 3}, {0}, {1, 2, 3}},
        {3, 1, {1, 0, 4}, {2}, {1, 2, 4}},          /* renamed; 3 was dropped before */
        {4, 2, {1, 0, 0, 5}, {2, 4}, {1, 2, 4, 5}},
        {4, 1, {1, 0, 0, 5}, {2}, {1, U, U, 5}},    /* one of the two was dropped, but which */
        {3, 1, {1, 0, 4}, {7}, {1, 0, 4}},          /* dropped; 7 came later */
        {3, 2, {1, 0, 4}, {2, 7}, {1, 2, 4}},
        {3, 0, {1, 2, 0}, {0}, {1, 2, 0}},
        {3, 1, {1, 2, 0}, {3}, {1, 2, U}},          /* renamed, or dropped and another one made */
        {3, 0, {1, 3, 2}, {0}, {1, U, U}},          /* names changed places */
        {4, 0, {1, 2, 9, 4}, {0}, {1, 2, U, U}},    /* dropped, and made again by its name */
        {5, 1, {1, 4, 0, 3, 5}, {2}, {1, U, U, U, 5}},
        {2, 1, {0, 2}, {1}, {1, 2}},
        {4, 1, {2, 0, 3, 6}, {5}, {U, U, U, U}},    /* nothing lies between 2 and 3: names went round */
        {4, 1, {1, 0, 3, 6}, {5}, {U, U, U, U}},    /* 5 was there, and is none of these */
        {2, 0, {0, 0}, {0}, {0, 0}},
    };

    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        int places[5];
        memcpy(places, cases[i].places, sizeof places);
        column_places_infer(places, cases[i].count, cases[i].unclaimed, cases[i].unclaimed_count);
        for (unsigned c = 0; c < cases[i].count; c++)
            if (places[c] != cases[i].wanted[c]) fail_msg("case %zu, column %u: %d", i, c, places[c]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(a_column_without_a_place_is_left_out),
        cmocka_unit_test(columns_with_other_names_are_found_by_their_order),
        cmocka_unit_test(what_is_not_of_the_form_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
