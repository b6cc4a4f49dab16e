/* iceberg/data_file_json.h: what can be read is written again, and reads as the same. */
#include "iceberg/data_file_json.h"

#include <stdlib.h>
#include <string.h>

#define MEMORY_MAX ((size_t) 64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static firn_status
read_file(firn_slice text, firn_arena *arena, data_file *ret_file)
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;
    firn_error err = {0};

    FIRN_TRY(jdoc_parse(text, "a result", &doc, &err));
    return data_file_of_json(doc, jdoc_root(doc), arena, ret_file, &err);
}

static void
write_file(const data_file *file, firn_buffer *out)
{
    firn_error err = {0};
    jwriter    w;

    jwrite_begin(&w, out, false, &err);
    data_file_to_json(file, &w);
    if (jwrite_end(&w)) abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena;
    FIRN_AUTO(firn_buffer_done) firn_buffer first, second;
    data_file file, again;

    firn_arena_init(&arena, MEMORY_MAX);
    firn_buffer_init(&first, MEMORY_MAX);
    firn_buffer_init(&second, MEMORY_MAX);
    if (read_file(firn_slice_of(data, size), &arena, &file)) return 0;
    write_file(&file, &first);
    if (read_file(firn_buffer_slice(&first), &arena, &again)) abort();
    write_file(&again, &second);
    if (!firn_slice_equal(firn_buffer_slice(&first), firn_buffer_slice(&second))) abort();
    return 0;
}
