#include "parquet/read_budget.h"

#include "base/alloc.h"

firn_status
budget_reserve(read_budget *budget, firn_buffer *buffer, size_t extra, firn_error *err)
{
    if (FIRN_LIKELY(buffer->capacity - buffer->size >= extra)) return FIRN_OK;
    size_t left = budget->max_bytes - budget->used_bytes;
    if (extra > left || buffer->size + extra > left + buffer->capacity)
        return firn_fail(err, FIRN_E_PARQUET_LIMIT, "%zu more bytes would pass the reader's limit of %zu", extra,
                         budget->max_bytes);
    size_t before = buffer->capacity;
    buffer->size_bytes_max = left + buffer->capacity;
    FIRN_TRY(firn_buffer_reserve(buffer, extra, err));
    budget->used_bytes += buffer->capacity - before;
    return FIRN_OK;
}

void
budget_release(read_budget *budget, firn_buffer *buffer)
{
    budget->used_bytes -= buffer->capacity;
    firn_buffer_done(buffer);
}

void *
budget_take(read_budget *budget, firn_buffer *buffer)
{
    void *data = buffer->data;
    budget->used_bytes -= buffer->capacity;
    *buffer = (firn_buffer){0};
    return data;
}
