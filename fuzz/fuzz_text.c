/* base/text.h: what is parsed from options and configuration, LIKE patterns, UTF-8. */
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_integers(firn_slice text)
{
    char     again[32];
    int64_t  i64, i64_again;
    uint64_t u64;

    if (text_parse_i64(text, &i64)) {
        snprintf(again, sizeof again, "%lld", (long long) i64);
        if (!text_parse_i64(firn_slice_text(again), &i64_again) || i64_again != i64) {
            abort();
        }
    }
    /* What is a size without unit is a number, and the same one. */
    if (text_parse_u64(text, &u64)) {
        uint64_t bytes;
        if (!text_parse_size(text, &bytes) || bytes != u64 || text_parse_duration(text, &bytes)) {
            abort();
        }
    }
}

static void
check_texts(const char *text, const char *pattern)
{
    static const char *const names[] = {"parallel_tables", "batch_size", "follow", "x"};
    const char              *nearest = text_nearest(text, names, FIRN_COUNT(names));

    if (!text_like(text, "%") || (text_like(text, pattern) && text_like(pattern, "") && text[0] != '\0')) {
        abort();
    }
    if (nearest && text_equal_nocase(text, "follow") && nearest != names[2]) {
        abort();
    }
}

static void
check_utf8(firn_slice text)
{
    bool   valid = text_is_utf8(text.data, text.size);
    size_t size;

    if (!valid) return;
    /* A prefix of whole characters is UTF-8 itself, and so is the rest. */
    size = text_utf8_prefix(text.data, text.size, text.size / 2);
    if (size > text.size || !text_is_utf8(text.data, size) || !text_is_utf8(text.data + size, text.size - size)) {
        abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char       text[256], pattern[256];
    size_t     half = size / 2 < 255 ? size / 2 : 255, rest = size - half < 255 ? size - half : 255;
    firn_slice all = firn_slice_of(data, size);
    uint64_t   value;
    bool       flag;

    if (size == 0) return 0;
    check_integers(all);
    check_utf8(all);
    (void) !text_parse_duration(all, &value);
    (void) !text_parse_bool(all, &flag);
    memcpy(text, data, half);
    text[half] = '\0';
    memcpy(pattern, data + half, rest);
    pattern[rest] = '\0';
    check_texts(text, pattern);
    return 0;
}
