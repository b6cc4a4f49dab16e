/* codec/json_scan.h: a value that is taken whole is taken by walking it, too, and the other way round; no string is longer
 * without its escapes. */
#include "codec/json_scan.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(jscan *s);

static void
check_string(const jtoken *string)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer bytes = {0};
    firn_error err = {0};
    firn_buffer_init(&bytes, string->text.size);
    if (string->kind == JTOKEN_STRING && jtoken_add_string(string, &bytes, &err)) abort();
}

static void
walk_member(jscan *s)
{
    jtoken value;
    jtoken_kind kind = jscan_peek(s);
    if (kind == JTOKEN_OBJECT || kind == JTOKEN_ARRAY)
        walk(s);
    else if (jscan_value(s, &value))
        check_string(&value);
}

static void
walk(jscan *s)
{
    jtoken      name;
    jtoken_kind kind = jscan_peek(s);
    if (kind != JTOKEN_OBJECT && kind != JTOKEN_ARRAY) {
        walk_member(s);
        return;
    }
    if (!jscan_enter(s, kind)) return;
    while (kind == JTOKEN_OBJECT ? jscan_member(s, &name) : jscan_element(s)) walk_member(s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    jscan  whole = jscan_of(firn_slice_of(data, size)), parts = whole;
    jtoken value;
    bool   is_taken = jscan_value(&whole, &value) && jscan_end(&whole);
    walk(&parts);
    if ((jscan_end(&parts) && !parts.failure) != is_taken) abort();
    return 0;
}
