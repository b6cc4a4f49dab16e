#include "index/key_log.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/reader.h"
#include "index/index_checksum.h"

#define MAGIC UINT64_C(0x31676f6c6e72696b)
#define HEADER_BYTES 16
#define RECORD_BYTES 16 /* sizes; the checksum follows the changes */

struct key_log {
    int         fd;
    bool        failed;
    char       *path;
    uint64_t    size_bytes, checksum;
    firn_buffer out;
};

static firn_status
log_new(const char *path, int flags, key_log **ret_log, firn_error *err)
{
    FIRN_AUTO(key_log_freep) key_log *log = firn_calloc(1, sizeof *log);

    if (!log) return firn_fail_memory(err, "the key index");
    log->fd = -1;
    log->path = firn_strdup(path);
    firn_buffer_init(&log->out, 2 * INDEX_CHECKSUM_CHUNK + KEY_LOG_HEAD_MAX);
    if (!log->path) return firn_fail_memory(err, "the key index");
    log->fd = open(path, flags | O_RDWR | O_CLOEXEC, 0600);
    if (log->fd < 0) return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot open '%s'", path);
    *ret_log = FIRN_STEAL(log);
    return FIRN_OK;
}

void
key_log_close(key_log *log)
{
    if (!log) return;
    if (log->fd >= 0) (void) close(log->fd);
    firn_buffer_done(&log->out);
    firn_free(log->path);
    firn_free(log);
}

firn_status
key_log_create(const char *path, uint64_t base_id, key_log **ret_log, firn_error *err)
{
    FIRN_AUTO(key_log_freep) key_log *log = NULL;
    uint8_t header[HEADER_BYTES];

    FIRN_TRY(log_new(path, O_CREAT | O_TRUNC, &log, err));
    store_le64(header, MAGIC);
    store_le64(header + 8, base_id);
    FIRN_TRY(file_write_all(log->fd, header, sizeof header, path, err));
    log->size_bytes = sizeof header;
    log->checksum = base_id;
    *ret_log = FIRN_STEAL(log);
    return FIRN_OK;
}

uint64_t
key_log_size_bytes(const key_log *log)
{
    return log->size_bytes;
}

/* ---- appending ---- */

static firn_status
write_chunks(key_log *log, bool all, uint64_t *checksum, firn_error *err)
{
    size_t size = all ? log->out.size : log->out.size / INDEX_CHECKSUM_CHUNK * INDEX_CHECKSUM_CHUNK;

    *checksum = index_checksum(*checksum, log->out.data, size);
    FIRN_TRY(file_write_all(log->fd, log->out.data, size, log->path, err));
    memmove(log->out.data, log->out.data + size, log->out.size - size);
    log->out.size -= size;
    return FIRN_OK;
}

static firn_status
append_record(key_log *log, firn_slice head, const key_change changes[], size_t count, uint64_t *checksum,
              firn_error *err)
{
    firn_buffer *out = &log->out;
    uint8_t      sizes[RECORD_BYTES], sum[8];

    firn_buffer_reset(out);
    store_le64(sizes, head.size);
    store_le64(sizes + 8, count);
    FIRN_TRY(firn_buffer_add(out, sizes, sizeof sizes, err));
    FIRN_TRY(firn_buffer_add(out, head.data, head.size, err));
    for (size_t i = 0; i < count; i++) {
        FIRN_TRY(firn_buffer_reserve(out, KEY_ENTRY_BYTES, err));
        key_entry_store(out->data + out->size, changes[i]);
        out->size += KEY_ENTRY_BYTES;
        if (out->size >= INDEX_CHECKSUM_CHUNK) FIRN_TRY(write_chunks(log, false, checksum, err));
    }
    FIRN_TRY(write_chunks(log, true, checksum, err));
    store_le64(sum, *checksum);
    return file_write_all(log->fd, sum, sizeof sum, log->path, err);
}

firn_status
key_log_append(key_log *log, firn_slice head, const key_change changes[], size_t count, firn_error *err)
{
    uint64_t checksum = log->checksum;

    assert(!log->failed && head.size <= KEY_LOG_HEAD_MAX);
    if (append_record(log, head, changes, count, &checksum, err)) {
        log->failed = true;
        return err->status;
    }
    log->checksum = checksum;
    log->size_bytes += RECORD_BYTES + head.size + count * KEY_ENTRY_BYTES + 8;
    return FIRN_OK;
}

/* ---- reading ---- */

key_change
key_log_change(const uint8_t *changes, size_t index)
{
    const uint8_t *entry = changes + index * KEY_ENTRY_BYTES;

    return (key_change){key_entry_key(entry), key_entry_place(entry)};
}

firn_status
key_log_parse(firn_slice bytes, uint64_t base_id, key_log_visit visit, void *state, bool *ret_valid, size_t *ret_size,
              uint64_t *ret_checksum, firn_error *err)
{
    firn_reader in = firn_reader_of(bytes);
    uint64_t    magic = firn_reader_le64(&in), id = firn_reader_le64(&in);
    uint64_t    checksum = base_id;

    *ret_valid = !in.failed && magic == MAGIC && id == base_id;
    if (!*ret_valid) return FIRN_OK;
    *ret_size = HEADER_BYTES;
    *ret_checksum = base_id;
    for (;;) {
        const uint8_t *record = in.at;
        uint64_t       head_size = firn_reader_le64(&in), count = firn_reader_le64(&in), sum;
        size_t         left = firn_reader_left(&in);
        const uint8_t *head, *changes;

        if (in.failed || head_size > KEY_LOG_HEAD_MAX || head_size > left || count > left / KEY_ENTRY_BYTES)
            return FIRN_OK;
        head = firn_reader_take(&in, (size_t) head_size);
        changes = firn_reader_take(&in, (size_t) count * KEY_ENTRY_BYTES);
        checksum = index_checksum(checksum, record, (size_t) (in.at - record));
        sum = firn_reader_le64(&in);
        if (in.failed || sum != checksum) return FIRN_OK;
        FIRN_TRY(visit(state, firn_slice_of(head, (size_t) head_size), changes, (size_t) count, err));
        *ret_size = firn_reader_offset(&in);
        *ret_checksum = checksum;
    }
}

static firn_status
parse_file(key_log *log, uint64_t base_id, key_log_visit visit, void *state, bool *ret_valid, firn_error *err)
{
    struct stat facts;
    size_t      size, used = 0;
    void       *bytes;
    firn_status status;

    *ret_valid = false;
    if (fstat(log->fd, &facts) != 0 || facts.st_size < HEADER_BYTES) return FIRN_OK;
    size = (size_t) facts.st_size;
    bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, log->fd, 0);
    if (bytes == MAP_FAILED) return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot read '%s'", log->path);
    status = key_log_parse(firn_slice_of(bytes, size), base_id, visit, state, ret_valid, &used, &log->checksum, err);
    (void) munmap(bytes, size);
    log->size_bytes = used;
    if (status != FIRN_OK || !*ret_valid) return status;
    if (ftruncate(log->fd, (off_t) used) != 0 || lseek(log->fd, (off_t) used, SEEK_SET) < 0)
        return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot cut '%s'", log->path);
    return FIRN_OK;
}

firn_status
key_log_open(const char *path, uint64_t base_id, key_log_visit visit, void *state, key_log **ret_log, firn_error *err)
{
    FIRN_AUTO(key_log_freep) key_log *log = NULL;
    bool valid;

    FIRN_TRY(log_new(path, 0, &log, err));
    FIRN_TRY(parse_file(log, base_id, visit, state, &valid, err));
    if (!valid) return firn_fail(err, FIRN_E_STORAGE_NOT_FOUND, "'%s' is not the log of this key index", path);
    *ret_log = FIRN_STEAL(log);
    return FIRN_OK;
}
