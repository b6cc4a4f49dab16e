/* index/key_log.h: what comes out lies within the bytes, and a log cut where its last record ends has the same records. */
#include "index/key_log.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "index/file_registry.h"
#include "index/index_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct seen {
    firn_slice bytes;
    size_t     records, changes;
} seen;

static firn_status
visit(void *state, firn_slice head, const uint8_t *changes, size_t count, firn_error *err)
{
    seen       *s = state;
    index_state of;
    firn_reader in = firn_reader_of(head);
    bool        valid;
    FIRN_AUTO(file_registry_freep) file_registry *files = file_registry_new();

    if (head.data < s->bytes.data || changes + count * KEY_ENTRY_BYTES > s->bytes.data + s->bytes.size) abort();
    for (size_t i = 0; i < count; i++) (void) key_log_change(changes, i);
    if (index_state_read(&in, &of) && memchr(of.position, 0, sizeof of.position) == NULL) abort();
    if (file_registry_read(files, &in, &valid, err)) return err->status;
    s->records++;
    s->changes += count;
    return FIRN_OK;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    seen       first = {{data, size}, 0, 0}, second = {{data, size}, 0, 0};
    uint64_t   id = size >= 16 ? load_le64(data + 8) : 0, checksum;
    bool       valid;
    size_t     used = 0, again = 0;
    firn_error err = {0};

    if (key_log_parse(firn_slice_of(data, size), id, visit, &first, &valid, &used, &checksum, &err) || !valid) return 0;
    if (used > size) abort();
    if (key_log_parse(firn_slice_of(data, used), id, visit, &second, &valid, &again, &checksum, &err)) abort();
    if (!valid || again != used || first.records != second.records || first.changes != second.changes) abort();
    return 0;
}
