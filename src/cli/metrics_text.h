/*
 * Metrics in Prometheus' text format (version 0.0.4), into a buffer. A failed buffer makes all further calls no-ops, and
 * metrics_end says so once. All samples of a family come behind its head; asserted: names are
 * [a-z_:][a-z0-9_:]*, a family begins before its samples, counters end in _total.
 */
#ifndef FIRN_CLI_METRICS_TEXT_H
#define FIRN_CLI_METRICS_TEXT_H

#include "base/buffer.h"
#include "base/histogram.h"

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

typedef enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM } metric_kind;

typedef struct metric_label {
    const char *name, *value; /* any text; NULL: "" */
} metric_label;

typedef struct metrics_text {
    firn_buffer *out;
    firn_error  *err; /* of the first failure */
    firn_status  status;
    const char  *family; /* borrowed */
    metric_kind  kind;
} metrics_text;

void metrics_begin(metrics_text *m, firn_buffer *out, firn_error *err);
/* The head of a family: its samples follow. `name` is borrowed until the next head. */
void metrics_family(metrics_text *m, const char *name, metric_kind kind, const char *help);
void metrics_i64(metrics_text *m, const metric_label labels[], unsigned label_count, int64_t value);
void metrics_u64(metrics_text *m, const metric_label labels[], unsigned label_count, uint64_t value);
void metrics_double(metrics_text *m, const metric_label labels[], unsigned label_count, double value);
/* Microseconds as seconds. */
void metrics_seconds(metrics_text *m, const metric_label labels[], unsigned label_count, int64_t us);
void metrics_histogram(metrics_text *m, const metric_label labels[], unsigned label_count, const firn_histogram *h);
FIRN_MUST_USE firn_status metrics_end(metrics_text *m);

/* firn_build_info and the process_… families that shared dashboards know; started_us is the process's start. */
void metrics_process(metrics_text *m, int64_t started_us);

#endif
