/* iceberg/deletion_vector.h: what is read is written again, and read again as the same. The checksum is made right first,
 * so that changed inputs reach the bitmaps. */
#include "iceberg/deletion_vector.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "codec/checksum.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FIRN_AUTO(roaring64_freep) roaring64 *set = NULL;
    FIRN_AUTO(roaring64_freep) roaring64 *again = NULL;
    FIRN_AUTO(firn_buffer_done) firn_buffer blob = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer written = {0};
    firn_error err = {0};
    uint64_t   last = 0;

    firn_buffer_init(&blob, (size_t) 64 << 20);
    firn_buffer_init(&written, (size_t) 64 << 20);
    if (firn_buffer_add(&blob, data, size, &err)) return 0;
    if (size >= 8) {
        store_be32(blob.data, (uint32_t) (size - 8));
        store_be32(blob.data + size - 4, checksum_crc32(firn_slice_of(blob.data + 4, size - 8)));
    }
    if (deletion_vector_decode(firn_buffer_slice(&blob), &set, &err)) return 0;
    if (roaring64_max(set, &last) && !roaring64_contains(set, last)) abort();
    if (roaring64_count_range(set, 0, UINT64_MAX) != roaring64_count(set)) abort();
    if (deletion_vector_encode(set, &written, &err)) abort();
    if (deletion_vector_decode(firn_buffer_slice(&written), &again, &err)) abort();
    if (!roaring64_equal(set, again)) abort();
    return 0;
}
