#include "change/kept_transaction.h"

#include <errno.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/hash.h"

#define BLOCK_SIZE_FIRST ((size_t) 16 << 10)
#define BLOCK_SIZE_MAX ((size_t) 1 << 20)
#define RECORD_HEADER 12
#define ABORTED_COUNT_MAX (1u << 26) /* 512 MB of ids; a transaction has at most 2^32 commands */
#define FILE_NAME "a transaction's temporary file"

firn_status
kept_transaction_new(uint32_t xid, bool has_xids, kept_transaction **ret_kept, firn_error *err)
{
    kept_transaction *kept = firn_calloc(1, sizeof *kept);
    if (!kept) return firn_fail_memory(err, "a transaction");
    kept->xid = xid;
    kept->has_xids = has_xids;
    kept->file = -1;
    *ret_kept = kept;
    return FIRN_OK;
}

static void
free_blocks(kept_transaction *kept)
{
    for (size_t i = 0; i < kept->block_count; i++) change_block_unref(kept->blocks[i]);
    kept->block_count = 0;
    kept->memory_bytes = 0;
}

void
kept_transaction_free(kept_transaction *kept)
{
    if (!kept) return;
    free_blocks(kept);
    firn_free(kept->blocks);
    firn_free(kept->aborted);
    if (kept->file >= 0) close(kept->file);
    firn_free(kept);
}

/* ---- adding ---- */

static firn_status
add_block(kept_transaction *kept, size_t size_min, firn_error *err)
{
    if (kept->block_count == kept->block_capacity) {
        size_t         capacity = kept->block_capacity ? 2 * kept->block_capacity : 16;
        change_block **grown = firn_realloc(kept->blocks, capacity * sizeof *grown);
        if (!grown) return firn_fail_memory(err, "a transaction");
        kept->blocks = grown;
        kept->block_capacity = capacity;
    }
    size_t size = kept->block_count ? 2 * kept->blocks[kept->block_count - 1]->capacity : BLOCK_SIZE_FIRST;
    if (size > BLOCK_SIZE_MAX) size = BLOCK_SIZE_MAX;
    if (size < size_min) size = size_min;
    change_block *block = change_block_new(size);
    if (!block) return firn_fail_memory(err, "a transaction's changes");
    kept->blocks[kept->block_count++] = block;
    kept->memory_bytes += size;
    return FIRN_OK;
}

firn_status
kept_transaction_add(kept_transaction *kept, firn_slice message, uint64_t position, firn_error *err)
{
    size_t        size = RECORD_HEADER + message.size;
    change_block *block = kept->block_count ? kept->blocks[kept->block_count - 1] : NULL;

    assert(message.size <= UINT32_MAX);
    if (!block || block->capacity - block->size < size) {
        FIRN_TRY(add_block(kept, size, err));
        block = kept->blocks[kept->block_count - 1];
    }
    uint8_t *at = block->data + block->size;
    store_le32(at, (uint32_t) message.size);
    store_le64(at + 4, position);
    memcpy(at + RECORD_HEADER, message.data, message.size);
    block->size += size;
    return FIRN_OK;
}

firn_status
kept_transaction_spill(kept_transaction *kept, const char *folder, firn_error *err)
{
    if (kept->file < 0) FIRN_TRY(file_open_nameless(folder, &kept->file, err));
    for (size_t i = 0; i < kept->block_count; i++) {
        change_block *block = kept->blocks[i];
        uint8_t       header[8];
        store_le64(header, block->size);
        FIRN_TRY(file_write_all(kept->file, header, sizeof header, FILE_NAME, err));
        FIRN_TRY(file_write_all(kept->file, block->data, block->size, FILE_NAME, err));
        kept->file_bytes += sizeof header + block->size;
    }
    free_blocks(kept);
    return FIRN_OK;
}

/* ---- aborted subtransactions ---- */

static uint32_t *
aborted_place(const kept_transaction *kept, uint32_t xid)
{
    uint32_t mask = kept->aborted_capacity - 1;
    uint32_t at = (uint32_t) firn_hash_u64(xid) & mask;
    while (kept->aborted[at] && kept->aborted[at] != xid) at = (at + 1) & mask;
    return &kept->aborted[at];
}

firn_status
kept_transaction_abort(kept_transaction *kept, uint32_t subxid, firn_error *err)
{
    if (!subxid) return FIRN_OK; /* no transaction has this number */
    if (2 * (kept->aborted_count + 1) > kept->aborted_capacity) {
        kept_transaction grown = {.aborted_capacity = kept->aborted_capacity ? 2 * kept->aborted_capacity : 16};
        if (kept->aborted_count >= ABORTED_COUNT_MAX)
            return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "transaction %u rolled back too many savepoints", kept->xid);
        grown.aborted = firn_calloc(grown.aborted_capacity, sizeof *grown.aborted);
        if (!grown.aborted) return firn_fail_memory(err, "a transaction's savepoints");
        for (uint32_t i = 0; i < kept->aborted_capacity; i++)
            if (kept->aborted[i]) *aborted_place(&grown, kept->aborted[i]) = kept->aborted[i];
        firn_free(kept->aborted);
        kept->aborted = grown.aborted;
        kept->aborted_capacity = grown.aborted_capacity;
    }
    uint32_t *place = aborted_place(kept, subxid);
    if (!*place) kept->aborted_count++;
    *place = subxid;
    return FIRN_OK;
}

bool
kept_transaction_is_aborted(const kept_transaction *kept, uint32_t xid)
{
    return kept->aborted_count && xid && *aborted_place(kept, xid) == xid;
}

/* ---- reading ---- */

static firn_status
read_at(int file, void *to, size_t size, uint64_t at, firn_error *err)
{
    uint8_t *bytes = to;
    while (size) {
        ssize_t got = pread(file, bytes, size, (off_t) at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot read " FILE_NAME);
        if (got == 0) return firn_fail(err, FIRN_E_STORAGE_SHORT, FILE_NAME " is shorter than what was written");
        bytes += got;
        at += (uint64_t) got;
        size -= (size_t) got;
    }
    return FIRN_OK;
}

static firn_status
read_block(kept_reader *reader, const kept_transaction *kept, firn_error *err)
{
    uint8_t header[8];
    FIRN_TRY(read_at(kept->file, header, sizeof header, reader->file_at, err));
    uint64_t size = load_le64(header);
    if (size > kept->file_bytes - reader->file_at - sizeof header)
        return firn_fail(err, FIRN_E_STORAGE_SHORT, FILE_NAME " is not what was written");
    reader->block = change_block_new((size_t) size);
    if (!reader->block) return firn_fail_memory(err, "a transaction's changes");
    FIRN_TRY(read_at(kept->file, reader->block->data, (size_t) size, reader->file_at + sizeof header, err));
    reader->block->size = (size_t) size;
    reader->file_at += sizeof header + size;
    return FIRN_OK;
}

firn_status
kept_reader_next(kept_reader *reader, kept_transaction *kept, change_block **ret_block, firn_slice *ret_message,
                 uint64_t *ret_position, firn_error *err)
{
    while (!reader->block || reader->at == reader->block->size) {
        change_block_unref(FIRN_STEAL(reader->block));
        reader->at = 0;
        if (reader->file_at < kept->file_bytes) {
            FIRN_TRY(read_block(reader, kept, err));
        } else if (reader->block_at < kept->block_count) {
            /* The reader is the last that needs it. */
            reader->block = FIRN_STEAL(kept->blocks[reader->block_at]);
            kept->memory_bytes -= reader->block->capacity;
            reader->block_at++;
        } else {
            *ret_block = NULL;
            return FIRN_OK;
        }
    }
    const uint8_t *at = reader->block->data + reader->at;
    size_t         left = reader->block->size - reader->at;
    if (left < RECORD_HEADER || load_le32(at) > left - RECORD_HEADER)
        return firn_fail(err, FIRN_E_STORAGE_SHORT, FILE_NAME " is not what was written");
    *ret_block = reader->block;
    *ret_message = firn_slice_of(at + RECORD_HEADER, load_le32(at));
    *ret_position = load_le64(at + 4);
    reader->at += RECORD_HEADER + ret_message->size;
    return FIRN_OK;
}

void
kept_reader_done(kept_reader *reader)
{
    change_block_unref(reader->block);
    *reader = (kept_reader){0};
}
