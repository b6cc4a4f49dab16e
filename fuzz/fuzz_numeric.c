/* postgres/postgres_numeric.h: the ways to a decimal agree, and with the text of the number. */
#include "postgres/postgres_numeric.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The text at this scale, where it has no more digits than that, reads back as the decimal. */
static void
check_text(firn_slice bytes, unsigned scale, int128 value)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    int128 back;

    firn_buffer_init(&text, 1 << 20);
    if (!numeric_format(bytes, &text)) abort();
    /* The text shows as many digits as the display scale says, which may be fewer than there are. */
    if (load_be16(bytes.data + 6) < scale) return;
    if (decimal_parse(firn_buffer_slice(&text), (int) scale, &back) && back != value) abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    unsigned   precision = 1u + data[0] % (unsigned) DECIMAL_PRECISION_MAX, scale = data[1] % (precision + 1);
    firn_slice bytes = firn_slice_of(data + 2, size - 2);
    int128     value = 0, wide = 0;
    int64_t    fast;
    double     number;

    numeric_outcome outcome = numeric_to_decimal(bytes, precision, scale, &value);
    if (outcome != NUMERIC_CORRUPT && outcome != NUMERIC_NAN && !decimal_fits(value, precision)) abort();
    if (outcome == NUMERIC_EXACT) check_text(bytes, scale, value);
    if (scale <= 18 && numeric_to_i64_fast(bytes.data, bytes.size, scale, &fast)) {
        numeric_outcome exact = numeric_to_decimal(bytes, DECIMAL_PRECISION_MAX, scale, &wide);
        /* The fast way does not look at the display scale. */
        if (exact != NUMERIC_CORRUPT && (exact != NUMERIC_EXACT || wide != (int128) fast)) abort();
    }
    (void) numeric_to_double(bytes, &number);
    return 0;
}
