#include "index/index_state.h"

firn_status
index_state_add(const index_state *state, firn_buffer *out, firn_error *err)
{
    uint8_t numbers[20];
    size_t  size = strnlen(state->position, INDEX_POSITION_MAX - 1);

    store_le64(numbers, (uint64_t) state->snapshot_id);
    store_le64(numbers + 8, state->key_shape);
    store_le32(numbers + 16, (uint32_t) size);
    FIRN_TRY(firn_buffer_add(out, state->table_uuid.bytes, sizeof state->table_uuid.bytes, err));
    FIRN_TRY(firn_buffer_add(out, state->commit_id.bytes, sizeof state->commit_id.bytes, err));
    FIRN_TRY(firn_buffer_add(out, numbers, sizeof numbers, err));
    return firn_buffer_add(out, state->position, size, err);
}

bool
index_state_read(firn_reader *in, index_state *ret_state)
{
    const uint8_t *uuid = firn_reader_take(in, 16), *commit = firn_reader_take(in, 16), *text;
    uint64_t       snapshot = firn_reader_le64(in), shape = firn_reader_le64(in);
    uint32_t       size = firn_reader_le32(in);

    if (in->failed || size >= INDEX_POSITION_MAX) return false;
    text = firn_reader_take(in, size);
    if (!text || memchr(text, 0, size)) return false;
    memset(ret_state, 0, sizeof *ret_state);
    memcpy(ret_state->table_uuid.bytes, uuid, 16);
    memcpy(ret_state->commit_id.bytes, commit, 16);
    ret_state->snapshot_id = (int64_t) snapshot;
    ret_state->key_shape = shape;
    memcpy(ret_state->position, text, size);
    return true;
}
