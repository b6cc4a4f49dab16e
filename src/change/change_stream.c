#include "change/change_stream.h"

#include <inttypes.h>
#include <stdio.h>

void
change_position_format(uint64_t position, char out[CHANGE_POSITION_TEXT_MAX])
{
    snprintf(out, CHANGE_POSITION_TEXT_MAX, "%" PRIX32 "/%" PRIX32, (uint32_t) (position >> 32), (uint32_t) position);
}

static bool
parse_half(const char **at, uint64_t *ret_half)
{
    uint64_t value = 0;
    unsigned digits = 0;
    for (;; (*at)++, digits++) {
        char     c = **at;
        unsigned digit;
        if (c >= '0' && c <= '9')
            digit = (unsigned) (c - '0');
        else if (c >= 'A' && c <= 'F')
            digit = (unsigned) (c - 'A' + 10);
        else if (c >= 'a' && c <= 'f')
            digit = (unsigned) (c - 'a' + 10);
        else
            break;
        if (digits == 8) return false;
        value = value << 4 | digit;
    }
    *ret_half = value;
    return digits > 0;
}

bool
change_position_parse(const char *text, uint64_t *ret_position)
{
    uint64_t high, low;
    if (!parse_half(&text, &high) || *text++ != '/' || !parse_half(&text, &low) || *text) return false;
    *ret_position = high << 32 | low;
    return true;
}
