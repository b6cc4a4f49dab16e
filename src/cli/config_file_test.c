#include "cli/config_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/init_template.h"
#include "cli/settings.h"

#define HEAD                                                                                                           \
    "sources:\n  shop:\n    database_type: postgres\n    iceberg_namespace: bronze.shop\n    database_connection: "    \
    "{host: h, "                                                                                                       \
    "database: d, username: u, password: \"${P}\"}\n"

typedef struct world {
    firn_arena  arena;
    firn_error  err;
    config_file file;
} world;

static void
world_done(world *w)
{
    firn_arena_done(&w->arena);
}

static firn_status
parse(world *w, config_kind kind, const char *text)
{
    return config_file_parse(kind, firn_slice_text(text), "config/x.yaml", &w->arena, &w->file, &w->err);
}

static void
good_file_is_taken(void **state FIRN_UNUSED)
{
    FIRN_AUTO(world_done) world w = {0};

    assert_int_equal(
        parse(&w, CONFIG_SOURCES,
              HEAD "    bulk_load: {parallel_tables: 4, skip_empty_tables: true}\n    primary_keys: {t: [a, b]}\n"
                   "    tables:\n      t: {partition_by: [day(x)], format_version: 3, types: {x: null}}\n"
                   "    types:\n    follow:\n"),
        FIRN_OK);

    assert_non_null(config_file_entry(&w.file, CONFIG_SOURCES, "shop"));
    assert_null(config_file_entry(&w.file, CONFIG_SOURCES, "shpo"));
    assert_string_equal(config_file_nearest(&w.file, CONFIG_SOURCES, "shpo"), "shop");
    assert_null(w.file.literal_secret);
}

static void
literal_secret_is_noticed(void **state FIRN_UNUSED)
{
    FIRN_AUTO(world_done) world w = {0};

    assert_int_equal(
        parse(&w, CONFIG_SOURCES,
              "sources:\n  s:\n    database_type: postgres\n    iceberg_namespace: a\n    database_connection:\n"
              "      password: tiger\n"),
        FIRN_OK);

    assert_string_equal(w.file.literal_secret, "password");
    assert_int_equal(w.file.literal_secret_line, 6);
}

static void
wrong_files_are_refused_in_one_line(void **state FIRN_UNUSED)
{
    static const struct {
        const char *text, *cause;
        firn_code   code;
    } cases[] = {
        {HEAD "    bulk_laod: {}\n", "config/x.yaml:6: unknown key 'bulk_laod'; did you mean 'bulk_load'?",
         FIRN_E_CONFIG_UNKNOWN_KEY},
        {HEAD "    bulk_load:\n      paralel_tables: 4\n",
         "config/x.yaml:7: unknown key 'paralel_tables'; did you mean 'parallel_tables'?", FIRN_E_CONFIG_UNKNOWN_KEY},
        {HEAD "    zebra: 1\n", "config/x.yaml:6: unknown key 'zebra'", FIRN_E_CONFIG_UNKNOWN_KEY},
        {HEAD "    bulk_load: {batch_size: 0}\n",
         "config/x.yaml:6: 'batch_size' cannot be '0'; allowed: a whole number from 1 to 10000000",
         FIRN_E_CONFIG_VALUE},
        {HEAD "    bulk_load: {batch_size: many}\n",
         "config/x.yaml:6: 'batch_size' must be a whole number from 1 to 10000000, but is a text", FIRN_E_CONFIG_VALUE},
        {HEAD "    bulk_load: {skip_empty_tables: yes}\n",
         "config/x.yaml:6: 'skip_empty_tables' must be true or false, but is a text", FIRN_E_CONFIG_VALUE},
        {HEAD "    types: {unrepresentable: nul}\n",
         "config/x.yaml:6: 'unrepresentable' cannot be 'nul'; did you mean 'null'? allowed: error, null, clamp, round "
         "or text",
         FIRN_E_CONFIG_VALUE},
        {HEAD "    primary_keys: {t: a}\n", "config/x.yaml:6: 't' must be a list of texts, but is a text",
         FIRN_E_CONFIG_VALUE},
        {HEAD "    primary_keys: {t: [[a]]}\n", "config/x.yaml:6: 't' must hold texts only, but item 1 is a list",
         FIRN_E_CONFIG_VALUE},
        {HEAD "    follow: {commit_interval: 10}\n", "config/x.yaml:6: 'commit_interval' must be a time with its unit",
         FIRN_E_CONFIG_VALUE},
        {HEAD "    bulk_load: [1]\n", "config/x.yaml:6: 'bulk_load' must be a map of keys, but is a list",
         FIRN_E_CONFIG_VALUE},
        {"sources: {s: {iceberg_namespace: a, database_connection: {}}}\n",
         "config/x.yaml:1: 's' has no 'database_type'", FIRN_E_OPTION_MISSING},
        {"- 1\n", "config/x.yaml:1: the file must hold 'sources:'", FIRN_E_CONFIG_VALUE},
        {"{}\n", "config/x.yaml:1: 'config/x.yaml' has no 'sources'", FIRN_E_OPTION_MISSING},
        {"source: {}\n", "config/x.yaml:1: unknown key 'source'; did you mean 'sources'?", FIRN_E_CONFIG_UNKNOWN_KEY},
    };

    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        FIRN_AUTO(world_done) world w = {0};
        assert_int_equal(parse(&w, CONFIG_SOURCES, cases[i].text), FIRN_USAGE);
        if (!strstr(w.err.cause, cases[i].cause)) print_error("case %zu: %s\n", i, w.err.cause);
        assert_non_null(strstr(w.err.cause, cases[i].cause));
        assert_int_equal(w.err.code, cases[i].code);
    }
}

/* Properties that load code or run programs are not in the allow list. */
static void
dangerous_librdkafka_properties_are_refused(void **state FIRN_UNUSED)
{
    static const char *const names[] = {"plugin.library.paths",
                                        "sasl.kerberos.kinit.cmd",
                                        "ssl.engine.location",
                                        "ssl.providers",
                                        "opaque",
                                        "debug",
                                        "log_cb",
                                        "ssl.key.password"};

    for (size_t i = 0; i < FIRN_COUNT(names); i++) {
        FIRN_AUTO(world_done) world w = {0};
        char                        text[256];
        snprintf(text, sizeof text, "kafka_clusters: {c: {bootstrap_servers: h, librdkafka: {%s: x}}}\n", names[i]);
        assert_int_equal(parse(&w, CONFIG_KAFKA_CLUSTERS, text), FIRN_USAGE);
        assert_int_equal(w.err.code, FIRN_E_CONFIG_UNKNOWN_KEY);
    }
}

/* Uncomments lines of the form "   #key: value"; prose comments have a space behind the #. */
static void
open_comments(char *text)
{
    for (char *line = text; *line;) {
        char *end = strchr(line, '\n');
        char *p = line + strspn(line, " ");
        if (*p == '#' && p[1] != ' ' && p[1] != '\n')
            memmove(p, p + 1, strlen(p));
        else if (*p == '#' && p[1] == ' ' && p[2] == ' ')
            memmove(p, p + 1, strlen(p));
        end = strchr(line, '\n');
        line = end ? end + 1 : line + strlen(line);
    }
}

static void
templates_load_closed_and_opened(void **state FIRN_UNUSED)
{
    for (const init_template *t = init_template_table(); t->path; t++) {
        if (!strstr(t->path, ".yaml")) continue;
        config_kind                 kind = strstr(t->path, "sources") ? CONFIG_SOURCES
                                           : strstr(t->path, "kafka") ? CONFIG_KAFKA_CLUSTERS
                                                                      : CONFIG_CATALOGS;
        FIRN_AUTO(world_done) world closed = {0};
        FIRN_AUTO(world_done) world opened = {0};
        char                       *copy = strdup(t->text);
        open_comments(copy);
        if (parse(&closed, kind, t->text) != FIRN_OK) print_error("%s: %s\n", t->path, closed.err.cause);
        assert_int_equal(closed.err.status, FIRN_OK);
        if (parse(&opened, kind, copy) != FIRN_OK) print_error("%s: %s\n%s", t->path, opened.err.cause, copy);
        assert_int_equal(opened.err.status, FIRN_OK);
        assert_null(opened.file.literal_secret);
        free(copy);
    }
}

/* The template shows every key of sources.yaml that has one place only. */
static void
template_mentions_every_key(void **state FIRN_UNUSED)
{
    for (const init_template *t = init_template_table(); t->path; t++) {
        if (!strstr(t->path, "sources.yaml")) continue;
        for (option_id id = 0; id < OPTION_ID_COUNT; id++) {
            const char *yaml = option_get(id)->yaml;
            if (!yaml || strncmp(yaml, "sources/", 8) != 0 || id == OPTION_SERVICE_NAME) continue;
            const char *key = strrchr(yaml, '/') + 1;
            if (strcmp(key, "*") == 0) continue;
            if (!strstr(t->text, key)) print_error("the template does not mention '%s'\n", key);
            assert_non_null(strstr(t->text, key));
        }
    }
}

static void
layers_win_in_order(void **state FIRN_UNUSED)
{
    FIRN_AUTO(world_done) world w = {0};
    firn_arena                  arena = {0};
    dotenv                      env = {0};
    settings                   *s = calloc(1, sizeof *s);

    assert_int_equal(parse(&w, CONFIG_SOURCES,
                           HEAD
                           "    bulk_load: {batch_size: 1, parallel_tables: 2, max_retries: 3, retry_backoff: 4}\n"),
                     FIRN_OK);
    assert_int_equal(dotenv_parse(firn_slice_text("FIRN_BATCH_SIZE=11\nFIRN_PARALLEL_TABLES=12\nFIRN_MAX_RETRIES=13\n"),
                                  ".env", &arena, &env, &w.err),
                     FIRN_OK);
    setenv("FIRN_BATCH_SIZE", "21", 1);
    setenv("FIRN_PARALLEL_TABLES", "22", 1);
    settings_init(s, &arena);
    assert_int_equal(settings_set_option(s, option_get(OPTION_BATCH_SIZE), "31", &w.err), FIRN_OK);
    assert_int_equal(settings_apply_environment(s, COMMAND_SET_LOAD, &env, &w.err), FIRN_OK);
    assert_int_equal(settings_apply_entry(s, CONFIG_SOURCES, &w.file,
                                          config_file_entry(&w.file, CONFIG_SOURCES, "shop"), &env, false, &w.err),
                     FIRN_OK);
    assert_int_equal(settings_apply_defaults(s, &w.err), FIRN_OK);

    assert_int_equal(settings_number(s, OPTION_BATCH_SIZE), 31);
    assert_string_equal(s->values[OPTION_BATCH_SIZE].where, "--batch-size");
    assert_int_equal(settings_number(s, OPTION_PARALLEL_TABLES), 22);
    assert_string_equal(s->values[OPTION_PARALLEL_TABLES].where, "FIRN_PARALLEL_TABLES");
    assert_int_equal(settings_number(s, OPTION_MAX_RETRIES), 13);
    assert_string_equal(s->values[OPTION_MAX_RETRIES].where, ".env FIRN_MAX_RETRIES");
    assert_int_equal(settings_number(s, OPTION_RETRY_BACKOFF), 4);
    assert_string_equal(s->values[OPTION_RETRY_BACKOFF].where, "config/x.yaml:6");
    assert_int_equal(settings_number(s, OPTION_PARALLEL_WORKERS), 4);
    assert_string_equal(s->values[OPTION_PARALLEL_WORKERS].where, "default");
    assert_string_equal(settings_text(s, OPTION_PASSWORD), "***");
    unsetenv("FIRN_BATCH_SIZE");
    unsetenv("FIRN_PARALLEL_TABLES");
    settings_done(s);
    free(s);
    dotenv_done(&env);
    firn_arena_done(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_file_is_taken),
        cmocka_unit_test(literal_secret_is_noticed),
        cmocka_unit_test(wrong_files_are_refused_in_one_line),
        cmocka_unit_test(dangerous_librdkafka_properties_are_refused),
        cmocka_unit_test(templates_load_closed_and_opened),
        cmocka_unit_test(template_mentions_every_key),
        cmocka_unit_test(layers_win_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
