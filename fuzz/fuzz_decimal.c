/* base/decimal.h: the first byte is the scale, the rest a text and big-endian bytes. */
#include "base/decimal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_bytes(int128 value)
{
    uint8_t  bytes[16];
    unsigned size = decimal_size_min(value);

    decimal_store_be(value, bytes, size);
    if (decimal_load_be(bytes, size) != value) {
        abort();
    }
}

static void
check_text(int128 value, int scale)
{
    char   text[DECIMAL_TEXT_MAX + 64];
    size_t size = decimal_format(value, scale, text);
    int128 back;

    if (size >= sizeof text || text[size] != '\0') {
        abort();
    }
    if (decimal_fits(value, DECIMAL_PRECISION_MAX) &&
        (!decimal_parse(firn_slice_of(text, size), scale, &back) || back != value)) {
        abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int    scale;
    int128 value;

    if (size < 2) return 0;
    scale = (int) data[0] % 140 - 60; /* -60 … 79 */
    if (decimal_parse(firn_slice_of(data + 1, size - 1), scale, &value)) {
        if (!decimal_fits(value, DECIMAL_PRECISION_MAX)) {
            abort();
        }
        check_text(value, scale);
        check_bytes(value);
    }
    value = decimal_load_be(data + 1, size - 1 < 16 ? size - 1 : 16);
    check_bytes(value);
    check_text(value, scale);
    return 0;
}
