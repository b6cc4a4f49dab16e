/* iceberg/position_delete.h: what is read of a delete file, written again in order, is read as the same. */
#include "iceberg/position_delete.h"

#include <stdlib.h>

#include "parquet/file_reader.h"

#define MEMORY_MAX ((size_t) 16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static firn_status
read_bytes(void *state, uint64_t offset, size_t size, firn_buffer *out, firn_error *err)
{
    const firn_slice *file = state;

    if (offset > file->size || size > file->size - offset) abort();
    return firn_buffer_add(out, file->data + offset, size, err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FIRN_AUTO(position_delete_set_freep) position_delete_set *set = position_delete_set_new(MEMORY_MAX);
    firn_slice     bytes = firn_slice_of(data, size);
    parquet_source source = {"fuzz", size, read_bytes, &bytes};
    firn_error     err = {0};
    uint64_t       last;

    if (position_delete_set_parse(set, &source, NULL, &err)) return 0;
    for (size_t i = 0; i < position_delete_set_count(set); i++) {
        static char      path[40000];
        firn_slice       name = position_delete_set_path(set, i);
        const roaring64 *rows;

        if (name.size >= sizeof path) abort();
        if (memchr(name.data, 0, name.size)) continue; // cannot be asked for
        memcpy(path, name.data, name.size);
        path[name.size] = '\0';
        rows = position_delete_set_get(set, path);
        if (!rows || !roaring64_max(rows, &last) || last > ROARING64_POSITION_MAX) abort();
    }
    return 0;
}
