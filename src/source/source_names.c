#include "source/source_names.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "firn_"
#define DIGITS_SIZE 9 /* "_" and 8 digits */

/* FNV-1a, 32 bits: the name must stay the same in every version of firn. */
static uint32_t
stable_hash(const char *text)
{
    uint32_t hash = 2166136261u;

    for (; *text; text++) {
        hash = (uint32_t) ((hash ^ (uint64_t) (unsigned char) *text) * 16777619u);
    }
    return hash;
}

void
source_slot_name(const char *source, char out[SOURCE_NAME_SIZE])
{
    size_t at = sizeof PREFIX - 1;
    bool   changed = false;

    memcpy(out, PREFIX, at);
    for (const char *p = source; *p; p++) {
        char c = *p;
        if (at == SOURCE_NAME_SIZE - 1) {
            changed = true;
            break;
        }
        if (c >= 'A' && c <= 'Z') {
            c = (char) (c - 'A' + 'a');
        } else if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) {
            c = '_';
            changed = true;
        }
        out[at++] = c;
    }
    out[at] = '\0';
    if (!changed) return;
    if (at + DIGITS_SIZE >= SOURCE_NAME_SIZE) at = SOURCE_NAME_SIZE - 1 - DIGITS_SIZE;
    snprintf(out + at, SOURCE_NAME_SIZE - at, "_%08x", (unsigned) stable_hash(source));
}

void
source_publication_name(const char *source, char out[SOURCE_NAME_SIZE])
{
    source_slot_name(source, out);
}
