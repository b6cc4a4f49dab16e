#include "cli/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cli/error_text.h"
#include "cli/progress_view.h"
#include "cli/table_print.h"

#define SECOND_US INT64_C(1000000)

static void
expect_text(firn_buffer *out, const char *wanted)
{
    firn_error err = {0};

    assert_int_equal(firn_buffer_add_byte(out, 0, &err), FIRN_OK);
    assert_string_equal((const char *) out->data, wanted);
}

static void
error_has_its_parts_and_the_last_line(void **state FIRN_UNUSED)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    firn_error                              error = {0}, err = {0};

    firn_buffer_init(&out, 4096);
    (void) firn_fail(&error, FIRN_E_POSTGRES_DENIED, "cannot read 'public.orders': permission denied\x1b[2J");
    (void) firn_while(&error, "loading 'orders', split 9 of 64");
    firn_hint(&error, "GRANT SELECT ON orders TO loader");
    firn_state(&error, "3 tables are committed");

    assert_int_equal(error_text_add(&error, 77, false, &out, &err), FIRN_OK);

    expect_text(&out, "firn: cannot read 'public.orders': permission denied [2J [FIRN-2002]\n"
                      "  while loading 'orders', split 9 of 64\n"
                      "  hint: GRANT SELECT ON orders TO loader\n"
                      "  state: 3 tables are committed\n"
                      "  not retried (denied), exit 77\n");
}

static void
error_without_a_hint_gets_that_of_its_code(void **state FIRN_UNUSED)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    firn_error                              error = {0}, err = {0};

    firn_buffer_init(&out, 4096);
    (void) firn_fail(&error, FIRN_E_POSTGRES_UNAVAILABLE, "no answer");
    error.retried = true;

    assert_int_equal(error_text_add(&error, 75, false, &out, &err), FIRN_OK);

    assert_int_equal(firn_buffer_add_byte(&out, 0, &err), FIRN_OK);
    assert_non_null(strstr((const char *) out.data, "  hint: Check host, port"));
    assert_non_null(strstr((const char *) out.data, "  retried, gave up (unavailable), exit 75\n"));
}

static void
exit_line_says_whether_to_try_again(void **state FIRN_UNUSED)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer well = {0};
    firn_error                              error = {0}, err = {0};

    firn_buffer_init(&out, 4096);
    firn_buffer_init(&well, 4096);
    (void) firn_fail(&error, FIRN_E_POSTGRES_UNAVAILABLE, "no answer from \"h\"");
    firn_hint(&error, "wait");

    assert_int_equal(error_text_add_exit(&error, 75, "run-1", &out, &err), FIRN_OK);
    assert_int_equal(error_text_add_exit(NULL, 0, NULL, &well, &err), FIRN_OK);

    expect_text(&out,
                "{\"type\":\"exit\",\"code\":75,\"correlation_id\":\"run-1\",\"error\":\"FIRN-2001\",\"status\":"
                "\"unavailable\",\"message\":\"no answer from "
                "\\\"h\\\"\",\"while\":[],\"hint\":\"wait\",\"state\":\"nothing was committed\",\"retried\":false,"
                "\"retryable\":true}\n");
    expect_text(&well, "{\"type\":\"exit\",\"code\":0}\n");
}

/* Four tables: done, half done, pending, failed; bytes weigh, not tables. */
static void
fill(load_table_progress tables[4], load_progress *progress)
{
    memset(tables, 0, 4 * sizeof *tables);
    tables[0] = (load_table_progress){.name = "done", .row_estimate = 10, .byte_estimate = 1000};
    tables[1] = (load_table_progress){.name = "half", .row_estimate = 1000, .byte_estimate = 8000};
    tables[2] = (load_table_progress){.name = "wait", .row_estimate = 10, .byte_estimate = 1000};
    tables[3] = (load_table_progress){.name = "bad", .row_estimate = 10, .byte_estimate = 0};
    atomic_store(&tables[0].state, LOAD_COMPLETED);
    atomic_store(&tables[0].row_count, 12);
    atomic_store(&tables[1].state, LOAD_IN_PROGRESS);
    atomic_store(&tables[1].row_count, 500);
    atomic_store(&tables[1].byte_count, 2000);
    atomic_store(&tables[1].started_us, 5 * SECOND_US);
    atomic_store(&tables[3].state, LOAD_FAILED);
    *progress = (load_progress){4, tables, SECOND_US};
}

static void
progress_is_weighed_by_bytes(void **state FIRN_UNUSED)
{
    load_table_progress tables[4];
    load_progress       progress;

    fill(tables, &progress);
    progress_total total = progress_view_total(&progress, 11 * SECOND_US);

    assert_int_equal(total.done_count, 1);
    assert_int_equal(total.running_count, 1);
    assert_int_equal(total.failed_count, 1);
    assert_int_equal(total.row_count, 512);
    assert_int_equal(total.elapsed_ms, 10000);
    assert_int_equal(total.percent, 49); /* 5,000 of 10,000 bytes; 100 is kept for the end */
    assert_in_range(total.left_ms, 9900, 10100);
}

static void
block_has_a_line_per_running_table_and_the_total(void **state FIRN_UNUSED)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    load_table_progress                     tables[4];
    load_progress                           progress;
    unsigned                                lines = 0;
    firn_error                              err = {0};

    firn_buffer_init(&out, 4096);
    fill(tables, &progress);
    assert_int_equal(progress_view_add_block(&progress, 11 * SECOND_US, 50, 10, false, &out, &lines, &err), FIRN_OK);

    assert_int_equal(lines, 2);
    expect_text(
        &out,
        "  half: 500 of about 1,000 rows (83/s), 2.0 kB, 50\n1 of 4 tables, 1 running, 1 failed; 512 rows (51/s\n");
}

static void
block_never_passes_its_height(void **state FIRN_UNUSED)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    load_table_progress                     tables[4];
    load_progress                           progress;
    unsigned                                lines = 0;
    firn_error                              err = {0};

    firn_buffer_init(&out, 4096);
    fill(tables, &progress);
    for (int i = 0; i < 4; i++) {
        atomic_store(&tables[i].state, LOAD_IN_PROGRESS);
    }
    assert_int_equal(progress_view_add_block(&progress, 11 * SECOND_US, 50, 3, false, &out, &lines, &err), FIRN_OK);

    assert_int_equal(lines, 3);
    assert_int_equal(firn_buffer_add_byte(&out, 0, &err), FIRN_OK);
    assert_non_null(strstr((const char *) out.data, "  and 3 more\n"));
}

static void
table_is_aligned_by_characters(void **state FIRN_UNUSED)
{
    static const char                      *headers[] = {"name", "rows", ""};
    static const char *const                rows[][3] = {{"é\x1b", "7", "x"}, {"long", "1,000", NULL}};
    FIRN_AUTO(firn_arena_done) firn_arena   arena = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    table_print                             table;
    firn_error                              err = {0};

    firn_buffer_init(&out, 4096);
    table_print_init(&table, &arena, headers, 3);
    table.right[1] = true;
    for (size_t i = 0; i < FIRN_COUNT(rows); i++) {
        assert_int_equal(table_print_add(&table, rows[i], &err), FIRN_OK);
    }
    assert_int_equal(table_print_write(&table, &out, &err), FIRN_OK);

    expect_text(&out, "name   rows  \né?        7  x\nlong  1,000  \n");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(error_has_its_parts_and_the_last_line),
        cmocka_unit_test(error_without_a_hint_gets_that_of_its_code),
        cmocka_unit_test(exit_line_says_whether_to_try_again),
        cmocka_unit_test(progress_is_weighed_by_bytes),
        cmocka_unit_test(block_has_a_line_per_running_table_and_the_total),
        cmocka_unit_test(block_never_passes_its_height),
        cmocka_unit_test(table_is_aligned_by_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
