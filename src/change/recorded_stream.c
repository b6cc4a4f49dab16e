#include "change/recorded_stream.h"

#include "base/alloc.h"
#include "base/reader.h"

#define BLOCK_SIZE_MIN ((size_t) 64 << 10)

typedef struct recorded_stream {
    change_stream            base;
    recorded_stream_settings settings;
    firn_reader              records;
    transaction_scope       *scope;
    change_block            *block;
    change_stream_counts     counts;
    bool                     cancelled; /* atomic */
} recorded_stream;

static change_block *
copy_into_block(recorded_stream *s, firn_slice *message)
{
    if (!s->block || s->block->capacity - s->block->size < message->size) {
        change_block_unref(s->block);
        s->block = change_block_new(message->size > BLOCK_SIZE_MIN ? message->size : BLOCK_SIZE_MIN);
        if (!s->block) return NULL;
    }
    uint8_t *at = s->block->data + s->block->size;
    if (message->size) memcpy(at, message->data, message->size);
    s->block->size += message->size;
    message->data = at;
    return s->block;
}

/* The next record into the scope; false at the end. */
static firn_status
read_record(recorded_stream *s, bool *ret_more, firn_error *err)
{
    *ret_more = firn_reader_left(&s->records) > 0;
    if (!*ret_more) return FIRN_OK;
    uint8_t        kind = firn_reader_u8(&s->records);
    uint64_t       position = firn_reader_le64(&s->records);
    uint32_t       size = firn_reader_le32(&s->records);
    const uint8_t *bytes = firn_reader_take(&s->records, size);
    if (s->records.failed)
        return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "recorded changes break off near byte %zu",
                         firn_reader_offset(&s->records));
    s->counts.received_bytes += size;
    s->counts.received_position = position;
    switch (kind) {
    case 'w': {
        firn_slice    message = firn_slice_of(bytes, size);
        change_block *block = copy_into_block(s, &message);
        if (!block) return firn_fail_memory(err, "a recorded change");
        s->counts.message_count++;
        return transaction_scope_add(s->scope, block, message, position, err);
    }
    case 'k':
        transaction_scope_add_idle(s->scope, position);
        return FIRN_OK;
    case 'x':
        s->counts.restart_count++;
        transaction_scope_restart(s->scope);
        return FIRN_OK;
    default:
        return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "recorded changes have a record of unknown kind %u", kind);
    }
}

static firn_status
recorded_next(change_stream *stream, uint64_t timeout_ms, change_item *ret_item, firn_error *err)
{
    recorded_stream *s = (recorded_stream *) stream;
    (void) timeout_ms;
    for (;;) {
        bool more;
        if (__atomic_load_n(&s->cancelled, __ATOMIC_RELAXED)) return firn_fail(err, FIRN_E_CANCELLED, "stopped");
        FIRN_TRY(transaction_scope_next(s->scope, ret_item, err));
        if (ret_item->kind != ITEM_NOTHING) return FIRN_OK;
        FIRN_TRY(read_record(s, &more, err));
        if (!more) {
            ret_item->kind = ITEM_END;
            return FIRN_OK;
        }
    }
}

static void
recorded_acknowledge(change_stream *stream, uint64_t position)
{
    recorded_stream *s = (recorded_stream *) stream;
    position = transaction_scope_limit(s->scope, position);
    if (position > s->counts.acknowledged_position) s->counts.acknowledged_position = position;
}

static firn_status
recorded_describe(change_stream *stream, change_relation *relation, const table_schema *lake FIRN_UNUSED,
                  const table_rules *rules, firn_arena *arena,
                  source_description **ret_description, const int **ret_places, firn_error *err)
{
    recorded_stream *s = (recorded_stream *) stream;
    if (!s->settings.describe) return firn_fail(err, FIRN_E_SOURCE_UNSUPPORTED, "recorded changes have no descriptions");
    return s->settings.describe(s->settings.state, relation, rules, arena, ret_description, ret_places, err);
}

static firn_status
recorded_open_decoder(change_stream *stream, change_relation *relation, const source_description *description,
                      row_decoder **ret_decoder, firn_error *err)
{
    recorded_stream *s = (recorded_stream *) stream;
    if (!s->settings.open_decoder) return firn_fail(err, FIRN_E_SOURCE_UNSUPPORTED, "recorded changes have no decoder");
    return s->settings.open_decoder(s->settings.state, relation, description, ret_decoder, err);
}

static void
recorded_counts(change_stream *stream, change_stream_counts *ret_counts)
{
    recorded_stream *s = (recorded_stream *) stream;
    *ret_counts = s->counts;
    ret_counts->is_connected = true;
    ret_counts->spilled_bytes = transaction_scope_spilled_bytes(s->scope);
    ret_counts->buffered_bytes = transaction_scope_memory_bytes(s->scope);
}

static void
recorded_cancel(change_stream *stream)
{
    __atomic_store_n(&((recorded_stream *) stream)->cancelled, true, __ATOMIC_RELAXED);
}

static void
recorded_free(change_stream *stream)
{
    recorded_stream *s = (recorded_stream *) stream;
    transaction_scope_free(s->scope);
    change_block_unref(s->block);
    firn_free(s);
}

static const change_stream_ops recorded_ops = {
    .kind = "recorded",
    .next = recorded_next,
    .acknowledge = recorded_acknowledge,
    .describe = recorded_describe,
    .open_decoder = recorded_open_decoder,
    .counts = recorded_counts,
    .cancel = recorded_cancel,
    .free = recorded_free,
};

firn_status
recorded_stream_new(firn_slice records, const recorded_stream_settings *settings, change_stream **ret_stream,
                    firn_error *err)
{
    recorded_stream *s = firn_calloc(1, sizeof *s);
    if (!s) return firn_fail_memory(err, "a stream of changes");
    s->base.ops = &recorded_ops;
    s->base.identity = settings->identity;
    s->settings = *settings;
    s->records = firn_reader_of(records);
    if (transaction_scope_new(&settings->scope, &s->scope, err)) {
        recorded_free(&s->base);
        return err->status;
    }
    *ret_stream = &s->base;
    return FIRN_OK;
}

firn_status
recorded_stream_add(firn_buffer *records, char kind, uint64_t position, firn_slice message, firn_error *err)
{
    uint8_t header[13] = {(uint8_t) kind};
    store_le64(header + 1, position);
    store_le32(header + 9, (uint32_t) message.size);
    FIRN_TRY(firn_buffer_add(records, header, sizeof header, err));
    return message.size ? firn_buffer_add(records, message.data, message.size, err) : FIRN_OK;
}
