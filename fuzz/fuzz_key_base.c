/* index/key_base.h: with checksums made right, so that changed headers and directories come through; every key that lies in
 * a file that was taken is looked up. */
#include "index/key_base.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "index/index_checksum.h"

enum { HEADER_BYTES = 4096, HEADER_USED = 88 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer bytes = {0};
    firn_error err = {0};
    key_base   base;

    firn_buffer_init(&bytes, (size_t) 64 << 20);
    if (firn_buffer_add(&bytes, data, size, &err)) return 0;
    if (size >= HEADER_BYTES) {
        store_le64(bytes.data + 64, index_checksum(0, bytes.data + HEADER_BYTES, size - HEADER_BYTES));
        store_le64(bytes.data + HEADER_USED - 8, firn_hash_bytes(bytes.data, HEADER_USED - 8));
    }
    if (!key_base_parse(firn_buffer_slice(&bytes), false, &base)) return 0;
    for (uint64_t i = 0; i < base.count; i++) {
        key_hash key = key_base_key(&base, i);

        (void) key_base_find(&base, key);
        key.high ^= 1;
        (void) key_base_find(&base, key);
        (void) key_base_guess_at(&base, key);
    }
    return 0;
}
