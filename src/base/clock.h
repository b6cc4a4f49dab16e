/*
 * Time, random numbers and the environment: the only doors to them, replaceable in tests and in a
 * simulation. Thread-safe, except the setters.
 */
#ifndef FIRN_BASE_CLOCK_H
#define FIRN_BASE_CLOCK_H

#include <stdint.h>

int64_t  firn_clock_now_us(void);       /* wall, since 1970 UTC */
uint64_t firn_clock_monotonic_us(void); /* never goes back */
int64_t  firn_clock_cpu_us(void);       /* CPU time of this process, user and system */

typedef struct firn_clock_source {
    int64_t (*now_us)(void *state);
    uint64_t (*monotonic_us)(void *state);
    void *state;
} firn_clock_source;
/* NULL: the system's again. */
void firn_clock_replace(const firn_clock_source *source);

/* Random bits for ids and jitter. A seed makes them repeatable (tests); 0: the system's again. */
uint64_t firn_random_u64(void);
void     firn_random_bytes(void *out, unsigned long size);
void     firn_random_seed(uint64_t seed);

/* An environment variable, or NULL. */
const char *firn_environment(const char *name);

#endif
