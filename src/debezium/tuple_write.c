#include "debezium/tuple_write.h"

#include <stdio.h>

#include "base/bytes.h"
#include "debezium/placeholder_uuid.h"

#define PLACEHOLDER_DEFAULT "__debezium_unavailable_value"

/* ---- unavailable values ---- */

typedef struct forms_text {
    unavailable_forms *forms;
    size_t             used, start;
} forms_text;

static void
add(forms_text *t, const char *text)
{
    size_t size = strlen(text);
    if (t->used + size > sizeof t->forms->memory) return;
    memcpy(t->forms->memory + t->used, text, size);
    t->used += size;
}

static void
end_form(forms_text *t)
{
    unavailable_forms *forms = t->forms;
    size_t             size = t->used - t->start;
    assert(forms->count < UNAVAILABLE_FORMS_MAX);
    forms->texts[forms->count++] = firn_slice_of(forms->memory + t->start, size);
    if (size < 512) forms->sizes[size / 64] |= UINT64_C(1) << (size % 64);
    t->start = t->used;
}

static void
add_base64(forms_text *t, const char *text, const char *alphabet)
{
    size_t size = strlen(text);
    for (size_t i = 0; i < size; i += 3) {
        size_t   left = size - i;
        uint32_t bits = (uint32_t) (uint8_t) text[i] << 16;
        if (left > 1) bits |= (uint32_t) (uint8_t) text[i + 1] << 8;
        if (left > 2) bits |= (uint8_t) text[i + 2];
        char four[5] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63], left > 1 ? alphabet[bits >> 6 & 63] : '=',
                        left > 2 ? alphabet[bits & 63] : '=', 0};
        add(t, four);
    }
}

static void
add_hex(forms_text *t, const char *text)
{
    for (; *text; text++) {
        char two[3];
        snprintf(two, sizeof two, "%02x", (unsigned) (uint8_t) *text);
        add(t, two);
    }
}

firn_status
unavailable_forms_init(unavailable_forms *forms, const char *placeholder, firn_error *err)
{
    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char base64_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const char       *p = placeholder ? placeholder : PLACEHOLDER_DEFAULT;
    forms_text        t = {.forms = forms};
    char              uuid[UUID_TEXT_SIZE];
    *forms = (unavailable_forms){0};
    if (strlen(p) > PLACEHOLDER_SIZE_MAX || strpbrk(p, "\"\\"))
        return firn_fail(err, FIRN_E_CONFIG_VALUE, "the placeholder of unavailable values '%.40s' is too long, or has quotes", p);
    add(&t, "\""), add(&t, p), add(&t, "\""), end_form(&t);
    add(&t, "\""), add_base64(&t, p, base64), add(&t, "\""), end_form(&t);
    add(&t, "\""), add_base64(&t, p, base64_url), add(&t, "\""), end_form(&t);
    add(&t, "\""), add_hex(&t, p), add(&t, "\""), end_form(&t);
    add(&t, "[\""), add(&t, p), add(&t, "\"]"), end_form(&t);
    add(&t, "[\""), add_base64(&t, p, base64), add(&t, "\"]"), end_form(&t);
    add(&t, "["); /* arrays of integers: a number per byte */
    for (const char *c = p; *c; c++) {
        char number[8];
        snprintf(number, sizeof number, "%s%d", c == p ? "" : ",", *c);
        add(&t, number);
    }
    add(&t, "]"), end_form(&t);
    add(&t, "{\""), add(&t, p), add(&t, "\":\""), add(&t, p), add(&t, "\"}"), end_form(&t);
    add(&t, "\"{\\\""), add(&t, p), add(&t, "\\\":\\\""), add(&t, p), add(&t, "\\\"}\""), end_form(&t);
    placeholder_uuid(firn_slice_text(p), uuid);
    add(&t, "[\""), add(&t, uuid), add(&t, "\"]"), end_form(&t);
    return FIRN_OK;
}

static bool
is_unavailable(const unavailable_forms *forms, firn_slice token)
{
    if (token.size < 512 && !(forms->sizes[token.size / 64] >> (token.size % 64) & 1)) return false;
    for (unsigned i = 0; i < forms->count; i++)
        if (firn_slice_equal(token, forms->texts[i])) return true;
    return false;
}

/* ---- spelling of keys ---- */

/* One code unit of an escape's four digits, which were checked. */
static unsigned
unit_of(const uint8_t *at)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        unsigned c = at[i];
        value = value << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

static uint8_t *
put_utf8(uint8_t *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (uint8_t) code;
    } else if (code < 0x800) {
        *to++ = (uint8_t) (0xC0 | code >> 6);
        *to++ = (uint8_t) (0x80 | (code & 63));
    } else if (code < 0x10000) {
        *to++ = (uint8_t) (0xE0 | code >> 12);
        *to++ = (uint8_t) (0x80 | (code >> 6 & 63));
        *to++ = (uint8_t) (0x80 | (code & 63));
    } else {
        *to++ = (uint8_t) (0xF0 | code >> 18);
        *to++ = (uint8_t) (0x80 | (code >> 12 & 63));
        *to++ = (uint8_t) (0x80 | (code >> 6 & 63));
        *to++ = (uint8_t) (0x80 | (code & 63));
    }
    return to;
}

/* A control character, a quote or a backslash in its shortest spelling, which no other spelling is shorter than. */
static uint8_t *
put_escaped(uint8_t *to, uint8_t c)
{
    static const char shorts[] = "btn\0fr"; /* 8 to 13, without 11 */
    static const char hex[] = "0123456789abcdef";
    *to++ = '\\';
    if (c == '"' || c == '\\') {
        *to++ = c;
    } else if (c >= 8 && c <= 13 && c != 11) {
        *to++ = (uint8_t) shorts[c - 8];
    } else {
        memcpy(to, "u00", 3);
        to[3] = (uint8_t) hex[c >> 4];
        to[4] = (uint8_t) hex[c & 15];
        to += 5;
    }
    return to;
}

/* The string between the quotes, spelled in the one way that keys have; never longer than it is. */
static uint8_t *
put_canonical(uint8_t *to, firn_slice text)
{
    const uint8_t *at = text.data, *end = at + text.size;
    while (at < end) {
        if (*at != '\\') {
            *to++ = *at++;
            continue;
        }
        uint8_t c = at[1];
        at += 2;
        if (c == 'b' || c == 'f' || c == 'n' || c == 'r' || c == 't') {
            *to++ = '\\';
            *to++ = c;
        } else if (c == '"' || c == '\\') {
            to = put_escaped(to, c);
        } else if (c == '/') {
            *to++ = c;
        } else {
            uint32_t code = unit_of(at);
            at += 4;
            if (code >= 0xD800 && code <= 0xDBFF) {
                code = 0x10000 + ((code - 0xD800) << 10) + (unit_of(at + 2) - 0xDC00);
                at += 6;
            }
            to = code < 0x20 || code == '"' || code == '\\' ? put_escaped(to, (uint8_t) code) : put_utf8(to, code);
        }
    }
    return to;
}

/* ---- values ---- */

static inline uint8_t *
put_value(const tuple_writing *w, uint8_t *at, const jtoken *value, bool is_key, bool *has_unchanged)
{
    if (value->kind == JTOKEN_NULL) {
        *at++ = TUPLE_NULL;
        return at;
    }
    firn_slice whole = value->text;
    if (value->kind == JTOKEN_STRING) whole = firn_slice_of(whole.data - 1, whole.size + 2);
    if (w->unavailable && FIRN_UNLIKELY(is_unavailable(w->unavailable, whole))) {
        *has_unchanged = true;
        *at++ = TUPLE_UNCHANGED;
        return at;
    }
    uint8_t *start = at;
    *at++ = TUPLE_TEXT;
    at += 4;
    if (FIRN_UNLIKELY(is_key && value->has_escape)) {
        *at++ = '"';
        at = put_canonical(at, value->text);
        *at++ = '"';
    } else {
        memcpy(at, whole.data, whole.size);
        at += whole.size;
    }
    store_be32(start + 1, (uint32_t) (at - start - 5));
    return at;
}

static inline bool
is_member(const dbz_relation *relation, unsigned column, const jtoken *name)
{
    return column < relation->base.column_count && firn_slice_equal(relation->columns[column].member, name->text);
}

tuple_fit
tuple_write(const tuple_writing *w, firn_slice row, uint8_t **at, change_tuple *ret_tuple)
{
    const dbz_relation *relation = w->relation;
    jscan               s = jscan_of(row);
    jtoken              name, value;
    unsigned            column = 0;
    uint8_t            *to = *at;
    bool                has_unchanged = false;
    if (!jscan_enter(&s, JTOKEN_OBJECT)) return TUPLE_BROKEN;
    while (jscan_member(&s, &name)) {
        if (!jscan_value(&s, &value)) return TUPLE_BROKEN;
        if (FIRN_UNLIKELY(!is_member(relation, column, &name))) {
            if (w->is_flattened && dbz_is_flattened_member(&name)) continue;
            return TUPLE_OTHER_SHAPE;
        }
        bool is_key = relation->base.columns[column].is_key;
        if (w->keys_only && !is_key)
            *to++ = TUPLE_NULL;
        else
            to = put_value(w, to, &value, is_key, &has_unchanged);
        column++;
    }
    if (s.failure) return TUPLE_BROKEN;
    if (column != relation->base.column_count) return TUPLE_OTHER_SHAPE;
    *ret_tuple = (change_tuple){firn_slice_of(*at, (size_t) (to - *at)), column, has_unchanged};
    *at = to;
    return TUPLE_FITS;
}

tuple_fit
tuple_write_key(const tuple_writing *w, firn_slice key, uint8_t **at, change_tuple *ret_tuple)
{
    const dbz_relation *relation = w->relation;
    uint8_t            *to = *at;
    bool                has_unchanged = false;
    for (unsigned i = 0; i < relation->base.column_count; i++) {
        jscan  s = jscan_of(key);
        jtoken name, value, found = {.kind = JTOKEN_NULL};
        bool   is_found = false;
        if (!relation->base.columns[i].is_key) {
            *to++ = TUPLE_NULL;
            continue;
        }
        if (!jscan_enter(&s, JTOKEN_OBJECT)) return TUPLE_BROKEN;
        while (jscan_member(&s, &name)) {
            if (!jscan_value(&s, &value)) return TUPLE_BROKEN;
            if (!is_member(relation, i, &name)) continue;
            found = value;
            is_found = true;
        }
        if (!is_found) return TUPLE_OTHER_SHAPE;
        to = put_value(w, to, &found, true, &has_unchanged);
    }
    *ret_tuple = (change_tuple){firn_slice_of(*at, (size_t) (to - *at)), relation->base.column_count, has_unchanged};
    *at = to;
    return TUPLE_FITS;
}
