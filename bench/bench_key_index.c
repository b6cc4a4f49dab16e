/*
 * The key index with many keys: building it, looking keys up and changing them in windows.
 *
 *   ninja -C build src/index/bench_key_index
 *   build/src/index/bench_key_index FOLDER [KEYS [WINDOWS [CHANGES OF A WINDOW]]]      50 million, 20, 200,000
 *
 * CPU is that of the whole process, the writing of new bases included.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "index/key_index.h"

enum { STEP = 4096 };

static firn_error err;

static void
check(firn_status status)
{
    if (status == FIRN_OK) return;
    fprintf(stderr, "%s\n", err.cause);
    exit(1);
}

static key_hash
hash_of(const key_seed *seed, uint64_t key)
{
    return key_hash_of(seed, firn_slice_of(&key, sizeof key));
}

static key_index *
build(const key_index_settings *settings, uint64_t key_count)
{
    FIRN_AUTO(key_index_builder_freep) key_index_builder *b = NULL;
    index_state state = {.snapshot_id = 1};
    key_index  *index = NULL;
    static key_change changes[STEP];
    uint32_t    file;
    uint64_t    start_us = firn_clock_monotonic_us(), size_bytes;
    int64_t     cpu_us = firn_clock_cpu_us();

    check(key_index_builder_new(settings, &b, &err));
    check(key_index_builder_add_file(b, "data/0.parquet", &file, &err));
    for (uint64_t at = 0; at < key_count;) {
        size_t count = 0;

        for (; count < STEP && at < key_count; count++, at++)
            changes[count] = (key_change){hash_of(key_index_builder_seed(b), at), key_place(file, at)};
        check(key_index_builder_add(b, changes, count, &err));
    }
    check(key_index_builder_finish(b, &state, &index, &err));
    size_bytes = key_index_size_bytes(index);
    printf("build: %" PRIu64 " keys, %.2f us wall, %.2f us CPU a key, %.1f bytes a key\n", key_count,
           (double) (firn_clock_monotonic_us() - start_us) / (double) key_count,
           (double) (firn_clock_cpu_us() - cpu_us) / (double) key_count,
           (double) size_bytes / (double) key_count);
    return index;
}

int
main(int argc, char **argv)
{
    key_index_settings settings = {.folder = argc > 1 ? argv[1] : "", .memory_bytes_max = (size_t) 64 << 20};
    uint64_t   key_count = argc > 2 ? strtoull(argv[2], NULL, 10) : 50000000;
    uint64_t   window_count = argc > 3 ? strtoull(argv[3], NULL, 10) : 20;
    size_t     count = argc > 4 ? strtoull(argv[4], NULL, 10) : 200000;
    key_index *index;
    key_hash  *keys = malloc(count * sizeof *keys);
    uint64_t  *places = malloc(count * sizeof *places), find_us = 0, apply_us = 0, apply_us_max = 0, size_max = 0;
    key_change *changes = malloc(count * sizeof *changes);
    int64_t     find_cpu = 0, apply_cpu = 0;

    if (argc < 2 || !keys || !places || !changes) return 64;
    index = build(&settings, key_count);
    for (uint64_t w = 0; w < window_count; w++) {
        index_state state = {.snapshot_id = (int64_t) w + 2};
        const char *name = "data/n.parquet";
        uint32_t    file = file_registry_next(key_index_files(index));
        uint64_t    start_us, took_us;
        int64_t     cpu;

        for (size_t i = 0; i < count; i++)
            keys[i] = hash_of(key_index_seed(index), firn_hash_u64(w * count + i + 1) % key_count);
        start_us = firn_clock_monotonic_us();
        cpu = firn_clock_cpu_us();
        key_index_find(index, keys, count, places);
        find_us += firn_clock_monotonic_us() - start_us;
        find_cpu += firn_clock_cpu_us() - cpu;
        for (size_t i = 0; i < count; i++) {
            if (places[i] == KEY_PLACE_NONE) return 1;
            changes[i] = (key_change){keys[i], key_place(file, i)};
        }
        start_us = firn_clock_monotonic_us();
        cpu = firn_clock_cpu_us();
        check(key_index_apply(index, &(key_index_window){.state = &state, .added_files = &name, .added_file_count = 1,
                                                         .changes = changes, .change_count = count}, &err));
        took_us = firn_clock_monotonic_us() - start_us;
        apply_us += took_us;
        apply_cpu += firn_clock_cpu_us() - cpu;
        if (took_us > apply_us_max) apply_us_max = took_us;
        if (key_index_size_bytes(index) > size_max) size_max = key_index_size_bytes(index);
    }
    double all = (double) (window_count * count);
    printf("find: %.3f us wall, %.3f us CPU a key\n", (double) find_us / all, (double) find_cpu / all);
    printf("apply: %.3f us wall, %.3f us CPU a change; the longest window %.0f ms; at most %.1f bytes a key\n",
           (double) apply_us / all, (double) apply_cpu / all, (double) apply_us_max / 1000,
           (double) size_max / (double) key_count);
    {
        uint64_t start_us = firn_clock_monotonic_us();
        key_index_free(index);
        check(key_index_open(&settings, &index, &err));
        printf("open: %.0f ms\n", (double) (firn_clock_monotonic_us() - start_us) / 1000);
    }
    key_index_free(index);
    free(keys);
    free(places);
    free(changes);
    return 0;
}
