/*
 * Lines of plans and results: their text, and what is refused of it.
 */
#include "load/split_line.h"

#include "load/split_result.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define PLAN "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
#define COMMIT "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5c"
#define TASK                                                                                                           \
    "\"plan\":\"" PLAN "\",\"source\":\"shop\",\"schema_name\":\"public\",\"identity\":\"postgres:7:1\","              \
    "\"position\":\"0/1\",\"exact\":true,\"snapshot\":\"00000003-1\",\"table\":\"orders\",\"comment\":null,"           \
    "\"commit\":\"" COMMIT "\",\"settings\":\"00000000000000ff\","                                                     \
    "\"base\":{\"uuid\":\"u\",\"snapshot\":-1,\"schema\":0,\"spec\":0,\"sort\":0},\"replace\":false,"                  \
    "\"data_location\":\"file:///lake/orders/data\","                                                                  \
    "\"schema\":{\"type\":\"struct\",\"schema-id\":0,\"identifier-field-ids\":[1],"                                    \
    "\"fields\":[{\"id\":1,\"name\":\"id\",\"required\":true,\"type\":\"long\"}]},\"places\":\"1:1!\",\"relation\":16402,\"split\":1,\"of\":3"
#define SPLIT                                                                                                          \
    "{\"type\":\"split\",\"v\":1," TASK ",\"rows_estimate\":10,\"bytes_estimate\":8192,\"piece\":\"[[1,2,0,9]]\"}\n"
#define RESULT                                                                                                         \
    "{\"type\":\"result\",\"v\":1," TASK ",\"rows\":2,\"server_rows\":2,\"bytes\":40,\"coerced\":1,"                   \
    "\"checksum\":\"1:2:00000000000000aa\",\"started\":5,\"ended\":9,\"files\":[{\"content\":0,"                       \
    "\"path\":\"file:///lake/orders/data/"                                                                             \
    "x.parquet\",\"format\":\"PARQUET\",\"spec\":0,\"records\":2,\"bytes\":300}]}\n"
#define END                                                                                                            \
    "{\"type\":\"plan_end\",\"v\":1,\"plan\":\"" PLAN "\",\"source\":\"shop\",\"splits\":4,"                           \
    "\"tables\":[{\"table\":\"orders\",\"splits\":3},{\"table\":\"items\",\"splits\":1}]}\n"

typedef struct reading {
    firn_arena   arena;
    jdoc        *doc;
    line_kind    kind;
    split_line   line;
    split_result result;
    plan_end     end;
    firn_error   err, failure;
} reading;

static void
reading_done(reading *r)
{
    split_line_done(&r->line);
    split_result_done(&r->result);
    jdoc_free(r->doc);
    firn_arena_done(&r->arena);
    *r = (reading){0};
}

static firn_status
read_text(reading *r, const char *text)
{
    FIRN_TRY(split_line_parse(firn_slice_text(text), 7, &r->doc, &r->kind, &r->err));
    switch (r->kind) {
    case LINE_SPLIT:
        return split_line_read(r->doc, &r->arena, &r->line, &r->err);
    case LINE_RESULT:
        return split_result_read(r->doc, &r->arena, &r->result, &r->err);
    case LINE_FAILED:
        return split_failure_read(r->doc, &r->arena, &r->line, &r->failure, &r->err);
    case LINE_PLAN_END:
        return plan_end_read(r->doc, &r->arena, &r->end, &r->err);
    }
    return FIRN_BUG;
}

static void
assert_text(const firn_buffer *text, const char *expected)
{
    assert_int_equal(text->size, strlen(expected));
    assert_memory_equal(text->data, expected, text->size);
}

static void
a_split_is_written_as_it_was_read(void **state)
{
    FIRN_AUTO(reading_done) reading         r = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    (void) state;

    firn_buffer_init(&text, 1 << 20);
    assert_int_equal(read_text(&r, SPLIT), FIRN_OK);
    assert_int_equal(split_line_add(&r.line, &text, &r.err), FIRN_OK);

    assert_text(&text, SPLIT);
    assert_string_equal(r.line.table, "orders");
    assert_string_equal(r.line.point.snapshot, "00000003-1");
    assert_string_equal(r.line.piece, "[[1,2,0,9]]");
    assert_int_equal(r.line.index, 1);
    assert_int_equal(r.line.count, 3);
    assert_true(r.line.base.exists && r.line.base.snapshot_id == -1);
    assert_int_equal(r.line.schema->field_count, 1);
}

static void
a_result_is_written_as_it_was_read(void **state)
{
    FIRN_AUTO(reading_done) reading         r = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    (void) state;

    firn_buffer_init(&text, 1 << 20);
    assert_int_equal(read_text(&r, RESULT), FIRN_OK);
    assert_int_equal(split_result_add(&r.result, &text, &r.err), FIRN_OK);

    assert_text(&text, RESULT);
    assert_int_equal(r.result.checksum.sum, 0xaa);
    assert_int_equal(r.result.files.count, 1);
}

static void
a_failure_keeps_code_and_hint(void **state)
{
    static reading                          again; /* two would be much for a stack */
    FIRN_AUTO(reading_done) reading         r = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    (void) state;

    firn_buffer_init(&text, 1 << 20);
    assert_int_equal(read_text(&r, SPLIT), FIRN_OK);
    (void) firn_fail(&r.failure, FIRN_E_VALUE_UNREPRESENTABLE, "NaN in 'n'");
    firn_hint(&r.failure, "choose");
    assert_int_equal(split_failure_add(&r.line, &r.failure, &text, &r.err), FIRN_OK);
    assert_int_equal(firn_buffer_add_byte(&text, 0, &r.err), FIRN_OK);

    assert_int_equal(read_text(&again, (const char *) text.data), FIRN_OK);

    assert_int_equal(again.failure.code, FIRN_E_VALUE_UNREPRESENTABLE);
    assert_string_equal(again.failure.cause, "NaN in 'n'");
    assert_string_equal(again.failure.hint, "choose");
    assert_int_equal(again.line.index, 1);
    reading_done(&again);
}

static void
the_end_is_written_as_it_was_read(void **state)
{
    FIRN_AUTO(reading_done) reading         r = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    (void) state;

    firn_buffer_init(&text, 1 << 20);
    assert_int_equal(read_text(&r, END), FIRN_OK);
    assert_int_equal(plan_end_add(&r.end, &text, &r.err), FIRN_OK);

    assert_text(&text, END);
}

/* The text with `from` replaced by `to`, which must be found. */
static const char *
changed(const char *text, const char *from, const char *to)
{
    static char out[4096];
    const char *at = strstr(text, from);

    assert_non_null(at);
    (void) snprintf(out, sizeof out, "%.*s%s%s", (int) (at - text), text, to, at + strlen(from));
    return out;
}

static void
what_is_not_in_its_range_is_refused(void **state)
{
    static const char *const cases[][3] = {
        {SPLIT, "\"split\":1", "\"split\":3"},
        {SPLIT, "\"split\":1", "\"split\":-1"},
        {SPLIT, "\"of\":3", "\"of\":0"},
        {SPLIT, "\"of\":3", "\"of\":1000001"},
        {SPLIT, "\"commit\":\"" COMMIT "\"", "\"commit\":\"../../x\""},
        {SPLIT, "\"plan\":\"" PLAN "\"", "\"plan\":\"\""},
        {SPLIT, "\"exact\":true", "\"exact\":1"},
        {SPLIT, "\"base\":{", "\"bass\":{"},
        {SPLIT, "\"schema\":{", "\"schema\":[],\"s\":{"},
        {SPLIT, "\"settings\":\"00000000000000ff\"", "\"settings\":\"00000000000000ff0\""},
        {SPLIT, "\"rows_estimate\":10", "\"rows_estimate\":-10"},
        {SPLIT, "\"piece\":\"[[1,2,0,9]]\"", "\"piece\":[[1,2,0,9]]"},
        {SPLIT, "\"type\":\"split\"", "\"type\":\"spilt\""},
        {RESULT, "1:2:00000000000000aa", "2:2:00000000000000aa"},
        {RESULT, "1:2:00000000000000aa", "1:2:aa"},
        {RESULT, "\"bytes\":40", "\"bytes\":-1"},
        {RESULT, "\"content\":0", "\"content\":1"},
        {RESULT, "\"files\":[{", "\"files\":[{\"color\":1,"},
        {END, "\"splits\":4", "\"splits\":5"},
        {END, "\"splits\":1}", "\"splits\":0}"},
    };
    (void) state;

    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        FIRN_AUTO(reading_done) reading r = {0};

        if (read_text(&r, changed(cases[i][0], cases[i][1], cases[i][2])) != FIRN_CORRUPT)
            fail_msg("%s was taken for %s: %s", cases[i][2], cases[i][1], r.err.cause);
    }
}

static void
counts_that_differ_are_a_failure(void **state)
{
    static const char *const cases[][2] = {{"\"rows\":2", "\"rows\":3"},
                                           {"\"server_rows\":2", "\"server_rows\":3"},
                                           {"1:2:", "1:3:"},
                                           {"\"records\":2", "\"records\":3"}};
    (void) state;

    for (size_t i = 0; i < FIRN_COUNT(cases); i++) {
        FIRN_AUTO(reading_done) reading r = {0};

        assert_int_equal(read_text(&r, changed(RESULT, cases[i][0], cases[i][1])), FIRN_FAILED);
        assert_int_equal(r.err.code, FIRN_E_LOAD_ROW_COUNT);
    }
}

static void
another_version_is_not_guessed_at(void **state)
{
    FIRN_AUTO(reading_done) reading r = {0};
    (void) state;

    assert_int_equal(read_text(&r, changed(SPLIT, "\"v\":1", "\"v\":2")), FIRN_UNSUPPORTED);
    assert_non_null(strstr(r.err.cause, "line 7"));
}

static void
the_fingerprint_follows_every_setting(void **state)
{
    static const char *const levels[] = {"bronze"}, *const terms[] = {"ID"};
    static const column_rule rules[] = {{.column = "a", .excluded = true}};
    load_settings     settings = {.schema_name = "public", .namespace_levels = levels, .namespace_level_count = 1};
    load_table_config configs[10];
    char              prints[FIRN_COUNT(configs) + 1][17];
    (void) state;

    for (size_t i = 0; i < FIRN_COUNT(configs); i++)
        configs[i] = (load_table_config){.format_version = 2};
    configs[1].rules.policy = POLICY_NULL;
    configs[2].rules.unbounded_numeric = UNBOUNDED_STRING;
    configs[3].rules.time_as_string = true;
    configs[4].rules.columns = rules, configs[4].rules.column_count = 1;
    configs[5].rules.key = terms, configs[5].rules.key_count = 1;
    configs[6].partition_by = terms, configs[6].partition_by_count = 1;
    configs[7].sort_by = terms, configs[7].sort_by_count = 1;
    configs[8].format_version = 3;
    configs[9].rules.unbounded_scale = 2;
    for (size_t i = 0; i < FIRN_COUNT(configs); i++)
        split_settings_fingerprint(&settings, &configs[i], prints[i]);
    settings.schema_name = "other";
    split_settings_fingerprint(&settings, &configs[0], prints[FIRN_COUNT(configs)]);

    for (size_t i = 0; i < FIRN_COUNT(prints); i++) {
        assert_int_equal(strlen(prints[i]), 16);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(prints[i], prints[k]);
    }
    /* Workers of another build must come to the same. */
    assert_string_equal(prints[0], "6df8444ff1d66483");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_split_is_written_as_it_was_read),   cmocka_unit_test(a_result_is_written_as_it_was_read),
        cmocka_unit_test(a_failure_keeps_code_and_hint),       cmocka_unit_test(the_end_is_written_as_it_was_read),
        cmocka_unit_test(what_is_not_in_its_range_is_refused), cmocka_unit_test(counts_that_differ_are_a_failure),
        cmocka_unit_test(another_version_is_not_guessed_at),   cmocka_unit_test(the_fingerprint_follows_every_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
