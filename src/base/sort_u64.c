#include "base/sort_u64.h"

#include <assert.h>
#include <string.h>

#define DIGIT_BITS 11u
#define DIGIT_COUNT (1u << DIGIT_BITS)

void
sort_u64(uint64_t numbers[], uint64_t scratch[], size_t count)
{
    uint64_t *from = numbers, *to = scratch, differing = 0;

    assert(count <= UINT32_MAX);
    for (size_t i = 1; i < count; i++) differing |= numbers[i] ^ numbers[0];
    for (unsigned shift = 0; shift < 64 && differing >> shift; shift += DIGIT_BITS) {
        uint32_t starts[DIGIT_COUNT] = {0}, start = 0;

        if (!(differing >> shift & (DIGIT_COUNT - 1))) continue; /* the same in all */
        for (size_t i = 0; i < count; i++) starts[from[i] >> shift & (DIGIT_COUNT - 1)]++;
        for (unsigned d = 0; d < DIGIT_COUNT; d++) {
            uint32_t of_digit = starts[d];
            starts[d] = start;
            start += of_digit;
        }
        for (size_t i = 0; i < count; i++) to[starts[from[i] >> shift & (DIGIT_COUNT - 1)]++] = from[i];
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != numbers) memcpy(numbers, from, count * sizeof *numbers);
}
