#include "cli/metrics_text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
expect(metrics_text *m, firn_buffer *out, const char *text)
{
    firn_error err = {0};

    assert_int_equal(metrics_end(m), FIRN_OK);
    assert_int_equal(firn_buffer_add_byte(out, '\0', &err), FIRN_OK);
    assert_string_equal((const char *) out->data, text);
}

static void
test_families_and_labels(void **state)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    const metric_label labels[] = {{"source", "shop"}, {"table", "a\"b\\c\nd\xc3\xa4"}}, bad = {"table", "\xff!"}, none = {"table", NULL};
    metrics_text       m;
    firn_error         err = {0};

    (void) state;
    firn_buffer_init(&out, 4096);
    metrics_begin(&m, &out, &err);
    metrics_family(&m, "firn_changes_total", METRIC_COUNTER, "Changes \\ by\nkind.");
    metrics_u64(&m, labels, 2, UINT64_MAX);
    metrics_family(&m, "firn_lag_seconds", METRIC_GAUGE, "Lag.");
    metrics_double(&m, &bad, 1, 1.5);
    metrics_double(&m, NULL, 0, (double) NAN);
    metrics_double(&m, NULL, 0, (double) -INFINITY);
    metrics_i64(&m, &none, 1, -3);
    metrics_seconds(&m, NULL, 0, 1500000);
    metrics_seconds(&m, NULL, 0, -1);
    expect(&m, &out,
           "# HELP firn_changes_total Changes \\\\ by\\nkind.\n# TYPE firn_changes_total counter\n"
           "firn_changes_total{source=\"shop\",table=\"a\\\"b\\\\c\\nd\xc3\xa4\"} 18446744073709551615\n"
           "# HELP firn_lag_seconds Lag.\n# TYPE firn_lag_seconds gauge\n"
           "firn_lag_seconds{table=\"?!\"} 1.5\nfirn_lag_seconds NaN\nfirn_lag_seconds -Inf\n"
           "firn_lag_seconds{table=\"\"} -3\nfirn_lag_seconds 1.500000\nfirn_lag_seconds -0.000001\n");
}

static void
test_histogram(void **state)
{
    static const double bounds_s[] = {0.5, 1};
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    const metric_label label = {"source", "s"};
    firn_histogram     h;
    metrics_text       m;
    firn_error         err = {0};

    (void) state;
    firn_histogram_init(&h, bounds_s, 2);
    firn_histogram_observe_us(&h, -5);
    firn_histogram_observe_us(&h, 500000); /* bounds are inclusive */
    firn_histogram_observe_us(&h, 500001);
    firn_histogram_observe_us(&h, 7000000);
    assert_int_equal(firn_histogram_count(&h), 4);
    firn_buffer_init(&out, 4096);
    metrics_begin(&m, &out, &err);
    metrics_family(&m, "x_seconds", METRIC_HISTOGRAM, "X.");
    metrics_histogram(&m, &label, 1, &h);
    expect(&m, &out,
           "# HELP x_seconds X.\n# TYPE x_seconds histogram\n"
           "x_seconds_bucket{source=\"s\",le=\"0.5\"} 2\nx_seconds_bucket{source=\"s\",le=\"1\"} 3\n"
           "x_seconds_bucket{source=\"s\",le=\"+Inf\"} 4\nx_seconds_sum{source=\"s\"} 8.000001\nx_seconds_count{source=\"s\"} 4\n");
}

static void
test_a_full_buffer_is_told_once(void **state)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    metrics_text m;
    firn_error   err = {0};

    (void) state;
    firn_buffer_init(&out, 16);
    metrics_begin(&m, &out, &err);
    metrics_family(&m, "firn_lag_seconds", METRIC_GAUGE, "Lag.");
    metrics_i64(&m, NULL, 0, 1);
    assert_int_not_equal(metrics_end(&m), FIRN_OK);
    assert_int_not_equal(err.status, FIRN_OK);
}

static void
test_the_process(void **state)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer out = {0};
    metrics_text m;
    firn_error   err = {0};

    (void) state;
    firn_buffer_init(&out, 1 << 16);
    metrics_begin(&m, &out, &err);
    metrics_process(&m, 1700000000000000);
    assert_int_equal(metrics_end(&m), FIRN_OK);
    assert_int_equal(firn_buffer_add_byte(&out, '\0', &err), FIRN_OK);
    const char *text = (const char *) out.data;
    assert_non_null(strstr(text, "\nprocess_start_time_seconds 1700000000.000000\n"));
    assert_null(strstr(text, "process_resident_memory_bytes 0\n"));
    assert_null(strstr(text, "process_open_fds 0\n"));
    assert_non_null(strstr(text, "firn_build_info{version=\""));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families_and_labels),
        cmocka_unit_test(test_histogram),
        cmocka_unit_test(test_a_full_buffer_is_told_once),
        cmocka_unit_test(test_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
