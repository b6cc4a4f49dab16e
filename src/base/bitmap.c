#include "base/bitmap.h"

#include "base/bytes.h"

size_t
bitmap_count(const uint8_t *bits, size_t from, size_t count)
{
    size_t total = 0;

    while (count > 0 && (from & 7) != 0) {
        total += bitmap_get(bits, from);
        from++;
        count--;
    }
    for (bits += from / 8; count >= 64; count -= 64, bits += 8) {
        total += (size_t) __builtin_popcountll(load_le64(bits));
    }
    for (size_t i = 0; i < count; i++) {
        total += bitmap_get(bits, i);
    }
    return total;
}
