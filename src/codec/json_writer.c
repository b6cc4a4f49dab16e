#include "codec/json_writer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/text.h"

static void
put(jwriter *w, const void *bytes, size_t size)
{
    if (w->status == FIRN_OK) w->status = firn_buffer_add(w->out, bytes, size, w->err);
}

static void
new_line(jwriter *w)
{
    if (!w->pretty) return;
    put(w, "\n", 1);
    for (unsigned i = 0; i < w->depth; i++) put(w, "  ", 2);
}

/* What stands before a value or a key: the comma of its elder sibling, the line break. */
static void
separate(jwriter *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->need_comma) put(w, ",", 1);
    if (w->depth > 0) new_line(w);
}

static void
open_container(jwriter *w, const char *bracket)
{
    separate(w);
    put(w, bracket, 1);
    w->depth++;
    w->need_comma = false;
}

static void
close_container(jwriter *w, const char *bracket)
{
    assert(w->depth > 0 && !w->after_key);
    w->depth--;
    if (w->need_comma) new_line(w); // an empty one closes on its own line
    put(w, bracket, 1);
    w->need_comma = true;
}

void
jwrite_begin(jwriter *w, firn_buffer *out, bool pretty, firn_error *err)
{
    *w = (jwriter){.out = out, .err = err, .pretty = pretty};
}

void
jwrite_object(jwriter *w)
{
    open_container(w, "{");
}

void
jwrite_object_end(jwriter *w)
{
    close_container(w, "}");
}

void
jwrite_array(jwriter *w)
{
    open_container(w, "[");
}

void
jwrite_array_end(jwriter *w)
{
    close_container(w, "]");
}

static void
put_escape(jwriter *w, uint8_t byte)
{
    static const char short_name[] = "btn\0fr"; // of 8 … 13; 11 has none
    char              text[8];

    if (byte == '"' || byte == '\\') {
        text[0] = '\\';
        text[1] = (char) byte;
        put(w, text, 2);
    } else if (byte >= 8 && byte <= 13 && short_name[byte - 8]) {
        text[0] = '\\';
        text[1] = short_name[byte - 8];
        put(w, text, 2);
    } else {
        int size = snprintf(text, sizeof text, "\\u%04x", (unsigned) byte);
        put(w, text, (size_t) size);
    }
}

/* Runs without anything to escape go out whole. */
static void
put_escaped(jwriter *w, firn_slice text)
{
    size_t from = 0;

    for (size_t at = 0; at < text.size; at++) {
        uint8_t byte = text.data[at];
        if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
        if (at > from) put(w, text.data + from, at - from);
        put_escape(w, byte);
        from = at + 1;
    }
    if (text.size > from) put(w, text.data + from, text.size - from);
}

/* The size of the well-formed character at the start, or 0. */
static size_t
character_size(const uint8_t *bytes, size_t size)
{
    uint8_t first = bytes[0];
    size_t  want = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;

    return want && want <= size && text_is_utf8(bytes, want) ? want : 0;
}

static void
put_repaired(jwriter *w, firn_slice text)
{
    size_t at = 0;

    while (at < text.size) {
        size_t size = character_size(text.data + at, text.size - at);
        if (size)
            put_escaped(w, firn_slice_of(text.data + at, size));
        else
            put(w, "\xef\xbf\xbd", 3);
        at += size ? size : 1;
    }
}

static void
put_text(jwriter *w, firn_slice text)
{
    put(w, "\"", 1);
    if (text.size == 0 || text_is_utf8(text.data, text.size))
        put_escaped(w, text);
    else
        put_repaired(w, text);
    put(w, "\"", 1);
}

void
jwrite_key(jwriter *w, const char *key)
{
    assert(w->depth > 0 && !w->after_key);
    separate(w);
    put_text(w, firn_slice_text(key));
    put(w, w->pretty ? ": " : ":", w->pretty ? 2 : 1);
    w->after_key = true;
    w->need_comma = false;
}

void
jwrite_text_slice(jwriter *w, firn_slice text)
{
    separate(w);
    put_text(w, text);
    w->need_comma = true;
}

void
jwrite_text(jwriter *w, const char *text)
{
    if (text)
        jwrite_text_slice(w, firn_slice_text(text));
    else
        jwrite_null(w);
}

void
jwrite_raw(jwriter *w, const char *json)
{
    separate(w);
    put(w, json, strlen(json));
    w->need_comma = true;
}

void
jwrite_i64(jwriter *w, int64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRId64, value);
    jwrite_raw(w, text);
}

void
jwrite_u64(jwriter *w, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRIu64, value);
    jwrite_raw(w, text);
}

void
jwrite_double(jwriter *w, double value)
{
    char text[40];

    if (!isfinite(value)) {
        jwrite_null(w);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (bits_of_double(strtod(text, NULL)) == bits_of_double(value)) break;
    }
    // so that a reader takes it for a real again
    if (!strpbrk(text, ".e")) snprintf(text + strlen(text), sizeof text - strlen(text), ".0");
    jwrite_raw(w, text);
}

void
jwrite_bool(jwriter *w, bool value)
{
    jwrite_raw(w, value ? "true" : "false");
}

void
jwrite_null(jwriter *w)
{
    jwrite_raw(w, "null");
}

void
jwrite_member_text(jwriter *w, const char *key, const char *text)
{
    jwrite_key(w, key);
    jwrite_text(w, text);
}

void
jwrite_member_i64(jwriter *w, const char *key, int64_t value)
{
    jwrite_key(w, key);
    jwrite_i64(w, value);
}

void
jwrite_member_bool(jwriter *w, const char *key, bool value)
{
    jwrite_key(w, key);
    jwrite_bool(w, value);
}

firn_status
jwrite_end(jwriter *w)
{
    assert(w->depth == 0 && !w->after_key);
    return w->status;
}
