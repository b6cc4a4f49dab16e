/* cli/config_file.h and cli/dotenv.h: any text gives a checked configuration or a status. No reference is expanded: a
 * fuzzer must not run commands. */
#include "cli/config_file.h"

#include "cli/dotenv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile size_t sum;

static void
touch(const yaml_node *node)
{
    sum = sum + (node->text ? strlen(node->text) : 0);
    for (unsigned i = 0; i < node->count; i++) {
        touch(node->members[i].value);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    FIRN_AUTO(dotenv_done) dotenv         env = {0};
    firn_error                            err = {0};

    firn_arena_init(&arena, (size_t) 64 << 20);
    for (config_kind kind = 0; kind < CONFIG_KIND_COUNT; kind++) {
        config_file file = {0};
        firn_error_reset(&err);
        if (config_file_parse(kind, firn_slice_of(data, size), "x.yaml", &arena, &file, &err) == FIRN_OK)
            touch(file.root);
    }
    firn_error_reset(&err);
    if (dotenv_parse(firn_slice_of(data, size), ".env", &arena, &env, &err) == FIRN_OK)
        sum = sum + firn_map_count(env.values);
    return 0;
}
