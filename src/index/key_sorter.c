#include "index/key_sorter.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"

#define RUNS_MAX 4096
#define CHANGES_MIN 4096
#define KEY_BITS 96
#define DIGIT_BITS 11      /* of a pass over many; what is equal in them is sorted by insertion or again */
#define DIGIT_BITS_SMALL 5 /* of a pass over few, for which counting 2^11 digits is not worth it */
#define MANY 4096
#define INSERTION_MAX 32

/* Changes of one sorted run that are still to come. */
typedef struct sorted_run {
    uint64_t    file_offset, left; /* in the file, changes */
    key_change *buffer;            /* NULL: all in memory */
    size_t      at, count;
    unsigned    number;            /* later runs have later changes */
} sorted_run;

struct key_sorter {
    char       *spill_path;
    int         fd; /* -1: nothing spilled */
    bool        copies;
    key_change *changes, *scratch; /* capacity each */
    size_t      count, capacity;
    uint64_t    added_count;
    sorted_run *runs; /* once finished: a heap, the least key on top */
    size_t      run_count, run_capacity, heap_count;
    uint64_t    spilled_bytes;
    key_change  last; /* given out; of copies only */
    uint32_t    copy;
    bool        has_last;
};

firn_status
key_sorter_new(const char *spill_path, size_t memory_bytes_max, bool copies, key_sorter **ret_sorter, firn_error *err)
{
    FIRN_AUTO(key_sorter_freep) key_sorter *s = firn_calloc(1, sizeof *s);

    if (!s) return firn_fail_memory(err, "sorting keys");
    s->fd = -1;
    s->copies = copies;
    s->spill_path = firn_strdup(spill_path);
    s->capacity = memory_bytes_max / 2 / sizeof(key_change);
    if (s->capacity > UINT32_MAX) s->capacity = UINT32_MAX;
    if (s->capacity < CHANGES_MIN) s->capacity = CHANGES_MIN;
    s->changes = firn_alloc(s->capacity * sizeof *s->changes);
    s->scratch = firn_alloc(s->capacity * sizeof *s->scratch);
    if (!s->spill_path || !s->changes || !s->scratch) return firn_fail_memory(err, "sorting keys");
    *ret_sorter = FIRN_STEAL(s);
    return FIRN_OK;
}

void
key_sorter_free(key_sorter *s)
{
    if (!s) return;
    if (s->fd >= 0) (void) close(s->fd);
    for (size_t i = 0; i < s->run_count; i++) {
        if (s->runs[i].buffer != s->changes) firn_free(s->runs[i].buffer);
    }
    firn_free(s->runs);
    firn_free(s->changes);
    firn_free(s->scratch);
    firn_free(s->spill_path);
    firn_free(s);
}

uint64_t
key_sorter_added(const key_sorter *s)
{
    return s->added_count;
}

/* ---- sorting ---- */

static void
sort_by_insertion(key_change changes[], size_t count)
{
    for (size_t i = 1; i < count; i++) {
        key_change change = changes[i];
        size_t     at = i;

        for (; at > 0 && key_hash_less(change.key, changes[at - 1].key); at--) changes[at] = changes[at - 1];
        changes[at] = change;
    }
}

static unsigned
digit_of(key_hash key, unsigned shift, unsigned mask)
{
    uint64_t bits = shift >= 32 ? key.high >> (shift - 32) : key.high << (32 - shift) | key.low >> shift;

    return (unsigned) bits & mask;
}

/* Stable, by the lowest `bits` bits of the keys, the highest digit first. */
static void
sort_changes(key_change changes[], key_change scratch[], size_t count, unsigned bits)
{
    uint32_t starts[(1u << DIGIT_BITS) + 1];
    unsigned digit_bits = count >= MANY ? DIGIT_BITS : DIGIT_BITS_SMALL;
    unsigned shift = bits > digit_bits ? bits - digit_bits : 0, mask = (1u << digit_bits) - 1;

    if (count <= INSERTION_MAX) {
        sort_by_insertion(changes, count);
        return;
    }
    memset(starts, 0, (mask + 2) * sizeof *starts);
    for (size_t i = 0; i < count; i++) starts[digit_of(changes[i].key, shift, mask) + 1]++;
    for (unsigned d = 0; d <= mask; d++) starts[d + 1] += starts[d];
    for (size_t i = 0; i < count; i++) scratch[starts[digit_of(changes[i].key, shift, mask)]++] = changes[i];
    memcpy(changes, scratch, count * sizeof *changes);
    if (shift == 0) return;
    for (size_t begin = 0; begin < count;) {
        size_t end = starts[digit_of(changes[begin].key, shift, mask)]; // its start has moved to its end

        sort_changes(changes + begin, scratch, end - begin, shift);
        begin = end;
    }
}

/* Without copies, the last change of each key stays. */
static void
sort_run(key_sorter *s)
{
    size_t kept = 0;

    sort_changes(s->changes, s->scratch, s->count, KEY_BITS);
    if (s->copies) return;
    for (size_t i = 0; i < s->count; i++) {
        if (i + 1 < s->count && key_hash_equal(s->changes[i].key, s->changes[i + 1].key)) continue;
        s->changes[kept++] = s->changes[i];
    }
    s->count = kept;
}

/* ---- runs ---- */

static firn_status
add_run(key_sorter *s, firn_error *err)
{
    if (s->run_count == s->run_capacity) {
        size_t      capacity = s->run_capacity ? s->run_capacity * 2 : 16;
        sorted_run *runs = firn_realloc(s->runs, capacity * sizeof *runs);

        if (!runs) return firn_fail_memory(err, "sorting keys");
        s->runs = runs;
        s->run_capacity = capacity;
    }
    s->runs[s->run_count] = (sorted_run){s->spilled_bytes, s->count, NULL, 0, 0, (unsigned) s->run_count};
    s->run_count++;
    return FIRN_OK;
}

static firn_status
spill_run(key_sorter *s, firn_error *err)
{
    if (s->fd < 0) {
        s->fd = open(s->spill_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (s->fd < 0) return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot make '%s'", s->spill_path);
        (void) unlink(s->spill_path); // it lives as long as we have it open
    }
    if (s->run_count == RUNS_MAX) return firn_fail(err, FIRN_E_INDEX_LIMIT, "too many keys to sort in the memory given");
    sort_run(s);
    FIRN_TRY(add_run(s, err));
    FIRN_TRY(file_write_all(s->fd, s->changes, s->count * sizeof *s->changes, s->spill_path, err));
    s->spilled_bytes += s->count * sizeof *s->changes;
    s->count = 0;
    return FIRN_OK;
}

firn_status
key_sorter_add(key_sorter *s, const key_change changes[], size_t count, firn_error *err)
{
    s->added_count += count;
    while (count > 0) {
        size_t room = s->capacity - s->count, part = count < room ? count : room;

        memcpy(s->changes + s->count, changes, part * sizeof *changes);
        s->count += part;
        changes += part;
        count -= part;
        if (s->count == s->capacity && count > 0) FIRN_TRY(spill_run(s, err));
    }
    return FIRN_OK;
}

static firn_status
fill_run(key_sorter *s, sorted_run *run, firn_error *err)
{
    size_t   part = s->capacity / (s->run_count + 1) + 1, size;
    uint8_t *into = (uint8_t *) run->buffer;

    run->at = 0;
    run->count = run->left < part ? (size_t) run->left : part;
    size = run->count * sizeof(key_change);
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(s->fd, into + done, size - done, (off_t) (run->file_offset + done));

        if (got < 0 && errno == EINTR) continue;
        if (got <= 0)
            return firn_fail_errno(err, FIRN_E_STORAGE_IO, got < 0 ? errno : EIO, "cannot read '%s'", s->spill_path);
        done += (size_t) got;
    }
    run->file_offset += size;
    run->left -= run->count;
    return FIRN_OK;
}

static bool
run_before(const sorted_run *a, const sorted_run *b)
{
    key_hash x = a->buffer[a->at].key, y = b->buffer[b->at].key;

    return key_hash_equal(x, y) ? a->number < b->number : key_hash_less(x, y);
}

static void
sink_run(key_sorter *s, size_t at)
{
    for (;;) {
        size_t     least = at, left = 2 * at + 1;
        sorted_run swap;

        if (left < s->heap_count && run_before(&s->runs[left], &s->runs[least])) least = left;
        if (left + 1 < s->heap_count && run_before(&s->runs[left + 1], &s->runs[least])) least = left + 1;
        if (least == at) return;
        swap = s->runs[at];
        s->runs[at] = s->runs[least];
        s->runs[least] = swap;
        at = least;
    }
}

firn_status
key_sorter_finish(key_sorter *s, firn_error *err)
{
    if (s->fd >= 0) {
        if (s->count > 0) FIRN_TRY(spill_run(s, err));
        // What sorting needed is for the runs' buffers now.
        firn_free(s->changes);
        firn_free(s->scratch);
        s->changes = s->scratch = NULL;
        for (size_t i = 0; i < s->run_count; i++) {
            s->runs[i].buffer = firn_alloc((s->capacity / (s->run_count + 1) + 1) * sizeof(key_change));
            if (!s->runs[i].buffer) return firn_fail_memory(err, "sorting keys");
            FIRN_TRY(fill_run(s, &s->runs[i], err));
        }
    } else if (s->count > 0) {
        sort_run(s);
        FIRN_TRY(add_run(s, err));
        s->runs[0].buffer = s->changes;
        s->runs[0].count = s->count;
        s->runs[0].left = 0;
    }
    s->heap_count = s->run_count;
    for (size_t i = s->heap_count / 2; i > 0; i--) sink_run(s, i - 1);
    return FIRN_OK;
}

/* The next one as the runs have it, several of a key in the order they came. */
static firn_status
pop(key_sorter *s, key_change *ret_change, firn_error *err)
{
    sorted_run *run = &s->runs[0];

    *ret_change = run->buffer[run->at++];
    if (run->at == run->count && run->left > 0) FIRN_TRY(fill_run(s, run, err));
    if (run->at == run->count) {
        sorted_run done = *run;

        *run = s->runs[--s->heap_count];
        s->runs[s->heap_count] = done;
    }
    sink_run(s, 0);
    return FIRN_OK;
}

static void
number_copy(key_sorter *s, key_change *change)
{
    s->copy = s->has_last && key_hash_equal(s->last.key, change->key) ? s->copy + 1 : 0;
    s->last = *change;
    s->has_last = true;
    change->key.low += s->copy;
}

firn_status
key_sorter_next(key_sorter *s, key_change *ret_change, bool *ret_more, firn_error *err)
{
    *ret_more = s->heap_count > 0;
    if (!*ret_more) return FIRN_OK;
    FIRN_TRY(pop(s, ret_change, err));
    while (!s->copies && s->heap_count > 0 && key_hash_equal(s->runs[0].buffer[s->runs[0].at].key, ret_change->key))
        FIRN_TRY(pop(s, ret_change, err));
    if (s->copies) number_copy(s, ret_change);
    return FIRN_OK;
}
