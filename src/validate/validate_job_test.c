/* A loaded lake against its source, which then has other rows. */
#include "validate/validate_job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../../tests/support/load_world.h"
#include "validate/key_check.h"

#define MEMORY_BYTES ((uint64_t) 64 << 20)

static const table_rules *
no_rules(const void *state, const char *table)
{
    static const table_rules none = {0};

    (void) state;
    (void) table;
    return &none;
}

static validate_settings
deep_settings(const world *w)
{
    return (validate_settings){.schema_name = "public",
                               .namespace_levels = w->settings.namespace_levels,
                               .namespace_level_count = w->settings.namespace_level_count,
                               .rules_of = no_rules,
                               .check_missing = true,
                               .deep = true,
                               .table_worker_count = 1,
                               .connection_count = 2,
                               .memory_bytes = MEMORY_BYTES};
}

static firn_code
validate(world *w, const validate_settings *settings, validate_result *result)
{
    firn_error err = {0};

    return validate_run(settings, &w->src.base, w->lake, w->cancel, result, &err) ? err.code : FIRN_E_NONE;
}

static void
load(world *w)
{
    assert_int_equal(world_run(w), FIRN_OK);
    w->src.batches = w->src.opens = 0;
}

static const validate_table_result *
table_of(const validate_result *result, const char *name)
{
    for (unsigned i = 0; i < result->table_count; i++) {
        if (strcmp(result->tables[i].name, name) == 0) return &result->tables[i];
    }
    fail_msg("no table '%s'", name);
    return NULL;
}

static void
test_equal_sides_are_read_once(void **state)
{
    world            *w = *state;
    validate_settings settings = deep_settings(w);
    FIRN_AUTO(validate_result_done) validate_result result = {0};

    load(w);
    assert_int_equal(validate(w, &settings, &result), FIRN_E_NONE);
    assert_int_equal(result.equal_count, 3);
    assert_int_equal(w->src.opens, 3); /* a split of each table */
    assert_true(table_of(&result, "orders")->compared && table_of(&result, "orders")->source_rows == 5000);
    assert_false(result.is_joint);
}

static firn_status
refuse_to_begin(void *state, bool *ret_ready, firn_error *err)
{
    (void) state;
    *ret_ready = false;
    return firn_fail(err, FIRN_E_BUG, "nothing is followed");
}

static void
test_nobody_is_asked_to_bring_what_is_not_followed(void **state)
{
    world               *w = *state;
    const validate_guide guide = {.begin = refuse_to_begin};
    validate_settings    settings = deep_settings(w);
    FIRN_AUTO(validate_result_done) validate_result result = {0};

    load(w);
    settings.guide = &guide;
    assert_int_equal(validate(w, &settings, &result), FIRN_E_NONE);
    assert_null(table_of(&result, "orders")->compared_at);
}

static void
test_rows_of_one_side_only(void **state)
{
    static const fake_table now[] = {{"orders", 5005, TABLE_ORDINARY}, {"items", 1230, TABLE_PARTITIONED}, {"empty", 0, TABLE_ORDINARY}};
    world                  *w = *state;
    validate_settings       settings = deep_settings(w);
    FIRN_AUTO(validate_result_done) validate_result result = {0};

    load(w);
    w->src.tables = now;
    w->src.table_count = 3;
    assert_int_equal(validate(w, &settings, &result), FIRN_E_VALIDATE_DIFFERS);
    assert_int_equal(result.different_count, 2);
    const validate_table_result *orders = table_of(&result, "orders"), *items = table_of(&result, "items");
    assert_true(orders->only_source == 5 && orders->only_lake == 0 && orders->changed == 0);
    assert_true(items->only_source == 0 && items->only_lake == 4 && items->changed == 0);
    assert_int_equal(orders->column_difference_count, 0);
    assert_int_equal(orders->range_count, 1);
    assert_string_equal(orders->ranges[0].first, "id=5000");
    assert_string_equal(orders->ranges[0].last, "id=5004");
    assert_true(orders->ranges[0].source_rows == 5 && orders->ranges[0].lake_rows == 0 && orders->ranges[0].key_count == 5);
    assert_string_equal(items->ranges[0].first, "id=1230");
    assert_true(items->ranges[0].source_rows == 0 && items->ranges[0].lake_rows == 4);
    assert_int_equal(items->shown_count, 4);
    assert_int_equal(items->shown[0].kind, DIFFERENCE_ONLY_LAKE);
}

static void
test_values_that_differ_are_named_by_column_and_range(void **state)
{
    world            *w = *state;
    validate_settings settings = deep_settings(w);
    FIRN_AUTO(validate_result_done) validate_result result = {0};

    load(w);
    w->src.altered_from = 100;
    w->src.altered_to = 103;
    assert_int_equal(validate(w, &settings, &result), FIRN_E_VALIDATE_DIFFERS);
    const validate_table_result *orders = table_of(&result, "orders");
    assert_true(orders->changed == 3 && orders->only_source == 0 && orders->only_lake == 0);
    assert_int_equal(orders->column_difference_count, 1);
    assert_string_equal(orders->column_differences[0], "text");
    assert_int_equal(orders->range_count, 1);
    assert_string_equal(orders->ranges[0].first, "id=100");
    assert_string_equal(orders->ranges[0].last, "id=102");
    assert_true(orders->ranges[0].source_rows == 3 && orders->ranges[0].lake_rows == 3);
    assert_int_equal(orders->shown_count, 3);
    assert_int_equal(orders->shown[0].value_count, 1);
    assert_string_equal(orders->shown[0].values[0].source, "altered");
}

static void
test_what_the_memory_does_not_hold_is_a_part(void **state)
{
    static const fake_table large[] = {{"orders", 60000, TABLE_ORDINARY}};
    world                  *w = *state;
    validate_settings       settings = deep_settings(w);
    FIRN_AUTO(validate_result_done) validate_result result = {0};

    w->src.tables = large;
    w->src.table_count = 1;
    load(w);
    w->src.altered_to = 60000;
    settings.memory_bytes = (uint64_t) 16 << 20;
    assert_int_equal(validate(w, &settings, &result), FIRN_E_VALIDATE_DIFFERS);
    const validate_table_result *orders = table_of(&result, "orders");
    assert_true(orders->is_partial);
    assert_in_range(orders->changed, 1, 59999);
    assert_int_equal(orders->state, VALIDATE_DIFFERENT);
}

/* Keys of one column, in as many passes as so many rows would need. */
static void
assert_keys(world *w, const char *column, uint64_t row_count, uint64_t nulls, uint64_t duplicates)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = world_table(w, "orders");
    FIRN_AUTO(schema_unrefp) table_schema           *key = NULL;
    const table_schema *schema = table_metadata_schema(table);
    uint64_t            null_count = 99, duplicate_count = 99;
    firn_error          err = {0};

    assert_int_equal(schema_new(0, &schema->fields[schema_column_index(schema, column)], 1, NULL, 0, false, &key, &err), FIRN_OK);
    assert_int_equal(key_check_run(w->files, table, table_metadata_current_snapshot(table), key, row_count, (size_t) 4 << 20, NULL,
                                   &null_count, &duplicate_count, &err),
                     FIRN_OK);
    assert_true(null_count == nulls);
    assert_true(duplicate_count == duplicates);
}

static void
test_null_and_double_keys(void **state)
{
    world *w = *state;

    load(w);
    assert_keys(w, "id", 5000, 0, 0);
    assert_keys(w, "text", 5000, 715, 0); /* each seventh */
    assert_keys(w, "text", 1000000, 715, 0);
}

static void
test_double_keys_are_counted_but_for_one_each(void **state)
{
    world *w = *state;

    w->src.altered_to = 1000;
    load(w);
    /* Of the first thousand, the 857 that are not null all say the same. */
    assert_keys(w, "text", 5000, 715, 856);
    assert_keys(w, "text", 1000000, 715, 856);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_equal_sides_are_read_once, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_is_asked_to_bring_what_is_not_followed, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_rows_of_one_side_only, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_values_that_differ_are_named_by_column_and_range, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_what_the_memory_does_not_hold_is_a_part, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_null_and_double_keys, world_set_up, world_tear_down),
        cmocka_unit_test_setup_teardown(test_double_keys_are_counted_but_for_one_each, world_set_up, world_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
