/*
 * Counts of measured times by size: what a metrics endpoint shows as a histogram. Bounds are in seconds, fixed when it
 * is made. Thread-safe: observed by one or more threads while another reads; a reader may see a count a moment before
 * its sum.
 */
#ifndef FIRN_BASE_HISTOGRAM_H
#define FIRN_BASE_HISTOGRAM_H

#include <stdatomic.h>
#include <stdint.h>

#define HISTOGRAM_BOUNDS_MAX 20

typedef struct firn_histogram {
    unsigned         bound_count;
    double           bounds_s[HISTOGRAM_BOUNDS_MAX];          /* ascending */
    _Atomic uint64_t counts[HISTOGRAM_BOUNDS_MAX + 1];        /* each its own bucket's, not the lower ones'; last: above all */
    _Atomic uint64_t sum_us;
} firn_histogram;

/* 5 ms to 10 minutes, for latencies of commits and changes. */
void firn_histogram_init_latency(firn_histogram *h);
void firn_histogram_init(firn_histogram *h, const double bounds_s[], unsigned bound_count);
/* Negative counts as 0 (clocks of two machines). */
void     firn_histogram_observe_us(firn_histogram *h, int64_t us);
uint64_t firn_histogram_count(const firn_histogram *h);

#endif
