#include "cli/option.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static firn_status
check(option_id id, const char *text)
{
    firn_error err = {0};
    return option_check(option_get(id), text, "--x", FIRN_E_OPTION_VALUE, &err);
}

static void
every_row_is_well_formed(void **state FIRN_UNUSED)
{
    for (option_id id = 0; id < OPTION_ID_COUNT; id++) {
        const option_info *option = option_get(id);
        assert_int_equal(option->id, id);
        assert_true(option->name || option->yaml);
        assert_true(option->help && option->help[strlen(option->help) - 1] == '.');
        if (option->kind == OPTION_KIND_NUMBER || option->kind == OPTION_KIND_SIZE ||
            option->kind == OPTION_KIND_DURATION)
            assert_true(option->minimum < option->maximum);
        if (option->kind == OPTION_KIND_CHOICE) assert_non_null(strchr(option->values, '|'));
        if (option->kind == OPTION_KIND_PATTERN) assert_int_equal(*option_pattern(option), '^');
        if (option->name) assert_true(option->commands != 0);
        if (option->fallback) assert_int_equal(check(id, option->fallback), FIRN_OK);
    }
}

static void
names_and_variables_are_unique(void **state FIRN_UNUSED)
{
    for (option_id a = 0; a < OPTION_ID_COUNT; a++) {
        for (option_id b = a + 1; b < OPTION_ID_COUNT; b++) {
            const option_info *x = option_get(a), *y = option_get(b);
            if (x->name && y->name && (x->commands & y->commands)) assert_string_not_equal(x->name, y->name);
            if (x->yaml && y->yaml) assert_string_not_equal(x->yaml, y->yaml);
        }
    }
}

/* Secrets are visible to every user of the machine when they stand on a command line. */
static void
no_secret_can_be_given_on_the_command_line(void **state FIRN_UNUSED)
{
    for (option_id id = 0; id < OPTION_ID_COUNT; id++) {
        if (option_get(id)->kind == OPTION_KIND_SECRET) assert_null(option_get(id)->name);
    }
}

static void
variable_follows_the_rule(void **state FIRN_UNUSED)
{
    char variable[OPTION_VARIABLE_MAX];

    option_variable(option_get(OPTION_PARALLEL_TABLES), variable);
    assert_string_equal(variable, "FIRN_PARALLEL_TABLES");
    assert_ptr_equal(option_of_variable("FIRN_TABLE_FILTER"), option_get(OPTION_TABLE_FILTER));
    assert_null(option_of_variable("FIRN_TABEL_FILTER"));
}

static void
values_are_checked_by_kind(void **state FIRN_UNUSED)
{
    static const struct {
        option_id   id;
        const char *good, *bad;
    } cases[] = {
        {OPTION_PARALLEL_TABLES, "256", "257"},
        {OPTION_PARALLEL_TABLES, "1", "0"},
        {OPTION_PARALLEL_TABLES, "8", "8x"},
        {OPTION_MEMORY, "64M", "63M"},
        {OPTION_MEMORY, "2GiB", "lots"},
        {OPTION_FOLLOW_COMMIT_INTERVAL, "250ms", "10"},
        {OPTION_LOG_FORMAT, "json", "yaml"},
        {OPTION_CHECKPOINT_ENABLED, "false", "maybe"},
        {OPTION_ICEBERG_NAMESPACE, "bronze.shop", "bronze..shop"},
        {OPTION_ICEBERG_NAMESPACE, "a", "../a"},
        {OPTION_UNBOUNDED_NUMERIC, "decimal(38, 10)", "decimal(39,10)"},
        {OPTION_UNBOUNDED_NUMERIC, "string", "text"},
        {OPTION_CORRELATION_ID, "run-42", "two words"},
        {OPTION_SOURCE, "shop", ""},
        {OPTION_UNREPRESENTABLE, "null", "nil"},
    };

    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        assert_int_equal(check(cases[i].id, cases[i].good), FIRN_OK);
        assert_int_equal(check(cases[i].id, cases[i].bad), FIRN_USAGE);
    }
}

static void
wrong_choice_names_the_nearest_and_all(void **state FIRN_UNUSED)
{
    firn_error err = {0};

    assert_int_equal(option_check(option_get(OPTION_LOG_FORMAT), "jsn", "--log-format", FIRN_E_OPTION_VALUE, &err),
                     FIRN_USAGE);

    assert_string_equal(err.cause, "--log-format cannot be 'jsn'; did you mean 'json'? allowed: text or json");
}

static void
wrong_secret_is_not_shown(void **state FIRN_UNUSED)
{
    firn_error err = {0};

    assert_int_equal(option_check(option_get(OPTION_PASSWORD), "", "password", FIRN_E_CONFIG_VALUE, &err), FIRN_USAGE);

    assert_non_null(strstr(err.cause, "***"));
}

static void
allowed_names_range_and_units(void **state FIRN_UNUSED)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    firn_error                              err = {0};

    firn_buffer_init(&out, 1024);
    assert_int_equal(option_add_allowed(option_get(OPTION_MEMORY), &out, &err), FIRN_OK);
    assert_int_equal(firn_buffer_add_byte(&out, 0, &err), FIRN_OK);

    assert_string_equal((const char *) out.data, "bytes with a unit, such as 512M or 2G, from 64M to 16T");
}

static void
nearest_knows_only_the_commands_options(void **state FIRN_UNUSED)
{
    assert_string_equal(option_nearest("tabel-filter", COMMAND_SET_LOAD), "table-filter");
    assert_null(option_nearest("fresh-strat", COMMAND_SET_STATUS));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_well_formed),
        cmocka_unit_test(names_and_variables_are_unique),
        cmocka_unit_test(no_secret_can_be_given_on_the_command_line),
        cmocka_unit_test(variable_follows_the_rule),
        cmocka_unit_test(values_are_checked_by_kind),
        cmocka_unit_test(wrong_choice_names_the_nearest_and_all),
        cmocka_unit_test(wrong_secret_is_not_shown),
        cmocka_unit_test(allowed_names_range_and_units),
        cmocka_unit_test(nearest_knows_only_the_commands_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
