/*
 * Runs a fuzz target without a fuzzer: over each file of the stored corpus, over its beginnings, and over
 * some changes of it that are the same in every run. For builds without libFuzzer, and for `meson test`.
 *
 *     replay_NAME FOLDER|FILE…
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    INPUT_SIZE_MAX = 1 << 20,
    CHANGES_PER_FILE = 400,
    BEGINNINGS_MAX = 200,
    PATH_SIZE = 4096,
};

static unsigned run_count;

/* Each input has memory of exactly its size, so that a sanitizer sees the first byte read beyond it. */
static void
run(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);

    if (!exact) {
        abort();
    }
    if (size > 0) {
        memcpy(exact, data, size);
    }
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    run_count++;
}

static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void
run_changes(const uint8_t *data, size_t size)
{
    static const uint8_t edges[] = {0x00, 0x01, 0x7F, 0x80, 0xFF};
    uint64_t             random = 0x9e3779b97f4a7c15 ^ size;
    uint8_t             *copy = malloc(size + 8);

    if (!copy) {
        abort();
    }
    for (int i = 0; i < CHANGES_PER_FILE; i++) {
        size_t changed_size = size;
        memcpy(copy, data, size);
        for (uint64_t changes = next_random(&random) % 4 + 1; changes > 0; changes--) {
            size_t at = next_random(&random) % size;
            switch (next_random(&random) % 5) {
            case 0:
                copy[at] = (uint8_t) next_random(&random);
                break;
            case 1:
                copy[at] ^= (uint8_t) (1 << next_random(&random) % 8);
                break;
            case 2:
                copy[at] = edges[next_random(&random) % sizeof edges];
                break;
            case 3:
                changed_size = at + 1;
                break;
            default:
                memcpy(copy + at, data + next_random(&random) % (size - at), size - at > 4 ? 4 : 1);
                break;
            }
        }
        run(copy, changed_size);
    }
    free(copy);
}

static int
run_file(const char *path)
{
    static uint8_t data[INPUT_SIZE_MAX];
    FILE          *file = fopen(path, "rb");
    size_t         size;

    if (!file) {
        perror(path);
        return 1;
    }
    size = fread(data, 1, sizeof data, file);
    fclose(file);
    run(data, size);
    for (size_t i = 0; i < BEGINNINGS_MAX && i < size; i++) {
        run(data, size <= BEGINNINGS_MAX ? i : (size_t) ((uint64_t) i * size / BEGINNINGS_MAX));
    }
    if (size > 0) {
        run_changes(data, size);
    }
    return 0;
}

static int
run_path(const char *path)
{
    struct dirent **entries;
    struct stat     info;
    int             count, failed = 0;

    if (stat(path, &info) != 0) {
        perror(path);
        return 1;
    }
    if (!S_ISDIR(info.st_mode)) {
        return run_file(path);
    }
    count = scandir(path, &entries, NULL, alphasort);
    if (count < 0) {
        perror(path);
        return 1;
    }
    for (int i = 0; i < count; i++) {
        char inner[PATH_SIZE];
        if (entries[i]->d_name[0] != '.') {
            snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name);
            failed |= run_file(inner);
        }
        free(entries[i]);
    }
    free(entries);
    return failed;
}

int
main(int argc, char **argv)
{
    int failed = 0;

    run(NULL, 0);
    for (int i = 1; i < argc; i++) {
        failed |= run_path(argv[i]);
    }
    printf("%u inputs\n", run_count);
    return failed || run_count < 2; /* an empty corpus tests nothing */
}
