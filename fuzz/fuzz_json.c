/* codec/json_reader.h: what can be read is written again, and reads as the same text. */
#include "codec/json_reader.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
read_and_write(firn_slice text, firn_buffer *out)
{
    firn_error err = {0};
    jdoc      *doc = NULL;

    firn_buffer_init(out, (size_t) 64 << 20);
    if (jdoc_parse(text, "fuzz", &doc, &err)) return false;
    if (jvalue_add_text(jdoc_root(doc), out, &err)) abort();
    jdoc_free(doc);
    return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer once = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer twice = {0};

    if (!read_and_write(firn_slice_of(data, size), &once)) return 0;
    if (!read_and_write(firn_buffer_slice(&once), &twice)) abort();
    if (!firn_slice_equal(firn_buffer_slice(&once), firn_buffer_slice(&twice))) abort();
    return 0;
}
