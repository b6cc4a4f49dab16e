/*
 * A load in three steps from a fake source into a Hadoop catalog in a temporary folder: what workers deliver, twice or
 * not at all, and what the commit makes of it. Whole processes and other readers: tests/e2e/test_distributed.py.
 */
#include "load/commit_job.h"

#include "load/plan_job.h"
#include "load/split_worker.h"

#include "../../tests/support/load_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LINES_MAX 32

static const fake_table  shop[] = {
     {"orders", 5000, TABLE_ORDINARY}, {"items", 1234, TABLE_ORDINARY}, {"empty", 0, TABLE_ORDINARY}};

typedef struct lines {
    unsigned count;
    char    *text[LINES_MAX];
} lines;

static lines planned, results;

static void
lines_done(lines *l)
{
    for (unsigned i = 0; i < l->count; i++)
        free(l->text[i]);
    *l = (lines){0};
}

static firn_status
keep_line(void *state, firn_slice line, firn_error *err)
{
    lines *l = state;

    (void) err;
    assert_true(l->count < LINES_MAX);
    assert_true(line.size > 1 && line.data[line.size - 1] == '\n');
    l->text[l->count++] = strndup((const char *) line.data, line.size - 1);
    return FIRN_OK;
}

static int
set_up(void **state)
{
    world *w = NULL;

    assert_int_equal(world_set_up(state), 0);
    w = *state;
    fake_source_init(&w->src, shop, FIRN_COUNT(shop));
    w->src.splits_per_table = 3;
    return 0;
}

static int
tear_down(void **state)
{
    lines_done(&planned);
    lines_done(&results);
    return world_tear_down(state);
}

static void
plan(world *w)
{
    plan_job        job = {.settings = &w->settings,
                           .split_size_bytes = 1 << 20,
                           .src = &w->src.base,
                           .lake = w->lake,
                           .events = &w->events,
                           .cancel = w->cancel,
                           .put = keep_line,
                           .put_state = &planned};
    plan_job_result result;

    lines_done(&planned);
    assert_int_equal(plan_job_run(&job, &result, &w->err), FIRN_OK);
    assert_int_equal(result.split_count + 1, planned.count);
}

/* One line of the plan, by a worker of its own. */
static firn_status
work(world *w, const char *text)
{
    FIRN_AUTO(split_worker_done) split_worker worker = {0};
    FIRN_AUTO(firn_arena_done) firn_arena     texts = {0};
    FIRN_AUTO(jdoc_freep) jdoc               *doc = NULL;
    FIRN_AUTO(split_line_done) split_line     line = {0};
    FIRN_AUTO(split_result_done) split_result result = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer   out = {0};
    line_kind                                 kind = LINE_FAILED;

    firn_error_reset(&w->err);
    worker.ctx = (load_context){
        .settings = &w->settings, .src = &w->src.base, .lake = w->lake, .events = &w->events, .cancel = w->cancel};
    FIRN_TRY(split_line_parse(firn_slice_text(text), 1, &doc, &kind, &w->err));
    if (kind == LINE_PLAN_END) {
        results.text[results.count++] = strdup(text);
        return FIRN_OK;
    }
    FIRN_TRY(split_line_read(doc, &texts, &line, &w->err));
    FIRN_TRY(split_worker_load(&worker, &line, &result, &w->err));
    firn_buffer_init(&out, 1 << 24);
    FIRN_TRY(split_result_add(&result, &out, &w->err));
    return keep_line(&results, firn_buffer_slice(&out), &w->err);
}

static void
work_all(world *w)
{
    for (unsigned i = 0; i < planned.count; i++)
        assert_int_equal(work(w, planned.text[i]), FIRN_OK);
}

/* Commits all results but `left_out` (an index; -1: none). */
static firn_status
commit(world *w, int left_out)
{
    FIRN_AUTO(commit_job_freep) commit_job *job = NULL;

    load_result_done(&w->result);
    firn_error_reset(&w->err);
    w->last_warning[0] = 0;
    FIRN_TRY(commit_job_new(&w->settings, w->lake, &w->events, w->cancel, &job, &w->err));
    for (unsigned i = 0; i < results.count; i++) {
        if ((int) i == left_out) continue;
        FIRN_TRY(commit_job_add(job, firn_slice_text(results.text[i]), i + 1, &w->err));
    }
    return commit_job_run(job, &w->result, &w->err);
}

/* -1: no such table. */
static int64_t
rows_of(world *w, const char *name)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *table = NULL;
    table_ident ident = {.namespace_levels = w->settings.namespace_levels, .level_count = 2, .name = name};
    firn_error  err = {0};

    if (w->lake->ops->load(w->lake, &ident, &table, &err) == FIRN_NOT_FOUND) return -1;
    return table_metadata_record_count(table);
}

static int
line_with(const lines *l, const char *part, const char *other)
{
    for (unsigned i = 0; i < l->count; i++) {
        if (strstr(l->text[i], part) && strstr(l->text[i], other)) return (int) i;
    }
    fail_msg("no line with %s and %s", part, other);
    return -1;
}

static void
results_become_the_tables_of_the_source(void **state)
{
    world *w = *state;

    plan(w);
    work_all(w);
    assert_int_equal(rows_of(w, "orders"), -1);

    assert_int_equal(commit(w, -1), FIRN_OK);

    assert_int_equal(rows_of(w, "orders"), 5000);
    assert_int_equal(rows_of(w, "items"), 1234);
    assert_int_equal(rows_of(w, "empty"), 0);
    assert_int_equal(w->result.done_count, 3);
    assert_int_equal(w->result.row_count, 6234);
}

static void
the_same_results_again_change_nothing(void **state)
{
    world *w = *state;

    plan(w);
    work_all(w);
    assert_int_equal(commit(w, -1), FIRN_OK);

    assert_int_equal(commit(w, -1), FIRN_OK);

    assert_int_equal(w->result.unchanged_count, 3);
    assert_int_equal(rows_of(w, "orders"), 5000);
}

static void
of_a_split_loaded_twice_one_counts(void **state)
{
    world *w = *state;

    plan(w);
    work_all(w);
    assert_int_equal(work(w, planned.text[line_with(&planned, "\"table\":\"orders\"", "\"split\":1,")]), FIRN_OK);

    assert_int_equal(commit(w, -1), FIRN_OK);

    assert_int_equal(rows_of(w, "orders"), 5000);
    assert_non_null(strstr(w->last_warning, "loaded twice"));
}

static void
a_missing_split_keeps_its_table_out(void **state)
{
    world *w = *state;

    plan(w);
    work_all(w);

    assert_int_equal(commit(w, line_with(&results, "\"table\":\"orders\"", "\"split\":1,")), FIRN_FAILED);

    assert_int_equal(w->err.code, FIRN_E_LOAD_TABLES_FAILED);
    assert_int_equal(w->result.failed_count, 1);
    assert_int_equal(rows_of(w, "orders"), -1);
    assert_int_equal(rows_of(w, "items"), 1234);
    assert_int_equal(commit(w, -1), FIRN_OK);
    assert_int_equal(rows_of(w, "orders"), 5000);
}

static void
a_plan_without_its_end_is_told(void **state)
{
    world *w = *state;

    plan(w);
    work_all(w);

    assert_int_equal(commit(w, line_with(&results, "plan_end", "")), FIRN_FAILED);

    assert_int_equal(w->err.code, FIRN_E_RESULTS_INCOMPLETE);
    assert_int_equal(rows_of(w, "orders"), 5000);
}

static void
results_of_two_plans_are_refused(void **state)
{
    world *w = *state;

    plan(w);
    work_all(w);
    plan(w);
    work_all(w);

    assert_int_equal(commit(w, -1), FIRN_USAGE);

    assert_int_equal(w->err.code, FIRN_E_RESULTS_MIXED);
    assert_int_equal(rows_of(w, "orders"), -1);
}

static void
a_table_that_somebody_else_made_is_left_alone(void **state)
{
    world *w = *state;

    plan(w);
    work_all(w);
    w->settings.parallel_workers = w->settings.parallel_tables = 1;
    assert_int_equal(load_run(&w->settings, &w->src.base, w->lake, NULL, NULL, &w->result, &w->err), FIRN_OK);

    assert_int_equal(commit(w, -1), FIRN_FAILED);

    assert_int_equal(w->result.failed_count, 3);
    assert_int_equal(w->result.tables[0].error->code, FIRN_E_PLAN_OUTDATED);
    assert_int_equal(rows_of(w, "orders"), 5000);
}

static void
no_resume_replaces_what_was_there(void **state)
{
    static const fake_table now[] = {{"orders", 10, TABLE_ORDINARY}};
    world                  *w = *state;

    plan(w);
    work_all(w);
    assert_int_equal(commit(w, -1), FIRN_OK);
    w->src.tables = now;
    w->src.table_count = 1;
    plan(w);
    assert_int_equal(planned.count, 1);
    w->settings.resume = false;
    lines_done(&results);
    plan(w);
    work_all(w);

    assert_int_equal(commit(w, -1), FIRN_OK);

    assert_int_equal(rows_of(w, "orders"), 10);
    assert_int_equal(rows_of(w, "items"), 1234);
}

static void
a_worker_notices_what_is_not_the_plans(void **state)
{
    world *w = *state;

    plan(w);
    w->src.snapshot = "00000004-1";
    assert_int_equal(work(w, planned.text[0]), FIRN_NOT_FOUND);
    assert_int_equal(w->err.code, FIRN_E_SNAPSHOT_GONE);
    w->src.snapshot = "00000003-1";
    w->settings.defaults.rules.policy = POLICY_NULL;
    assert_int_equal(work(w, planned.text[0]), FIRN_USAGE);
    assert_int_equal(w->err.code, FIRN_E_PLAN_MISMATCH);
    assert_int_equal(results.count, 0);
}

static void
a_connection_lost_on_the_way_gives_no_row_twice(void **state)
{
    world *w = *state;

    plan(w);
    w->src.break_at_batch = 5;
    w->src.break_code = FIRN_E_POSTGRES_UNAVAILABLE;
    work_all(w);

    assert_int_equal(commit(w, -1), FIRN_OK);

    assert_int_equal(rows_of(w, "orders"), 5000);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(results_become_the_tables_of_the_source),
        TEST(the_same_results_again_change_nothing),
        TEST(of_a_split_loaded_twice_one_counts),
        TEST(a_missing_split_keeps_its_table_out),
        TEST(a_plan_without_its_end_is_told),
        TEST(results_of_two_plans_are_refused),
        TEST(a_table_that_somebody_else_made_is_left_alone),
        TEST(no_resume_replaces_what_was_there),
        TEST(a_worker_notices_what_is_not_the_plans),
        TEST(a_connection_lost_on_the_way_gives_no_row_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
