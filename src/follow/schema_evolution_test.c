#include "follow/schema_evolution.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "follow/missing_value.h"

static const data_type int_type = {.kind = TYPE_INT}, long_type = {.kind = TYPE_LONG}, text_type = {.kind = TYPE_STRING},
                       double_type = {.kind = TYPE_DOUBLE}, boolean_type = {.kind = TYPE_BOOLEAN},
                       date_type = {.kind = TYPE_DATE}, uuid_type = {.kind = TYPE_UUID},
                       timestamptz_type = {.kind = TYPE_TIMESTAMPTZ},
                       decimal_10_2 = {.kind = TYPE_DECIMAL, .precision = 10, .scale = 2},
                       decimal_12_2 = {.kind = TYPE_DECIMAL, .precision = 12, .scale = 2},
                       decimal_12_4 = {.kind = TYPE_DECIMAL, .precision = 12, .scale = 4};

/* A table of the lake that was loaded as (id int not null, name string, price decimal(10,2)) with key id. */
typedef struct world {
    firn_arena       arena;
    table_metadata   table;
    table_property   places;
    snapshot         rows;
    schema_evolution evolution;
    table_schema    *described; // of the last evolution
} world;

static table_schema *
make_schema(const schema_field fields[], unsigned count, int32_t key)
{
    table_schema *schema = NULL;
    firn_error    err = {0};

    assert_int_equal(schema_new(0, fields, count, &key, 1, true, &schema, &err), FIRN_OK);
    return schema;
}

static int
set_up(void **state)
{
    static const schema_field fields[] = {{.name = "id", .type = &int_type, .required = true},
                                          {.name = "name", .type = &text_type},
                                          {.name = "price", .type = &decimal_10_2}};
    static world              w;

    w = (world){.places = {COLUMN_PLACES_PROPERTY, "1:1!,2:2,3:3"}};
    w.table.format_version = 2;
    w.table.schema = make_schema(fields, 3, 0);
    w.table.last_column_id = 3;
    w.table.properties = &w.places;
    w.table.property_count = 1;
    w.table.current_snapshot = &w.rows; // without a summary: the number of rows is not known
    *state = &w;
    return 0;
}

static int
tear_down(void **state)
{
    world *w = *state;

    schema_evolution_done(&w->evolution);
    schema_unref(w->described);
    schema_unref(w->table.schema);
    firn_arena_done(&w->arena);
    return 0;
}

static void
evolve_keyed(world *w, const schema_field fields[], const column_origin origins[], unsigned count, int32_t key,
             schema_policy policy)
{
    firn_error err = {0};

    schema_evolution_done(&w->evolution);
    schema_unref(w->described);
    w->described = make_schema(fields, count, key);
    assert_int_equal(
        schema_evolution_plan(&w->table, w->described, origins, policy, &w->arena, &w->evolution, &err), FIRN_OK);
}

static void
evolve(world *w, const schema_field fields[], const column_origin origins[], unsigned count, schema_policy policy)
{
    evolve_keyed(w, fields, origins, count, 0, policy);
}

static void
assert_change(const world *w, unsigned index, schema_change_kind kind, schema_change_action action, const char *column,
              int32_t field_id)
{
    assert_true(index < w->evolution.change_count);
    assert_string_equal(schema_change_kind_name(w->evolution.changes[index].kind), schema_change_kind_name(kind));
    assert_string_equal(schema_change_action_name(w->evolution.changes[index].action),
                        schema_change_action_name(action));
    assert_string_equal(w->evolution.changes[index].column, column);
    assert_int_equal(w->evolution.changes[index].field_id, field_id);
}

#define ID {.name = "id", .type = &int_type, .required = true}
#define NAME {.name = "name", .type = &text_type}
#define PRICE {.name = "price", .type = &decimal_10_2}

static void
the_same_columns_change_nothing(void **state)
{
    world              *w = *state;
    const schema_field  fields[] = {PRICE, ID, NAME};
    const column_origin origins[] = {{.place = 3}, {.place = 1}, {.place = 2}};

    evolve_keyed(w, fields, origins, 3, 1, SCHEMA_STOP);

    assert_int_equal(w->evolution.change_count, 0);
    assert_int_equal(w->evolution.verdict, SCHEMA_APPLIED);
    assert_null(w->evolution.schema);
    assert_null(w->evolution.places);
    assert_false(w->evolution.key_changed);
    assert_int_equal(w->evolution.column_of_field[0], 1);
    assert_int_equal(w->evolution.column_of_field[1], 2);
    assert_int_equal(w->evolution.column_of_field[2], 0);
}

#define UNCLEAR {.place = COLUMN_PLACE_UNCLEAR}

static void
what_is_not_clear_is_the_lakes_or_loaded_anew(void **state)
{
    world              *w = *state;
    const schema_field  as_before[] = {ID, NAME, PRICE}, another[] = {ID, {.name = "title", .type = &text_type}, PRICE};
    const schema_field  swapped[] = {ID, PRICE, NAME}, fewer[] = {ID, PRICE};
    const column_origin two[] = {{.place = 1}, UNCLEAR, UNCLEAR}, one[] = {{.place = 1}, UNCLEAR};

    evolve(w, as_before, two, 3, SCHEMA_APPLY); /* rows of before the changes: what is known stays */
    assert_int_equal(w->evolution.change_count, 0);
    assert_null(w->evolution.places);
    evolve(w, another, two, 3, SCHEMA_APPLY);
    assert_int_equal(w->evolution.verdict, SCHEMA_RELOAD);
    evolve(w, swapped, two, 3, SCHEMA_APPLY);
    assert_int_equal(w->evolution.verdict, SCHEMA_RELOAD);
    evolve(w, fewer, one, 2, SCHEMA_APPLY); /* it may be the other one, by its name */
    assert_int_equal(w->evolution.verdict, SCHEMA_RELOAD);
}

static void
a_name_that_may_still_be_another_columns_is_loaded_anew(void **state)
{
    world              *w = *state;
    const schema_field  as_before[] = {ID, NAME, PRICE}, moved[] = {ID, PRICE, NAME}, both[] = {ID, {.name = "price", .type = &text_type}};
    const column_origin last[] = {{.place = 1}, {.place = 2}, {.place = 4}}, moved_on[] = {{.place = 1}, {.place = 3}, {.place = 4}};
    const column_origin middle[] = {{.place = 1}, {.place = 3}, {.place = 4}}, first[] = {{.place = 1}, {.place = 2}};

    evolve(w, as_before, last, 3, SCHEMA_APPLY); /* price dropped and made again */
    assert_int_equal(w->evolution.verdict, SCHEMA_RELOAD);
    evolve(w, as_before, moved_on, 3, SCHEMA_APPLY); /* name dropped, price called name, price made again */
    assert_int_equal(w->evolution.verdict, SCHEMA_RELOAD);
    evolve(w, as_before, moved_on, 3, SCHEMA_STOP);
    assert_int_equal(w->evolution.verdict, SCHEMA_STOPPED);
    evolve(w, moved, middle, 3, SCHEMA_APPLY); /* name dropped and made again: it stands behind price */
    assert_int_equal(w->evolution.verdict, SCHEMA_APPLIED);
    evolve(w, both, first, 2, SCHEMA_APPLY); /* price dropped, name called price: with name there would be three */
    assert_int_equal(w->evolution.verdict, SCHEMA_APPLIED);
}

static void
a_rename_is_a_rename_also_when_names_are_swapped(void **state)
{
    world              *w = *state;
    const schema_field  fields[] = {ID, {.name = "price", .type = &text_type}, {.name = "name", .type = &decimal_10_2}};
    const column_origin origins[] = {{.place = 1}, {.place = 2}, {.place = 3}};

    evolve(w, fields, origins, 3, SCHEMA_APPLY);

    assert_int_equal(w->evolution.change_count, 2);
    assert_change(w, 0, SCHEMA_RENAME_COLUMN, SCHEMA_APPLIED, "price", 2);
    assert_string_equal(w->evolution.changes[0].before, "name");
    assert_change(w, 1, SCHEMA_RENAME_COLUMN, SCHEMA_APPLIED, "name", 3);
    assert_string_equal(w->evolution.schema->fields[1].name, "price");
    assert_int_equal(w->evolution.schema->fields[1].id, 2);
    assert_int_equal(w->evolution.schema->fields[2].id, 3);
    assert_null(w->evolution.places); // the places are the same
}

static void
without_places_columns_are_matched_by_name(void **state)
{
    world              *w = *state;
    const schema_field  fields[] = {ID, {.name = "title", .type = &text_type}, PRICE};
    const column_origin origins[] = {{.place = 1}, {.place = 2}, {.place = 3}};

    w->table.property_count = 0;
    evolve(w, fields, origins, 3, SCHEMA_APPLY);

    assert_int_equal(w->evolution.change_count, 2);
    assert_change(w, 0, SCHEMA_DROP_COLUMN, SCHEMA_APPLIED, "name", 2);
    assert_change(w, 1, SCHEMA_ADD_COLUMN, SCHEMA_APPLIED, "title", 4);
    assert_string_equal(w->evolution.places, "1:1!,3:3,4:2");
}

static void
a_dropped_name_that_comes_again_is_another_column(void **state)
{
    world              *w = *state;
    const schema_field  fields[] = {ID, PRICE, NAME};
    const column_origin origins[] = {{.place = 1}, {.place = 3}, {.place = 4}};

    evolve(w, fields, origins, 3, SCHEMA_APPLY);

    assert_int_equal(w->evolution.change_count, 2);
    assert_change(w, 0, SCHEMA_DROP_COLUMN, SCHEMA_APPLIED, "name", 2);
    assert_change(w, 1, SCHEMA_ADD_COLUMN, SCHEMA_APPLIED, "name", 4);
    assert_int_equal(w->evolution.schema->field_count, 3);
    assert_int_equal(w->evolution.schema->fields[2].id, 4);
    assert_int_equal(w->evolution.column_of_field[1], 1);
    assert_int_equal(w->evolution.column_of_field[2], 2);
}

static void
types_widen_as_iceberg_can(void **state)
{
    world              *w = *state;
    const schema_field  wide[] = {{.name = "id", .type = &long_type, .required = true}, NAME,
                                  {.name = "price", .type = &decimal_12_2}};
    const schema_field  other[] = {ID, {.name = "name", .type = &int_type}, {.name = "price", .type = &decimal_12_4}};
    const column_origin origins[] = {{.place = 1}, {.place = 2}, {.place = 3}};

    evolve(w, wide, origins, 3, SCHEMA_ADDITIVE);
    assert_int_equal(w->evolution.change_count, 2);
    assert_change(w, 0, SCHEMA_CHANGE_TYPE, SCHEMA_APPLIED, "id", 1);
    assert_string_equal(w->evolution.changes[1].before, "decimal(10, 2)");
    assert_string_equal(w->evolution.changes[1].after, "decimal(12, 2)");
    assert_int_equal(w->evolution.schema->fields[0].type->kind, TYPE_LONG);

    evolve(w, other, origins, 3, SCHEMA_APPLY);
    assert_int_equal(w->evolution.change_count, 2);
    assert_change(w, 0, SCHEMA_CHANGE_TYPE, SCHEMA_RELOAD, "name", 2);
    assert_change(w, 1, SCHEMA_CHANGE_TYPE, SCHEMA_RELOAD, "price", 3);
    assert_int_equal(w->evolution.verdict, SCHEMA_RELOAD);
    assert_null(w->evolution.schema);
}

static void
a_default_of_old_rows_needs_format_version_3_or_a_reload(void **state)
{
    world              *w = *state;
    const schema_field  fields[] = {ID, NAME, PRICE, {.name = "n", .type = &int_type, .required = true}};
    const column_origin constant[] = {{.place = 1}, {.place = 2}, {.place = 3},
                                      {.place = 4, .has_default = true, .missing_value = "7"}};
    const column_origin computed[] = {{.place = 1}, {.place = 2}, {.place = 3}, {.place = 4, .has_default = true}};

    evolve(w, fields, constant, 4, SCHEMA_APPLY);
    assert_int_equal(w->evolution.verdict, SCHEMA_RELOAD);

    w->table.format_version = 3;
    evolve(w, fields, computed, 4, SCHEMA_APPLY);
    assert_int_equal(w->evolution.verdict, SCHEMA_RELOAD);

    evolve(w, fields, constant, 4, SCHEMA_APPLY);
    assert_change(w, 0, SCHEMA_ADD_COLUMN, SCHEMA_APPLIED, "n", 4);
    assert_string_equal(w->evolution.schema->fields[3].initial_default, "7");
    assert_true(w->evolution.schema->fields[3].required);
    assert_string_equal(w->evolution.places, "1:1!,2:2,3:3,4:4!");
}

static void
a_table_without_rows_takes_any_new_column(void **state)
{
    world              *w = *state;
    const schema_field  fields[] = {ID, NAME, PRICE, {.name = "n", .type = &int_type, .required = true}};
    const column_origin origins[] = {{.place = 1}, {.place = 2}, {.place = 3}, {.place = 4, .has_default = true}};

    w->table.current_snapshot = NULL;
    evolve(w, fields, origins, 4, SCHEMA_APPLY);

    assert_change(w, 0, SCHEMA_ADD_COLUMN, SCHEMA_APPLIED, "n", 4);
    assert_true(w->evolution.schema->fields[3].required);
}

static void
nullability_goes_one_way(void **state)
{
    world              *w = *state;
    const schema_field  fields[] = {ID, {.name = "name", .type = &text_type, .required = true}, PRICE};
    const column_origin origins[] = {{.place = 1}, {.place = 2}, {.place = 3}};

    evolve(w, fields, origins, 3, SCHEMA_APPLY);
    assert_int_equal(w->evolution.change_count, 1);
    assert_change(w, 0, SCHEMA_CHANGE_NULLABILITY, SCHEMA_KEPT, "name", 2);
    assert_null(w->evolution.schema);
    assert_string_equal(w->evolution.places, "1:1!,2:2!,3:3");

    w->places.value = w->evolution.places;
    evolve(w, fields, origins, 3, SCHEMA_APPLY);
    assert_int_equal(w->evolution.change_count, 0); // told once
}

static void
a_key_of_required_columns_is_applied_another_one_reloads(void **state)
{
    world              *w = *state;
    const schema_field  fields[] = {ID, {.name = "name", .type = &text_type, .required = true}, PRICE};
    const column_origin origins[] = {{.place = 1}, {.place = 2}, {.place = 3}};

    evolve_keyed(w, fields, origins, 3, 1, SCHEMA_APPLY);
    assert_true(w->evolution.key_changed);
    assert_int_equal(w->evolution.verdict, SCHEMA_RELOAD);
    assert_string_equal(w->evolution.changes[w->evolution.change_count - 1].before, "(id)");
    assert_string_equal(w->evolution.changes[w->evolution.change_count - 1].after, "(name)");
}

static void
policies_stop_what_they_do_not_allow(void **state)
{
    world              *w = *state;
    const schema_field  renamed[] = {ID, {.name = "title", .type = &text_type}, PRICE};
    const schema_field  dropped[] = {ID, PRICE};
    const column_origin origins[] = {{.place = 1}, {.place = 2}, {.place = 3}};
    const column_origin fewer[] = {{.place = 1}, {.place = 3}};

    evolve(w, renamed, origins, 3, SCHEMA_ADDITIVE);
    assert_int_equal(w->evolution.verdict, SCHEMA_STOPPED);
    evolve(w, renamed, origins, 3, SCHEMA_STOP);
    assert_int_equal(w->evolution.verdict, SCHEMA_STOPPED);

    evolve(w, dropped, fewer, 2, SCHEMA_ADDITIVE);
    assert_int_equal(w->evolution.verdict, SCHEMA_APPLIED);
    assert_change(w, 0, SCHEMA_DROP_COLUMN, SCHEMA_KEPT, "name", 2);
    assert_int_equal(w->evolution.column_of_field[1], -1);
    assert_null(w->evolution.schema); // it may be null already
    w->places.value = w->evolution.places;
    evolve(w, dropped, fewer, 2, SCHEMA_ADDITIVE);
    assert_int_equal(w->evolution.change_count, 0);
}

static void
a_column_that_stayed_keeps_its_name_from_a_new_one(void **state)
{
    world              *w = *state;
    const schema_field  fields[] = {ID, PRICE, NAME};
    const column_origin origins[] = {{.place = 1}, {.place = 3}, {.place = 4}};

    evolve(w, fields, origins, 3, SCHEMA_ADDITIVE);

    assert_int_equal(w->evolution.verdict, SCHEMA_STOPPED);
}

static void
missing_values_become_json(void **state)
{
    static const struct {
        const data_type *type;
        const char      *text, *json;
    } cases[] = {{&int_type, "-7", "-7"},
                 {&int_type, "4000000000", NULL},
                 {&text_type, "a \"b\"", "\"a \\\"b\\\"\""},
                 {&boolean_type, "t", "true"},
                 {&boolean_type, "yes", NULL},
                 {&decimal_12_4, "1.5", "\"1.5000\""},
                 {&decimal_10_2, "123456789.00", NULL},
                 {&double_type, "0.1", "0.1"},
                 {&double_type, "NaN", NULL},
                 {&date_type, "2024-02-29", "\"2024-02-29\""},
                 {&date_type, "1969-12-31", "\"1969-12-31\""},
                 {&date_type, "infinity", NULL},
                 {&timestamptz_type, "2024-01-01 10:00:00+00", "\"2024-01-01T10:00:00+00:00\""},
                 {&uuid_type, "7c9e6679-7425-40de-944b-e07fc1f90ae7", "\"7c9e6679-7425-40de-944b-e07fc1f90ae7\""}};
    world *w = *state;

    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        const char *json = NULL;
        firn_error  err = {0};

        assert_int_equal(missing_value_to_json(cases[i].type, cases[i].text, &w->arena, &json, &err), FIRN_OK);
        if (cases[i].json) assert_string_equal(json ? json : "(none)", cases[i].json);
        else
            assert_null(json);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_same_columns_change_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_clear_is_the_lakes_or_loaded_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_name_that_may_still_be_another_columns_is_loaded_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rename_is_a_rename_also_when_names_are_swapped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_places_columns_are_matched_by_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_dropped_name_that_comes_again_is_another_column, set_up, tear_down),
        cmocka_unit_test_setup_teardown(types_widen_as_iceberg_can, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_default_of_old_rows_needs_format_version_3_or_a_reload, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_table_without_rows_takes_any_new_column, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nullability_goes_one_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_of_required_columns_is_applied_another_one_reloads, set_up, tear_down),
        cmocka_unit_test_setup_teardown(policies_stop_what_they_do_not_allow, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_column_that_stayed_keeps_its_name_from_a_new_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(missing_values_become_json, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
