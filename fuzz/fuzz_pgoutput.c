/* change/pgoutput.h behind change/transaction_scope.h: any record of messages gives items or a status, never a crash, and
 * every byte that an item points to can be read. */
#include "change/recorded_stream.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink;

static void
touch(firn_slice bytes)
{
    for (size_t i = 0; i < bytes.size; i++) sink += bytes.data[i];
}

static void
check_tuple(const change_tuple *tuple)
{
    const uint8_t *at = tuple->bytes.data;
    if (!at) return;
    for (unsigned i = 0; i < tuple->column_count; i++) {
        tuple_value value;
        at = tuple_value_next(at, &value);
        touch(value.bytes);
    }
    if (at != tuple->bytes.data + tuple->bytes.size) abort();
}

static void
check_item(const change_item *item, bool *is_open)
{
    switch (item->kind) {
    case ITEM_BEGIN:
        if (*is_open) abort();
        *is_open = true;
        return;
    case ITEM_COMMIT:
        if (!*is_open) abort();
        *is_open = false;
        return;
    case ITEM_CHANGE:
        if (!*is_open) abort();
        touch(firn_slice_text(item->change.relation->name));
        check_tuple(&item->change.old);
        check_tuple(&item->change.new);
        return;
    case ITEM_RELATION:
        for (unsigned i = 0; i < item->relation->column_count; i++) touch(firn_slice_text(item->relation->columns[i].name));
        return;
    case ITEM_MESSAGE:
        touch(item->message.prefix);
        touch(item->message.content);
        return;
    case ITEM_IDLE:
        if (*is_open) abort();
        return;
    case ITEM_RESTART:
        *is_open = false;
        return;
    case ITEM_NOTHING:
    case ITEM_DAMAGED:
    case ITEM_REASSIGN:
    case ITEM_END:
        return;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    recorded_stream_settings settings = {.scope = {.memory_bytes_max = 4096, .spill_folder = "."}};
    change_stream           *stream;
    change_item              item = {0};
    firn_error               err = {0};
    bool                     is_open = false;

    if (recorded_stream_new(firn_slice_of(data, size), &settings, &stream, &err)) abort();
    while (item.kind != ITEM_END && !change_stream_next(stream, 0, &item, &err)) check_item(&item, &is_open);
    change_stream_free(stream);
    return 0;
}
