/* iceberg/puffin_reader.h: whole Puffin files' footers, or bare payloads; no blob outside of its file comes out. */
#include "iceberg/puffin_reader.h"

#include <stdlib.h>

#include "base/bytes.h"

#define MEMORY_MAX ((size_t) 64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena;
    const puffin_blob *blobs;
    size_t             count;
    firn_error         err = {0};
    firn_slice         json = firn_slice_of(data, size);
    uint64_t           footer_offset = 1000;
    FIRN_AUTO(firn_buffer_done) firn_buffer room = {0};

    firn_arena_init(&arena, MEMORY_MAX);
    if (size > 2 * PUFFIN_MAGIC_SIZE + PUFFIN_TAIL_SIZE &&
        load_le32(data + size - PUFFIN_TAIL_SIZE) <= size - 2 * PUFFIN_MAGIC_SIZE - PUFFIN_TAIL_SIZE) {
        json.size = load_le32(data + size - PUFFIN_TAIL_SIZE);
        json.data = data + size - PUFFIN_TAIL_SIZE - json.size;
        footer_offset = size - PUFFIN_TAIL_SIZE - json.size - PUFFIN_MAGIC_SIZE;
        if (puffin_payload_unpack(json, load_le32(data + size - PUFFIN_TAIL_SIZE + 4), &room, &json, &err)) return 0;
    }
    if (puffin_payload_parse(json, footer_offset, &arena, &blobs, &count, &err)) return 0;
    for (size_t i = 0; i < count; i++) {
        if (blobs[i].offset < 0 || blobs[i].size_bytes < 0) abort();
        if ((uint64_t) blobs[i].offset + (uint64_t) blobs[i].size_bytes > footer_offset) abort();
        if (!blobs[i].type) abort();
    }
    return 0;
}
