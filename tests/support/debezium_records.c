#include "debezium_records.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "codec/json_scan.h"

bool
recorded_record_next(firn_slice *rest, recorded_record *ret_record)
{
    if (rest->size == 0) return false;
    const uint8_t *newline = memchr(rest->data, '\n', rest->size);
    size_t         size = newline ? (size_t) (newline - rest->data) : rest->size;
    jscan          s = jscan_of(firn_slice_of(rest->data, size));
    jtoken         name, value;
    bool           good = jscan_enter(&s, JTOKEN_OBJECT);
    *ret_record = (recorded_record){0};
    while (good && jscan_member(&s, &name)) {
        good = jscan_value(&s, &value);
        firn_slice whole = value.kind == JTOKEN_NULL ? (firn_slice){0} : value.text;
        if (jtoken_is(&name, "topic")) ret_record->topic = value.text;
        if (jtoken_is(&name, "key")) ret_record->key = whole;
        if (jtoken_is(&name, "value")) ret_record->value = whole;
        if (jtoken_is(&name, "offset")) good = good && text_parse_u64(value.text, &ret_record->offset);
    }
    if (!good || !jscan_end(&s)) {
        fprintf(stderr, "a recorded record is broken: %.*s\n", (int) (size < 200 ? size : 200), (const char *) rest->data);
        exit(1);
    }
    *rest = newline ? firn_slice_of(newline + 1, rest->size - size - 1) : (firn_slice){0};
    return true;
}

firn_slice
recorded_table(firn_slice topic)
{
    size_t start = topic.size;
    while (start > 0 && topic.data[start - 1] != '.') start--;
    return firn_slice_of(topic.data + start, topic.size - start);
}
