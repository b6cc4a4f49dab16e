#include "base/text.h"

#include <stdio.h>

#include "base/digits.h"

static int
lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

bool
text_parse_u64(firn_slice text, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (text.size == 0) return false;
    if (text.size <= 19) return digits_parse(text.data, text.size, ret_value);
    for (size_t i = 0; i < text.size; i++) {
        if (!digit_is(text.data[i]) || __builtin_mul_overflow(value, UINT64_C(10), &value) ||
            __builtin_add_overflow(value, (uint64_t) (text.data[i] - '0'), &value)) {
            return false;
        }
    }
    *ret_value = value;
    return true;
}

bool
text_parse_i64(firn_slice text, int64_t *ret_value)
{
    bool     negative = text.size > 0 && text.data[0] == '-';
    bool     has_sign = negative || (text.size > 0 && text.data[0] == '+');
    uint64_t size;

    if (has_sign) {
        text = firn_slice_of(text.data + 1, text.size - 1);
    }
    if (!text_parse_u64(text, &size) || size > (uint64_t) INT64_MAX + (negative ? 1 : 0)) return false;
    *ret_value = negative ? (int64_t) (UINT64_C(0) - size) : (int64_t) size;
    return true;
}

static bool
slice_is(firn_slice text, const char *word)
{
    size_t i = 0;

    while (i < text.size && word[i] != '\0' && lower(text.data[i]) == lower((unsigned char) word[i])) {
        i++;
    }
    return i == text.size && word[i] == '\0';
}

bool
text_parse_hash(const char *text, uint64_t *ret_value)
{
    static const char digits[] = "0123456789abcdef";

    *ret_value = 0;
    if (!text || strlen(text) != 16) return false;
    for (; *text; text++) {
        const char *digit = strchr(digits, *text);
        if (!digit) return false;
        *ret_value = *ret_value << 4 | (uint64_t) (digit - digits);
    }
    return true;
}

bool
text_parse_bool(firn_slice text, bool *ret_value)
{
    static const char *const yes[] = {"true", "yes", "on", "1"};
    static const char *const no[] = {"false", "no", "off", "0"};

    for (size_t i = 0; i < FIRN_COUNT(yes); i++) {
        bool is_yes = slice_is(text, yes[i]);
        if (is_yes || slice_is(text, no[i])) {
            *ret_value = is_yes;
            return true;
        }
    }
    return false;
}

typedef struct text_unit {
    const char *name;
    uint64_t    factor;
} text_unit;

/* <digits>[.<digits>]<unit>; the product must be whole: "1.5G" is fine, "0.3K" is not. */
static bool
parse_with_unit(firn_slice text, const text_unit units[], size_t unit_count, uint64_t *ret_value)
{
    size_t   digits = 0, fraction = 0;
    uint64_t whole, part = 0, scale = 1, total;

    while (digits < text.size && digit_is(text.data[digits])) {
        digits++;
    }
    if (!text_parse_u64(firn_slice_of(text.data, digits), &whole)) return false;
    text = firn_slice_of(text.data + digits, text.size - digits);
    if (text.size > 0 && text.data[0] == '.') {
        for (fraction = 1; fraction < text.size && digit_is(text.data[fraction]); fraction++) {
            if (fraction > 9) return false;
            part = part * 10 + (uint64_t) (text.data[fraction] - '0');
            scale *= 10;
        }
        if (fraction == 1) return false;
        text = firn_slice_of(text.data + fraction, text.size - fraction);
    }
    for (size_t i = 0; i < unit_count; i++) {
        uint64_t scaled_part;
        if (!slice_is(text, units[i].name)) continue;
        if (__builtin_mul_overflow(whole, units[i].factor, &total) ||
            __builtin_mul_overflow(part, units[i].factor, &scaled_part) || scaled_part % scale != 0 ||
            __builtin_add_overflow(total, scaled_part / scale, &total)) {
            return false;
        }
        *ret_value = total;
        return true;
    }
    return false;
}

#define KIB UINT64_C(1024)
#define KB UINT64_C(1000)

bool
text_parse_size(firn_slice text, uint64_t *ret_bytes)
{
    static const text_unit units[] = {
        {"", 1},
        {"B", 1},
        {"K", KIB},
        {"KiB", KIB},
        {"KB", KB},
        {"M", KIB * KIB},
        {"MiB", KIB * KIB},
        {"MB", KB * KB},
        {"G", KIB * KIB * KIB},
        {"GiB", KIB * KIB * KIB},
        {"GB", KB * KB * KB},
        {"T", KIB * KIB * KIB * KIB},
        {"TiB", KIB * KIB * KIB * KIB},
        {"TB", KB * KB * KB * KB},
    };
    return parse_with_unit(text, units, FIRN_COUNT(units), ret_bytes);
}

bool
text_parse_duration(firn_slice text, uint64_t *ret_ms)
{
    static const text_unit units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000},
    };
    return parse_with_unit(text, units, FIRN_COUNT(units), ret_ms);
}

enum { NEAREST_SIZE_MAX = 64 };

/* Levenshtein with swaps of neighbours as one edit; both texts at most NEAREST_SIZE_MAX. */
static size_t
edit_distance(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t rows[3][NEAREST_SIZE_MAX + 1];

    for (size_t j = 0; j <= b_size; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_size; i++) {
        size_t       *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            int    ca = lower((unsigned char) a[i - 1]), cb = lower((unsigned char) b[j - 1]);
            size_t best = above[j - 1] + (ca != cb);
            if (above[j] + 1 < best) best = above[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            if (i > 1 && j > 1 && ca == lower((unsigned char) b[j - 2]) && cb == lower((unsigned char) a[i - 2]) &&
                two_above[j - 2] + 1 < best) {
                best = two_above[j - 2] + 1;
            }
            row[j] = best;
        }
    }
    return rows[a_size % 3][b_size];
}

const char *
text_nearest(const char *name, const char *const candidates[], size_t candidate_count)
{
    size_t      size = strlen(name);
    const char *nearest = NULL;
    size_t      best = 0;

    if (size == 0 || size > NEAREST_SIZE_MAX) return NULL;
    for (size_t i = 0; i < candidate_count; i++) {
        size_t candidate_size = strlen(candidates[i]);
        size_t longer = size > candidate_size ? size : candidate_size;
        size_t distance;
        if (candidate_size > NEAREST_SIZE_MAX) continue;
        distance = edit_distance(name, size, candidates[i], candidate_size);
        if (distance <= longer / 3 && (!nearest || distance < best)) {
            nearest = candidates[i];
            best = distance;
        }
    }
    return nearest;
}

static size_t
utf8_step(const char *text)
{
    size_t size = 1;

    while (((unsigned char) text[size] & 0xC0) == 0x80) {
        size++;
    }
    return size;
}

/* Greedy with one point of return: a later % makes the earlier one's choice irrelevant, so the
 * time is bounded by text size times pattern size. */
bool
text_like(const char *text, const char *pattern)
{
    const char *again_text = NULL, *again_pattern = NULL;

    for (;;) {
        if (*pattern == '%') {
            again_pattern = ++pattern;
            again_text = text;
            continue;
        }
        if (*text == '\0' && *pattern == '\0') return true;
        if (*text != '\0') {
            const char *literal = pattern[0] == '\\' && pattern[1] != '\0' ? pattern + 1 : pattern;
            if (literal == pattern && *pattern == '_') {
                text += utf8_step(text);
                pattern++;
                continue;
            }
            if (*literal == *text) {
                text++;
                pattern = literal + 1;
                continue;
            }
        }
        if (!again_pattern || *again_text == '\0') return false;
        again_text += utf8_step(again_text);
        text = again_text;
        pattern = again_pattern;
    }
}

bool
text_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool
text_ends_with(const char *text, const char *suffix)
{
    size_t text_size = strlen(text), suffix_size = strlen(suffix);
    return suffix_size <= text_size && memcmp(text + text_size - suffix_size, suffix, suffix_size) == 0;
}

bool
text_equal_nocase(const char *a, const char *b)
{
    return slice_is(firn_slice_text(a), b);
}

/* Size of the well-formed character at the start, 0 where there is none. RFC 3629, section 4. */
static size_t
utf8_character_size(const uint8_t *p, size_t size)
{
    uint8_t low = 0x80, high = 0xBF;
    size_t  need;

    if (p[0] < 0x80) return 1;
    if (p[0] < 0xC2 || p[0] > 0xF4) return 0;
    need = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    if (size < need) return 0;
    switch (p[0]) {
    case 0xE0:
        low = 0xA0;
        break; /* shorter forms exist below */
    case 0xED:
        high = 0x9F;
        break; /* surrogates above */
    case 0xF0:
        low = 0x90;
        break;
    case 0xF4:
        high = 0x8F;
        break; /* U+10FFFF is the last */
    default:
        break;
    }
    if (p[1] < low || p[1] > high) return 0;
    for (size_t i = 2; i < need; i++) {
        if ((p[i] & 0xC0) != 0x80) return 0;
    }
    return need;
}

bool
text_is_utf8(const uint8_t *bytes, size_t size)
{
    size_t at = 0;

    while (at < size) {
        uint64_t word;
        size_t   step;
        if (size - at >= sizeof word) {
            memcpy(&word, bytes + at, sizeof word);
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                at += sizeof word;
                continue;
            }
        }
        step = utf8_character_size(bytes + at, size - at);
        if (step == 0) return false;
        at += step;
    }
    return true;
}

size_t
text_utf8_prefix(const uint8_t *bytes, size_t size, size_t count)
{
    size_t at = 0;

    for (; at < size; at++) {
        if ((bytes[at] & 0xC0) == 0x80) continue;
        if (count-- == 0) break;
    }
    return at;
}

firn_status
text_add_grouped(firn_buffer *out, uint64_t value, firn_error *err)
{
    char   text[32];
    size_t at = sizeof text;

    for (unsigned digits = 0; value > 0 || digits == 0; digits++) {
        if (digits > 0 && digits % 3 == 0) {
            text[--at] = ',';
        }
        text[--at] = (char) ('0' + value % 10);
        value /= 10;
    }
    return firn_buffer_add(out, text + at, sizeof text - at, err);
}

void
text_format_bytes(uint64_t bytes, char out[32])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    unsigned                 unit = 0;
    uint64_t                 factor = 1;

    while (unit + 1 < FIRN_COUNT(units) && bytes / factor >= 1000) {
        factor *= 1000;
        unit++;
    }
    if (unit == 0) {
        snprintf(out, 32, "%u B", (unsigned) bytes);
        return;
    }
    if (bytes / factor >= 100) {
        snprintf(out, 32, "%u %s", (unsigned) (bytes / factor), units[unit]);
    } else {
        snprintf(out, 32, "%u.%u %s", (unsigned) (bytes / factor), (unsigned) (bytes % factor / (factor / 10)),
                 units[unit]);
    }
}

void
text_format_duration(uint64_t ms, char out[32])
{
    uint64_t seconds = ms / 1000;

    if (ms < 1000) {
        snprintf(out, 32, "%ums", (unsigned) ms);
    } else if (seconds < 60) {
        snprintf(out, 32, "%u.%us", (unsigned) seconds, (unsigned) (ms % 1000 / 100));
    } else if (seconds < 3600) {
        snprintf(out, 32, "%um%02us", (unsigned) (seconds / 60), (unsigned) (seconds % 60));
    } else {
        snprintf(out, 32, "%lluh%02um", (unsigned long long) (seconds / 3600), (unsigned) (seconds / 60 % 60));
    }
}

firn_status
text_add_percent_encoded(firn_buffer *out, firn_slice text, const char *keep, firn_error *err)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        bool    plain = (lower(c) >= 'a' && lower(c) <= 'z') || digit_is(c) || c == '_' || c == '.' || c == '-' ||
                     (c != 0 && keep && strchr(keep, c));
        if (plain) {
            FIRN_TRY(firn_buffer_add_byte(out, c, err));
        } else {
            const char escape[3] = {'%', hex[c >> 4], hex[c & 15]};
            FIRN_TRY(firn_buffer_add(out, escape, sizeof escape, err));
        }
    }
    return FIRN_OK;
}
