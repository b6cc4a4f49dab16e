#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <time.h>

#include "base/hash.h"

static firn_clock_source    replacement; /* used where a function is not NULL */
static atomic_bool          random_is_seeded;
static atomic_uint_fast64_t random_state;

static int64_t
read_clock(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return (int64_t) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
firn_clock_now_us(void)
{
    return replacement.now_us ? replacement.now_us(replacement.state) : read_clock(CLOCK_REALTIME);
}

uint64_t
firn_clock_monotonic_us(void)
{
    return replacement.monotonic_us ? replacement.monotonic_us(replacement.state)
                                    : (uint64_t) read_clock(CLOCK_MONOTONIC);
}

int64_t
firn_clock_cpu_us(void)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
    return (int64_t) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec +
           usage.ru_stime.tv_usec;
}

void
firn_clock_replace(const firn_clock_source *source)
{
    replacement = source ? *source : (firn_clock_source){0};
}

uint64_t
firn_random_u64(void)
{
    uint64_t value;

    firn_random_bytes(&value, sizeof value);
    return value;
}

void
firn_random_bytes(void *out, unsigned long size)
{
    uint8_t *at = out;

    if (atomic_load(&random_is_seeded)) {
        for (unsigned long i = 0; i < size; i += sizeof(uint64_t)) {
            /* A Weyl sequence through a mixer; good enough for what a test repeats. */
            uint64_t value = firn_hash_u64(atomic_fetch_add(&random_state, UINT64_C(0x9e3779b97f4a7c15)));
            memcpy(at + i, &value, size - i < sizeof value ? size - i : sizeof value);
        }
        return;
    }
    while (size > 0) {
        ssize_t count = getrandom(at, size, 0);
        /* Without randomness two writers could choose the same file name: there is no way on. */
        assert(count > 0 || errno == EINTR);
        if (count > 0) {
            at += count;
            size -= (unsigned long) count;
        }
    }
}

void
firn_random_seed(uint64_t seed)
{
    atomic_store(&random_state, seed);
    atomic_store(&random_is_seeded, seed != 0);
}

const char *
firn_environment(const char *name)
{
    return getenv(name);
}
