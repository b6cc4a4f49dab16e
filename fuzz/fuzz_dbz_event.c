/* debezium/event.h: the first byte is the topic's role, a key stands before the first newline. Slices of an event lie in its
 * record, and a schema block that is known changes nothing, nor does what was learnt of another record, or of itself. */
#include "debezium/event_memo.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_inside(firn_slice part, firn_slice whole)
{
    if (part.data && part.size && (part.data < whole.data || part.data + part.size > whole.data + whole.size)) abort();
}

/* Learnt from whatever came before: an event that can be read is read the same. */
static void
check_memo(const dbz_record *record, bool is_read, const dbz_event *event)
{
    static dbz_event_memo *memo;
    dbz_record with = *record;
    if (!memo) memo = dbz_event_memo_new();
    if (!memo) abort();
    for (int i = 0; i < 2; i++) {
        dbz_event  again;
        firn_error err = {0};
        with.memo = memo;
        firn_status status = dbz_event_read(&with, &again, &err);
        if (is_read && (status || memcmp(event, &again, sizeof again) != 0)) abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer name = {0};
    firn_error err = {0}, again_err = {0};
    dbz_event  event, again;
    if (size < 2) return 0;
    const uint8_t *newline = memchr(data + 1, '\n', size - 1);
    dbz_record     record = {.role = (dbz_role) (data[0] % 4)};
    if (newline) record.key = firn_slice_of(data + 1, (size_t) (newline - data - 1));
    if (newline && newline + 1 < data + size) record.value = firn_slice_of(newline + 1, (size_t) (data + size - newline - 1));
    bool is_read = dbz_event_read(&record, &event, &err) == FIRN_OK;
    check_memo(&record, is_read, &event);
    if (!is_read) return 0;
    check_inside(event.before, record.value);
    check_inside(event.after, record.value);
    check_inside(event.value_schema, record.value);
    check_inside(event.key, record.key);
    check_inside(event.source.table.text, record.value);
    firn_buffer_init(&name, size);
    if (event.source.table.kind == JTOKEN_STRING && dbz_name_add(&event.source.table, &name, &err)) abort();
    record.known_key_schema = event.key_schema;
    record.known_value_schema = event.value_schema;
    if (dbz_event_read(&record, &again, &again_err) || memcmp(&event, &again, sizeof event) != 0) abort();
    return 0;
}
