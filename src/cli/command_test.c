#include "cli/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/completion.h"
#include "cli/manual.h"
#include "cli/option_help.h"

#define ARGUMENTS_MAX 16

typedef struct world {
    firn_arena   arena;
    settings     values;
    command_line line;
    firn_error   err;
} world;

static world *
world_new(void)
{
    world *w = calloc(1, sizeof *w);
    settings_init(&w->values, &w->arena);
    return w;
}

static void
world_freep(world **slot)
{
    settings_done(&(*slot)->values);
    firn_arena_done(&(*slot)->arena);
    free(*slot);
}

/* "load --source x": words separated by spaces. */
static firn_status
parse(world *w, const char *text)
{
    char *argv[ARGUMENTS_MAX] = {firn_arena_strdup(&w->arena, "firn")};
    int   argc = 1;

    while (*text) {
        size_t size = strcspn(text, " ");
        argv[argc++] = firn_arena_text(&w->arena, firn_slice_of(text, size));
        text += size + (text[size] == ' ' ? 1 : 0);
    }
    return command_line_parse(argc, argv, &w->values, &w->line, &w->err);
}

static void
options_may_stand_anywhere(void **state FIRN_UNUSED)
{
    FIRN_AUTO(world_freep) world *w = world_new();

    assert_int_equal(parse(w, "--source=shop load --table-filter a% --yes --table-filter b%"), FIRN_OK);

    assert_string_equal(w->line.command->name, "load");
    assert_string_equal(settings_text(&w->values, OPTION_SOURCE), "shop");
    assert_true(settings_flag(&w->values, OPTION_YES));
    assert_int_equal(w->values.values[OPTION_TABLE_FILTER].item_count, 2);
    assert_string_equal(w->values.values[OPTION_TABLE_FILTER].items[1], "b%");
}

static void
second_names_are_the_same_command(void **state FIRN_UNUSED)
{
    assert_ptr_equal(command_find("direct_bulk_load"), command_find("load"));
}

static void
two_words_make_a_command(void **state FIRN_UNUSED)
{
    FIRN_AUTO(world_freep) world *w = world_new();

    assert_int_equal(parse(w, "config schema catalogs"), FIRN_OK);

    assert_string_equal(w->line.command->name, "config schema");
    assert_int_equal(w->line.operand_count, 1);
    assert_string_equal(w->line.operands[0], "catalogs");
}

static void
wrong_lines_say_what_and_the_nearest(void **state FIRN_UNUSED)
{
    static const struct {
        const char *line, *cause;
    } cases[] = {
        {"laod", "there is no command 'laod'; did you mean 'load'?"},
        {"direct_bulk_lod", "did you mean 'direct_bulk_load'?"},
        {"xyzzy", "there is no command 'xyzzy'"},
        {"config", "'config' needs one of: show, schema"},
        {"config shwo", "'config' needs one of: show, schema"},
        {"load --tabel-filter x", "there is no option --tabel-filter; did you mean --table-filter?"},
        {"load --sql", "--sql is not an option of 'load'"},
        {"--sql load", "--sql is not an option of 'load'"},
        {"load --source", "--source needs a value"},
        {"load --memory 1", "--memory cannot be '1'"},
        {"load --memory 1G --memory 2G", "--memory is given twice"},
        {"load -x", "there is no option -x"},
        {"load now", "'load' takes no argument, 'now' is too much"},
        {"completion", "'completion' needs bash|zsh|fish"},
        {"explain 1 2", "'explain' takes only [FIRN-nnnn], '2' is too much"},
    };

    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        FIRN_AUTO(world_freep) world *w = world_new();
        assert_int_equal(parse(w, cases[i].line), FIRN_USAGE);
        if (!strstr(w->err.cause, cases[i].cause)) print_error("%s: %s\n", cases[i].line, w->err.cause);
        assert_non_null(strstr(w->err.cause, cases[i].cause));
    }
}

static void
double_dash_ends_the_options(void **state FIRN_UNUSED)
{
    FIRN_AUTO(world_freep) world *w = world_new();

    assert_int_equal(parse(w, "init -- --odd"), FIRN_OK);

    assert_string_equal(w->line.operands[0], "--odd");
}

static void
help_shows_each_option_once_and_fits(void **state FIRN_UNUSED)
{
    for (const command_info *command = command_table(); command->name; command++) {
        FIRN_AUTO(firn_buffer_done) firn_buffer full = {0};
        FIRN_AUTO(firn_buffer_done) firn_buffer shorter = {0};
        firn_error                              err = {0};

        firn_buffer_init(&full, 1 << 20);
        firn_buffer_init(&shorter, 1 << 20);
        assert_int_equal(option_help_add(command, true, &full, &err), FIRN_OK);
        assert_int_equal(option_help_add(command, false, &shorter, &err), FIRN_OK);
        assert_int_equal(firn_buffer_add_byte(&full, 0, &err), FIRN_OK);
        unsigned lines = 0;
        for (size_t i = 0; i < shorter.size; i++) {
            lines += shorter.data[i] == '\n';
        }
        assert_true(lines <= 40);
        for (option_id id = 0; id < OPTION_ID_COUNT; id++) {
            char head[OPTION_VARIABLE_MAX + 4];
            if (!option_get(id)->name) continue;
            snprintf(head, sizeof head, "\n  --%s", option_get(id)->name);
            bool shown = strstr((const char *) full.data, head) != NULL;
            /* another option may have the name for other commands */
            const option_info *named = option_find(option_get(id)->name, (unsigned) command->set);
            assert_int_equal(shown, option_help_shows(named ? named : option_get(id), command));
        }
        for (size_t i = 0; i < FIRN_COUNT(command->examples); i++) {
            assert_non_null(strstr((const char *) full.data, command->examples[i]));
        }
    }
}

static void
pages_and_scripts_are_made(void **state FIRN_UNUSED)
{
    static const char *const pages[] = {"firn.1", "firn-load.1", "firn.yaml.5", "firn-errors.7"}, *const shells[] = {
                                                                                                      "bash", "zsh",
                                                                                                      "fish"};
    firn_error err = {0};

    for (size_t i = 0; i < FIRN_COUNT(pages); i++) {
        FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
        firn_buffer_init(&out, 1 << 20);
        assert_int_equal(manual_add_page(pages[i], &out, &err), FIRN_OK);
        assert_memory_equal(out.data, ".TH ", 4);
    }
    for (size_t i = 0; i < FIRN_COUNT(shells); i++) {
        FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
        firn_buffer_init(&out, 1 << 20);
        assert_int_equal(completion_add(shells[i], &out, &err), FIRN_OK);
        assert_true(out.size > 1000);
    }
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    firn_buffer_init(&out, 1 << 20);
    assert_int_equal(completion_add("tcsh", &out, &err), FIRN_USAGE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_may_stand_anywhere),   cmocka_unit_test(second_names_are_the_same_command),
        cmocka_unit_test(two_words_make_a_command),     cmocka_unit_test(wrong_lines_say_what_and_the_nearest),
        cmocka_unit_test(double_dash_ends_the_options), cmocka_unit_test(help_shows_each_option_once_and_fits),
        cmocka_unit_test(pages_and_scripts_are_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
