#include "index/key_base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/hash.h"
#include "index/index_checksum.h"

#define HEADER_BYTES 4096
#define HEADER_USED 88 /* of it; the last 8 are their checksum */
#define MAGIC UINT64_C(0x317865646e69796b) /* "kyindex1" */
#define BUCKET_ENTRIES 16
#define BUCKET_BITS_MAX 30
#define FLAG_COPIES 1u

/* ---- reading ---- */

static bool
check_directory(const key_base *base)
{
    uint32_t last = 0;
    size_t   bucket_count = (size_t) 1 << base->bucket_bits;

    for (size_t i = 0; i <= bucket_count; i++) {
        uint32_t first = load_le32(base->directory + 4 * i);

        if (first < last || first > base->count) return false;
        last = first;
    }
    return load_le32(base->directory) == 0 && last == base->count;
}

/* Whole chunks at a time, but for the last. */
static bool
check_bytes(const key_base *base)
{
    uint64_t checksum = 0;

    for (size_t at = HEADER_BYTES; at < base->size_bytes;) {
        size_t left = base->size_bytes - at, part = left < KEY_BASE_RESIDENT_MAX ? left : KEY_BASE_RESIDENT_MAX;

        checksum = index_checksum(checksum, base->bytes + at, part);
        at += part;
        key_base_release(base);
    }
    return checksum == load_le64(base->bytes + 64);
}

static bool
parse(firn_slice bytes, bool ours, bool mapped, key_base *ret_base)
{
    const uint8_t *h = bytes.data;
    uint64_t       extra_size, directory_size, flags;
    key_base       base = {.bytes = h, .size_bytes = bytes.size, .mapped = mapped};

    if (bytes.size < HEADER_BYTES || load_le64(h) != MAGIC) return false;
    if (firn_hash_bytes(h, HEADER_USED - 8) != load_le64(h + HEADER_USED - 8)) return false;
    flags = load_le64(h + 8);
    base.count = load_le64(h + 16);
    base.bucket_bits = load_le32(h + 24);
    extra_size = load_le64(h + 32);
    base.seed = (key_seed){load_le64(h + 40), load_le64(h + 48)};
    base.id = load_le64(h + 56);
    base.copies = flags & FLAG_COPIES;
    if (base.count > KEY_BASE_COUNT_MAX || base.bucket_bits < 1 || base.bucket_bits > BUCKET_BITS_MAX) return false;
    if (flags & ~(uint64_t) FLAG_COPIES || extra_size > KEY_BASE_EXTRA_MAX) return false;
    directory_size = (((uint64_t) 1 << base.bucket_bits) + 1) * 4;
    if (bytes.size - HEADER_BYTES != base.count * KEY_ENTRY_BYTES + directory_size + extra_size) return false;
    base.entries = h + HEADER_BYTES;
    base.directory = base.entries + base.count * KEY_ENTRY_BYTES;
    base.extra = firn_slice_of(base.directory + directory_size, (size_t) extra_size);
    if (!ours && (!check_bytes(&base) || !check_directory(&base))) return false;
    *ret_base = base;
    return true;
}

bool
key_base_parse(firn_slice bytes, bool ours, key_base *ret_base)
{
    return parse(bytes, ours, false, ret_base);
}

firn_status
key_base_open(const char *path, bool ours, key_base *ret_base, firn_error *err)
{
    int         fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat facts;
    size_t      size;
    void       *bytes;

    if (fd < 0) return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot open the key index '%s'", path);
    if (fstat(fd, &facts) != 0) facts.st_size = 0;
    size = facts.st_size > 0 ? (size_t) facts.st_size : 0;
    bytes = size ? mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    (void) close(fd);
    if (bytes != MAP_FAILED) {
        (void) madvise(bytes, size, MADV_SEQUENTIAL);
        if (parse(firn_slice_of(bytes, size), ours, true, ret_base)) {
            (void) madvise(bytes, size, MADV_RANDOM);
            return FIRN_OK;
        }
        (void) munmap(bytes, size);
    }
    return firn_fail(err, FIRN_E_INDEX_DAMAGED, "the key index '%s' is damaged", path);
}

/* The system's calls want it without const. */
static void *
mapping(const key_base *base)
{
    union {
        const uint8_t *ours;
        void          *theirs;
    } bytes = {base->bytes};

    return bytes.theirs;
}

void
key_base_release(const key_base *base)
{
    if (base->mapped) (void) madvise(mapping(base), base->size_bytes, MADV_DONTNEED);
}

void
key_base_close(key_base *base)
{
    if (base->mapped) (void) munmap(mapping(base), base->size_bytes);
    *base = (key_base){0};
}

static size_t
bucket_of(unsigned bucket_bits, key_hash key)
{
    return (size_t) (key.high >> (64 - bucket_bits));
}

const void *
key_base_directory_at(const key_base *base, key_hash key)
{
    return base->directory + 4 * bucket_of(base->bucket_bits, key);
}

/* Hashes are even, so that a key lies about as far within its bucket's entries as within the bucket's range. */
static uint64_t
guess(const key_base *base, key_hash key, uint32_t *ret_first, uint32_t *ret_end)
{
    size_t   bucket = bucket_of(base->bucket_bits, key);
    uint64_t within = (key.high << base->bucket_bits) >> 32;

    *ret_first = load_le32(base->directory + 4 * bucket);
    *ret_end = load_le32(base->directory + 4 * bucket + 4);
    return *ret_first + (((uint64_t) (*ret_end - *ret_first) * within) >> 32);
}

const void *
key_base_guess_at(const key_base *base, key_hash key)
{
    uint32_t first, end;

    return base->entries + guess(base, key, &first, &end) * KEY_ENTRY_BYTES;
}

/* Many entries in one bucket: copies of one row. */
static uint64_t
find_by_halves(const key_base *base, key_hash key, uint64_t low, uint64_t high)
{
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;

        if (key_hash_less(key_base_key(base, middle), key))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint64_t
key_base_find(const key_base *base, key_hash key)
{
    uint32_t first, end;
    uint64_t at = guess(base, key, &first, &end);

    if (first == end) return KEY_PLACE_NONE;
    if (end - first > 8 * BUCKET_ENTRIES) {
        at = find_by_halves(base, key, first, end);
    } else if (key_hash_less(key_base_key(base, at), key)) {
        while (at < end && key_hash_less(key_base_key(base, at), key)) at++;
    } else {
        while (at > first && !key_hash_less(key_base_key(base, at - 1), key)) at--;
    }
    return at < end && key_hash_equal(key_base_key(base, at), key) ? key_base_place(base, at) : KEY_PLACE_NONE;
}

/* ---- writing ---- */

struct key_base_writer {
    int         fd;
    char       *path, *temporary;
    firn_buffer out;
    uint32_t   *directory;
    size_t      bucket_count, bucket; /* all, those begun */
    unsigned    bucket_bits;
    uint64_t    count, count_max, checksum;
    key_hash    last;
    key_seed    seed;
    bool        copies, closed;
};

static firn_status
open_file(key_base_writer *w, const char *path, firn_error *err)
{
    static const uint8_t zeros[HEADER_BYTES];
    size_t               size = strlen(path) + 5;

    w->path = firn_strdup(path);
    w->temporary = firn_alloc(size);
    if (!w->path || !w->temporary) return firn_fail_memory(err, "the key index");
    memcpy(w->temporary, path, size - 5);
    memcpy(w->temporary + size - 5, ".new", 5);
    w->fd = open(w->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (w->fd < 0) return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot make '%s'", w->temporary);
    return file_write_all(w->fd, zeros, sizeof zeros, w->temporary, err);
}

firn_status
key_base_writer_open(const char *path, uint64_t count_max, const key_seed *seed, bool copies,
                     key_base_writer **ret_writer, firn_error *err)
{
    FIRN_AUTO(key_base_writer_freep) key_base_writer *w = firn_calloc(1, sizeof *w);

    if (!w) return firn_fail_memory(err, "the key index");
    w->fd = -1;
    w->seed = *seed;
    w->copies = copies;
    w->count_max = count_max;
    firn_buffer_init(&w->out, (size_t) 4 * INDEX_CHECKSUM_CHUNK);
    w->bucket_bits = 1;
    while (w->bucket_bits < BUCKET_BITS_MAX && ((uint64_t) BUCKET_ENTRIES << w->bucket_bits) < count_max)
        w->bucket_bits++;
    w->bucket_count = (size_t) 1 << w->bucket_bits;
    w->directory = firn_alloc((w->bucket_count + 1) * sizeof *w->directory);
    if (!w->directory) return firn_fail_memory(err, "the key index");
    FIRN_TRY(firn_buffer_reserve(&w->out, (size_t) 4 * INDEX_CHECKSUM_CHUNK, err));
    if (count_max > KEY_BASE_COUNT_MAX)
        return firn_fail(err, FIRN_E_INDEX_LIMIT, "a key index holds up to 2^32 keys");
    FIRN_TRY(open_file(w, path, err));
    *ret_writer = FIRN_STEAL(w);
    return FIRN_OK;
}

void
key_base_writer_free(key_base_writer *w)
{
    if (!w) return;
    if (w->fd >= 0) (void) close(w->fd);
    if (w->fd >= 0 && !w->closed) (void) unlink(w->temporary);
    firn_buffer_done(&w->out);
    firn_free(w->directory);
    firn_free(w->path);
    firn_free(w->temporary);
    firn_free(w);
}

/* Whole chunks go out, so that the checksum is that of the file's bytes cut at the same places. */
static firn_status
flush(key_base_writer *w, bool all, firn_error *err)
{
    size_t size = all ? w->out.size : w->out.size / INDEX_CHECKSUM_CHUNK * INDEX_CHECKSUM_CHUNK;

    w->checksum = index_checksum(w->checksum, w->out.data, size);
    FIRN_TRY(file_write_all(w->fd, w->out.data, size, w->temporary, err));
    memmove(w->out.data, w->out.data + size, w->out.size - size);
    w->out.size -= size;
    return FIRN_OK;
}

static firn_status
put(key_base_writer *w, const void *bytes, size_t size, firn_error *err)
{
    const uint8_t *from = bytes;

    while (size > 0) {
        size_t room = w->out.capacity - w->out.size, part = size < room ? size : room;

        memcpy(w->out.data + w->out.size, from, part);
        w->out.size += part;
        from += part;
        size -= part;
        if (w->out.size == w->out.capacity) FIRN_TRY(flush(w, false, err));
    }
    return FIRN_OK;
}

firn_status
key_base_writer_add(key_base_writer *w, const uint8_t *entries, size_t count, firn_error *err)
{
    key_hash last = w->last;
    size_t   bucket = w->bucket;

    assert(count <= w->count_max - w->count);
    for (size_t i = 0; i < count; i++) {
        key_hash key = key_entry_key(entries + i * KEY_ENTRY_BYTES);

        assert(w->count + i == 0 || key_hash_less(last, key));
        for (; bucket <= bucket_of(w->bucket_bits, key); bucket++) w->directory[bucket] = (uint32_t) (w->count + i);
        last = key;
    }
    w->last = last;
    w->bucket = bucket;
    w->count += count;
    return put(w, entries, count * KEY_ENTRY_BYTES, err);
}

static firn_status
write_header(key_base_writer *w, uint64_t extra_size, firn_error *err)
{
    uint8_t h[HEADER_USED] = {0};

    store_le64(h, MAGIC);
    store_le64(h + 8, w->copies ? FLAG_COPIES : 0);
    store_le64(h + 16, w->count);
    store_le32(h + 24, w->bucket_bits);
    store_le64(h + 32, extra_size);
    store_le64(h + 40, w->seed.a);
    store_le64(h + 48, w->seed.b);
    store_le64(h + 56, firn_random_u64());
    store_le64(h + 64, w->checksum);
    store_le64(h + HEADER_USED - 8, firn_hash_bytes(h, HEADER_USED - 8));
    if (lseek(w->fd, 0, SEEK_SET) != 0)
        return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot write '%s'", w->temporary);
    return file_write_all(w->fd, h, sizeof h, w->temporary, err);
}

firn_status
key_base_writer_close(key_base_writer *w, firn_slice extra, firn_error *err)
{
    for (; w->bucket <= w->bucket_count; w->bucket++) w->directory[w->bucket] = (uint32_t) w->count;
    FIRN_TRY(put(w, w->directory, (w->bucket_count + 1) * sizeof *w->directory, err));
    FIRN_TRY(put(w, extra.data, extra.size, err));
    FIRN_TRY(flush(w, true, err));
    FIRN_TRY(write_header(w, extra.size, err));
    if (rename(w->temporary, w->path) != 0)
        return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot name '%s'", w->path);
    w->closed = true;
    return FIRN_OK;
}
