#include "base/histogram.h"

#include <string.h>

#include "base/attrs.h"

void
firn_histogram_init(firn_histogram *h, const double bounds_s[], unsigned bound_count)
{
    assert(bound_count <= HISTOGRAM_BOUNDS_MAX);
    memset(h, 0, sizeof *h);
    memcpy(h->bounds_s, bounds_s, bound_count * sizeof *bounds_s);
    h->bound_count = bound_count;
}

void
firn_histogram_init_latency(firn_histogram *h)
{
    static const double bounds_s[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60, 120, 300, 600};

    firn_histogram_init(h, bounds_s, FIRN_COUNT(bounds_s));
}

void
firn_histogram_observe_us(firn_histogram *h, int64_t us)
{
    double   seconds = us < 0 ? 0 : (double) us / 1e6;
    unsigned at = 0;

    while (at < h->bound_count && seconds > h->bounds_s[at]) at++;
    atomic_fetch_add_explicit(&h->counts[at], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&h->sum_us, us < 0 ? 0 : (uint64_t) us, memory_order_relaxed);
}

uint64_t
firn_histogram_count(const firn_histogram *h)
{
    uint64_t count = 0;

    for (unsigned i = 0; i <= h->bound_count; i++) count += atomic_load_explicit(&h->counts[i], memory_order_relaxed);
    return count;
}
