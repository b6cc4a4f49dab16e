#include "catalog/folder_name.h"

#include <inttypes.h>

#include "base/text.h"

#define HASH_DIGITS 16

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1; // lower case is never written
}

/* The byte of an escape at `p`, or -1. */
static int
escape_at(const char *p)
{
    int high, low;

    if (p[0] != '%') return -1;
    high = hex_value(p[1]);
    if (high < 0) return -1;
    low = hex_value(p[2]);
    return low < 0 ? -1 : high * 16 + low;
}

/* FNV-1a: its value is stored, so it is written down here and never changes. */
static uint64_t
hash_name(const char *name)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (const char *p = name; *p; p++) hash = (hash ^ (uint8_t) *p) * UINT64_C(0x100000001b3);
    return hash;
}

static bool
is_hashed(const char *folder)
{
    size_t      size = strlen(folder);
    const char *tail = folder + size - HASH_DIGITS;

    if (size < HASH_DIGITS + 3 || tail[-2] != '%' || tail[-1] != '~') return false;
    for (; *tail; tail++) {
        if (hex_value(*tail) < 0) return false;
    }
    return true;
}

static bool
must_escape(const char *name, size_t index, bool is_utf8)
{
    uint8_t c = (uint8_t) name[index];

    if (c < 0x20 || c == 0x7f || c == '/' || c == '\\') return true;
    if (c == '"' || c == '?' || c == '#') return true;
    if (c == '.' && index == 0) return true;
    if (c >= 0x80) return !is_utf8;
    return c == '%' && (escape_at(name + index) >= 0 || name[index + 1] == '~');
}

/* Not within a UTF-8 sequence or an escape. */
static size_t
cut_point(const firn_buffer *text, size_t start, size_t size)
{
    while (size > 0 && (text->data[start + size] & 0xc0) == 0x80) size--;
    for (size_t back = 1; back <= 2 && back <= size; back++) {
        if (text->data[start + size - back] == '%') return size - back;
    }
    return size;
}

firn_status
folder_name_add(const char *name, firn_buffer *out, firn_error *err)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t            size = strlen(name), start = out->size;
    bool              is_utf8 = text_is_utf8((const uint8_t *) name, size);

    if (size == 0) return firn_fail(err, FIRN_E_STORAGE_LOCATION, "a table or namespace has an empty name");
    if (is_hashed(name)) return firn_buffer_add(out, name, size, err);
    for (size_t i = 0; i < size; i++) {
        uint8_t c = (uint8_t) name[i];
        char    escape[3] = {'%', digits[c >> 4], digits[c & 15]};

        if (must_escape(name, i, is_utf8))
            FIRN_TRY(firn_buffer_add(out, escape, sizeof escape, err));
        else
            FIRN_TRY(firn_buffer_add_byte(out, c, err));
    }
    if (out->size - start <= FOLDER_NAME_SIZE_MAX) return FIRN_OK;
    out->size = start + cut_point(out, start, FOLDER_NAME_SIZE_MAX - HASH_DIGITS - 2);
    return firn_buffer_printf(out, err, "%%~%016" PRIX64, hash_name(name));
}

firn_status
folder_name_decode(const char *folder, firn_buffer *out, firn_error *err)
{
    if (is_hashed(folder)) return firn_buffer_add_text(out, folder, err);
    for (const char *p = folder; *p; p++) {
        int byte = escape_at(p);

        FIRN_TRY(firn_buffer_add_byte(out, byte > 0 ? (uint8_t) byte : (uint8_t) *p, err));
        if (byte > 0) p += 2;
    }
    return FIRN_OK;
}
