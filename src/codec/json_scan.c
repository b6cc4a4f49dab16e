#include "codec/json_scan.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/bytes.h"
#include "base/digits.h"
#include "base/text.h"

static bool
fail(jscan *s, const char *failure)
{
    if (!s->failure) s->failure = failure;
    return false;
}

static inline void
skip_blanks(jscan *s)
{
    while (s->at < s->end && *s->at <= ' ' && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t' || *s->at == '\r')) s->at++;
}

/* ---- strings ---- */

static unsigned
hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - (unsigned) '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - (unsigned) 'a' + 10 : 16;
}

/* Four digits at `at`, which are there; 65536 and more: not such digits. */
static unsigned
hex4(const uint8_t *at)
{
    unsigned value = 0, bad = 0;
    for (int i = 0; i < 4; i++) {
        unsigned digit = hex_value(at[i]);
        bad |= digit & 16;
        value = value << 4 | (digit & 15);
    }
    return bad ? 0x10000 : value;
}

/* Behind a backslash. */
static bool
scan_escape(jscan *s)
{
    if (s->at == s->end) return fail(s, "a string without end");
    uint8_t c = *s->at++;
    if (c != 'u') return memchr("\"\\/bfnrt", c, 8) ? true : fail(s, "an unknown escape");
    if (s->end - s->at < 4) return fail(s, "a string without end");
    unsigned unit = hex4(s->at);
    if (unit > 0xFFFF) return fail(s, "an escape that is not of four hexadecimal digits");
    s->at += 4;
    if (unit < 0xD800 || unit > 0xDFFF) return true;
    if (unit > 0xDBFF || s->end - s->at < 6 || s->at[0] != '\\' || s->at[1] != 'u') return fail(s, "half of a surrogate pair");
    unit = hex4(s->at + 2);
    if (unit < 0xDC00 || unit > 0xDFFF) return fail(s, "half of a surrogate pair");
    s->at += 6;
    return true;
}

/* The first byte at or behind `at` that is a quote, a backslash or a control character; `*high` is not 0 where one of those passed is above 127. */
static inline const uint8_t *
skip_plain(const uint8_t *at, const uint8_t *end, uint64_t *high)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
#ifdef __SSE2__
    const __m128i quotes = _mm_set1_epi8('"'), slashes = _mm_set1_epi8('\\'), controls = _mm_set1_epi8(0x1f);
    while (end - at >= 16) {
        __m128i  v = _mm_loadu_si128((const __m128i *) (const void *) at);
        __m128i  marks = _mm_or_si128(_mm_cmpeq_epi8(v, quotes), _mm_cmpeq_epi8(v, slashes));
        unsigned stop = (unsigned) _mm_movemask_epi8(_mm_or_si128(marks, _mm_cmpeq_epi8(_mm_min_epu8(v, controls), v)));
        unsigned top = (unsigned) _mm_movemask_epi8(v);
        if (stop) {
            unsigned count = (unsigned) __builtin_ctz(stop);
            *high |= top & ((1u << count) - 1);
            return at + count;
        }
        *high |= top;
        at += 16;
    }
#endif
    while (end - at >= 8) {
        uint64_t v = load_le64(at);
        uint64_t quote = v ^ (ones * '"'), slash = v ^ (ones * '\\');
        /* Classic zero-byte tests; the lowest byte that is marked is really one, and only that is used. */
        uint64_t stop = (((quote - ones) & ~quote) | ((slash - ones) & ~slash) | ((v - ones * 0x20) & ~v)) & tops;
        if (stop) {
            unsigned count = (unsigned) __builtin_ctzll(stop) / 8;
            *high |= count ? v << (64 - 8 * count) & tops : 0;
            return at + count;
        }
        *high |= v & tops;
        at += 8;
    }
    while (at < end && *at != '"' && *at != '\\' && *at >= 0x20) *high |= *at++ & 0x80;
    return at;
}

/* Behind the opening quote. */
static FIRN_NOINLINE bool
scan_string_whole(jscan *s, jtoken *ret_string)
{
    const uint8_t *start = s->at;
    bool           has_escape = false;
    uint64_t       high = 0;
    for (;;) {
        s->at = skip_plain(s->at, s->end, &high);
        if (FIRN_UNLIKELY(s->at == s->end)) return fail(s, "a string without end");
        uint8_t c = *s->at;
        if (c == '"') break;
        if (c < 0x20) return fail(s, "a control character in a string");
        s->at++;
        has_escape = true;
        if (!scan_escape(s)) return false;
    }
    *ret_string = (jtoken){JTOKEN_STRING, has_escape, firn_slice_of(start, (size_t) (s->at - start))};
    s->at++;
    return !high || text_is_utf8(start, ret_string->text.size) || fail(s, "a string that is not UTF-8");
}

/* Short ones, as most names and many values are, by one comparison of 16 bytes. */
static inline bool
scan_string(jscan *s, jtoken *ret_string)
{
#ifdef __SSE2__
    if (FIRN_LIKELY(s->end - s->at >= 16)) {
        __m128i  v = _mm_loadu_si128((const __m128i *) (const void *) s->at);
        unsigned quotes = (unsigned) _mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
        /* Signed: bytes above 127 are less than a blank, too. */
        __m128i  odd = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\\')), _mm_cmplt_epi8(v, _mm_set1_epi8(0x20)));
        unsigned before = quotes ^ (quotes - 1); /* up to the first quote */
        if (FIRN_LIKELY(quotes && !((unsigned) _mm_movemask_epi8(odd) & before))) {
            unsigned size = (unsigned) __builtin_ctz(quotes);
            *ret_string = (jtoken){JTOKEN_STRING, false, firn_slice_of(s->at, size)};
            s->at += size + 1;
            return true;
        }
    }
#endif
    return scan_string_whole(s, ret_string);
}

firn_status
jtoken_add_string(const jtoken *string, firn_buffer *out, firn_error *err)
{
    const uint8_t *at = string->text.data, *end = at + string->text.size;
    if (string->text.size == 0) return FIRN_OK;
    if (!string->has_escape) return firn_buffer_add(out, at, string->text.size, err);
    FIRN_TRY(firn_buffer_reserve(out, string->text.size, err)); /* never longer than with escapes */
    uint8_t *to = out->data + out->size;
    while (at < end) {
        if (*at != '\\') {
            *to++ = *at++;
            continue;
        }
        uint8_t c = at[1];
        at += 2;
        if (c != 'u') {
            *to++ = c == 'b' ? '\b' : c == 'f' ? '\f' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
            continue;
        }
        uint32_t code = hex4(at);
        at += 4;
        if (code >= 0xD800 && code <= 0xDBFF) {
            code = 0x10000 + ((code - 0xD800) << 10) + (hex4(at + 2) - 0xDC00);
            at += 6;
        }
        if (code < 0x80) {
            *to++ = (uint8_t) code;
        } else if (code < 0x800) {
            *to++ = (uint8_t) (0xC0 | code >> 6);
            *to++ = (uint8_t) (0x80 | (code & 63));
        } else {
            if (code < 0x10000) {
                *to++ = (uint8_t) (0xE0 | code >> 12);
            } else {
                *to++ = (uint8_t) (0xF0 | code >> 18);
                *to++ = (uint8_t) (0x80 | (code >> 12 & 63));
            }
            *to++ = (uint8_t) (0x80 | (code >> 6 & 63));
            *to++ = (uint8_t) (0x80 | (code & 63));
        }
    }
    out->size = (size_t) (to - out->data);
    return FIRN_OK;
}

/* ---- numbers and words ---- */

static inline bool
scan_digits(jscan *s)
{
    const uint8_t *start = s->at;
    s->at = digits_skip(start, s->end);
    return s->at > start || fail(s, "a number without digits");
}

static bool
scan_number(jscan *s, jtoken *ret_value)
{
    const uint8_t *start = s->at;
    if (*s->at == '-') s->at++;
    const uint8_t *first = s->at;
    if (!scan_digits(s)) return false;
    if (*first == '0' && s->at - first > 1) return fail(s, "a number with a zero before its digits");
    if (s->at < s->end && *s->at == '.') {
        s->at++;
        if (!scan_digits(s)) return false;
    }
    if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
        s->at++;
        if (s->at < s->end && (*s->at == '+' || *s->at == '-')) s->at++;
        if (!scan_digits(s)) return false;
    }
    *ret_value = (jtoken){JTOKEN_NUMBER, false, firn_slice_of(start, (size_t) (s->at - start))};
    return true;
}

static bool
scan_word(jscan *s, const char *word, size_t size, jtoken_kind kind, jtoken *ret_value)
{
    if ((size_t) (s->end - s->at) < size || memcmp(s->at, word, size) != 0) return fail(s, "no JSON value");
    *ret_value = (jtoken){kind, false, firn_slice_of(s->at, size)};
    s->at += size;
    return true;
}

static inline bool
scan_scalar(jscan *s, uint8_t first, jtoken *ret_value)
{
    switch (first) {
    case '"':
        s->at++;
        return scan_string(s, ret_value);
    case 'n':
        return scan_word(s, "null", 4, JTOKEN_NULL, ret_value);
    case 't':
        return scan_word(s, "true", 4, JTOKEN_TRUE, ret_value);
    case 'f':
        return scan_word(s, "false", 5, JTOKEN_FALSE, ret_value);
    default:
        if (first == '-' || (first >= '0' && first <= '9')) return scan_number(s, ret_value);
        return fail(s, "no JSON value");
    }
}

/* ---- containers ---- */

/* From an opening bracket to behind the one that closes it; `kinds`: a bit a level, set for an object. */
static bool
skip_container(jscan *s)
{
    uint64_t kinds = 0;
    unsigned depth = 0;
    bool     is_first = false;
    jtoken   ignored;
    do {
        skip_blanks(s);
        if (s->at == s->end) return fail(s, "a document that ends too soon");
        bool in_object = depth && (kinds & 1);
        if (depth && *s->at == (in_object ? '}' : ']')) {
            s->at++;
            depth--;
            kinds >>= 1;
            is_first = false;
            continue;
        }
        if (depth && !is_first) {
            if (*s->at++ != ',') return fail(s, "no comma where one is due");
            skip_blanks(s);
        }
        if (in_object) {
            if (s->at == s->end || *s->at++ != '"') return fail(s, "no name where one is due");
            if (!scan_string(s, &ignored)) return false;
            skip_blanks(s);
            if (s->at == s->end || *s->at++ != ':') return fail(s, "no colon behind a name");
            skip_blanks(s);
        }
        if (s->at == s->end) return fail(s, "a document that ends too soon");
        is_first = *s->at == '{' || *s->at == '[';
        if (is_first) {
            if (s->depth + depth == JSCAN_DEPTH_MAX) return fail(s, "containers too deep within each other");
            kinds = kinds << 1 | (*s->at++ == '{');
            depth++;
        } else if (!scan_scalar(s, *s->at, &ignored)) {
            return false;
        }
    } while (depth);
    return true;
}

bool
jscan_value(jscan *s, jtoken *ret_value)
{
    if (FIRN_UNLIKELY(s->failure != NULL)) return false;
    skip_blanks(s);
    if (s->at == s->end) return fail(s, "a document that ends too soon");
    const uint8_t *start = s->at;
    if (*start != '{' && *start != '[') return scan_scalar(s, *start, ret_value);
    if (!skip_container(s)) return false;
    *ret_value = (jtoken){*start == '{' ? JTOKEN_OBJECT : JTOKEN_ARRAY, false, firn_slice_of(start, (size_t) (s->at - start))};
    return true;
}

jtoken_kind
jscan_peek(jscan *s)
{
    if (s->failure) return JTOKEN_ABSENT;
    skip_blanks(s);
    if (s->at == s->end) return JTOKEN_ABSENT;
    switch (*s->at) {
    case '"':
        return JTOKEN_STRING;
    case '{':
        return JTOKEN_OBJECT;
    case '[':
        return JTOKEN_ARRAY;
    case 'n':
        return JTOKEN_NULL;
    case 't':
        return JTOKEN_TRUE;
    case 'f':
        return JTOKEN_FALSE;
    default:
        return *s->at == '-' || (*s->at >= '0' && *s->at <= '9') ? JTOKEN_NUMBER : JTOKEN_ABSENT;
    }
}

bool
jscan_enter(jscan *s, jtoken_kind container)
{
    if (s->failure) return false;
    skip_blanks(s);
    if (s->at == s->end || *s->at != (container == JTOKEN_OBJECT ? '{' : '[')) return fail(s, "another kind of value than is due");
    if (s->depth == JSCAN_DEPTH_MAX) return fail(s, "containers too deep within each other");
    s->at++;
    s->depth++;
    s->is_first = true;
    return true;
}

/* What both walks share: whether something more is in the container. */
static inline bool
more(jscan *s, uint8_t closing)
{
    if (FIRN_UNLIKELY(s->failure != NULL)) return false;
    skip_blanks(s);
    bool is_first = s->is_first;
    s->is_first = false; /* also of the container around, once this one is left */
    if (s->at == s->end) return fail(s, "a document that ends too soon");
    if (*s->at == closing) {
        s->at++;
        s->depth--;
        return false;
    }
    if (is_first) return true;
    if (*s->at != ',') return fail(s, "no comma where one is due");
    s->at++;
    skip_blanks(s);
    return true;
}

bool
jscan_member(jscan *s, jtoken *ret_name)
{
    if (!more(s, '}')) return false;
    if (s->at == s->end || *s->at != '"') return fail(s, "no name where one is due");
    s->at++;
    if (!scan_string(s, ret_name)) return false;
    skip_blanks(s);
    if (s->at == s->end || *s->at != ':') return fail(s, "no colon behind a name");
    s->at++;
    return true;
}

bool
jscan_element(jscan *s)
{
    return more(s, ']');
}

bool
jscan_end(jscan *s)
{
    if (s->failure) return false;
    skip_blanks(s);
    return s->at == s->end || fail(s, "more text behind the document");
}
