#include "index/key_index.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "index/key_base.h"
#include "index/key_delta.h"
#include "index/key_log.h"
#include "index/key_sorter.h"

#define PUTS_AHEAD 16 /* whose slots are asked of the memory */
#define MEMORY_DEFAULT ((size_t) 64 << 20)
#define DELTA_COUNT_MIN 16384
#define RANK_BITS 16  /* of a key's hash, by which a window's keys are put in order */
#define LOOK_AHEAD 16 /* keys whose cache lines are asked for before they are looked at */
#define COPY_LOW_MASK INT32_MAX
#define BASE_PART 4096 /* entries of the base that are copied at a time */

struct key_index {
    char          *folder;
    bool           copies;
    size_t         memory_bytes_max;
    unsigned       number; /* of the base and its log */
    key_base       base;
    key_log       *log;
    key_delta      delta;
    index_state    state;
    file_registry *files;
    bool           failed;
};

static char *
name_of(const char *folder, const char *kind, unsigned number)
{
    size_t size = strlen(folder) + 32;
    char  *name = firn_alloc(size);

    if (name) (void) snprintf(name, size, "%s/%s-%u", folder, kind, number);
    return name;
}

static firn_status
remove_named(const char *folder, const char *kind, unsigned number, firn_error *err)
{
    FIRN_AUTO(firn_freep) char *name = name_of(folder, kind, number);

    if (!name) return firn_fail_memory(err, "the key index");
    (void) unlink(name);
    return FIRN_OK;
}

/* ---- what lies in the folder ---- */

typedef struct found_numbers {
    unsigned highest;
    bool     any;
} found_numbers;

/* Goes through the bases and logs, and removes all but `keep` where that is asked for. */
static firn_status
look_through(const char *folder, bool removes, unsigned keep, found_numbers *ret_found, firn_error *err)
{
    DIR           *list = opendir(folder);
    struct dirent *item;
    firn_status    status = FIRN_OK;

    *ret_found = (found_numbers){0};
    if (!list && errno == ENOENT) return FIRN_OK;
    if (!list) return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot read the folder '%s'", folder);
    while (status == FIRN_OK && (item = readdir(list))) {
        const char *kind = text_starts_with(item->d_name, "base-") ? "base" : "log";
        uint64_t    number;

        if (kind[0] == 'l' && !text_starts_with(item->d_name, "log-")) continue;
        if (!text_parse_u64(firn_slice_text(item->d_name + strlen(kind) + 1), &number)) continue;
        if (number >= UINT32_MAX) continue;
        if (removes && number != keep) status = remove_named(folder, kind, (unsigned) number, err);
        if (kind[0] == 'l') continue;
        if (!ret_found->any || number > ret_found->highest) ret_found->highest = (unsigned) number;
        ret_found->any = true;
    }
    (void) closedir(list);
    return status;
}

/* ---- opening ---- */

void
key_index_free(key_index *index)
{
    if (!index) return;
    key_base_close(&index->base);
    key_log_close(index->log);
    key_delta_done(&index->delta);
    file_registry_free(index->files);
    firn_free(index->folder);
    firn_free(index);
}

static firn_status
fail_damaged(const key_index *index, firn_error *err)
{
    return firn_fail(err, FIRN_E_INDEX_DAMAGED, "the key index in '%s' is damaged", index->folder);
}

static firn_status
index_new(const key_index_settings *settings, key_index **ret_index, firn_error *err)
{
    FIRN_AUTO(key_index_freep) key_index *index = firn_calloc(1, sizeof *index);

    if (!index) return firn_fail_memory(err, "the key index");
    index->copies = settings->copies;
    index->memory_bytes_max = settings->memory_bytes_max ? settings->memory_bytes_max : MEMORY_DEFAULT;
    index->folder = firn_strdup(settings->folder);
    index->files = file_registry_new();
    if (!index->folder || !index->files) return firn_fail_memory(err, "the key index");
    *ret_index = FIRN_STEAL(index);
    return FIRN_OK;
}

/* The head of a record: state, removed files, added files. */
static firn_status
write_head(const key_index_window *w, firn_buffer *out, firn_error *err)
{
    uint8_t number[4];

    firn_buffer_init(out, KEY_LOG_HEAD_MAX);
    FIRN_TRY(index_state_add(w->state, out, err));
    store_le32(number, w->removed_file_count);
    FIRN_TRY(firn_buffer_add(out, number, sizeof number, err));
    for (unsigned i = 0; i < w->removed_file_count; i++) {
        store_le32(number, w->removed_files[i]);
        FIRN_TRY(firn_buffer_add(out, number, sizeof number, err));
    }
    store_le32(number, w->added_file_count);
    FIRN_TRY(firn_buffer_add(out, number, sizeof number, err));
    for (unsigned i = 0; i < w->added_file_count; i++) {
        store_le32(number, (uint32_t) strlen(w->added_files[i]));
        FIRN_TRY(firn_buffer_add(out, number, sizeof number, err));
        FIRN_TRY(firn_buffer_add_text(out, w->added_files[i], err));
    }
    return FIRN_OK;
}

static firn_status
apply_head(key_index *index, firn_slice head, bool *ret_valid, firn_error *err)
{
    firn_reader in = firn_reader_of(head);
    uint32_t    count, number;

    *ret_valid = false;
    if (!index_state_read(&in, &index->state)) return FIRN_OK;
    count = firn_reader_le32(&in);
    if (count > firn_reader_left(&in) / 4) return FIRN_OK;
    for (uint32_t i = 0; i < count; i++) file_registry_remove(index->files, firn_reader_le32(&in));
    count = firn_reader_le32(&in);
    if (count > firn_reader_left(&in) / 4) return FIRN_OK;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t       size = firn_reader_le32(&in);
        const uint8_t *path = firn_reader_take(&in, size);

        if (!path || memchr(path, 0, size)) return FIRN_OK;
        FIRN_TRY(file_registry_add(index->files, firn_slice_of(path, size), &number, err));
    }
    *ret_valid = !in.failed && firn_reader_left(&in) == 0;
    return FIRN_OK;
}

static firn_status
replay_record(void *state, firn_slice head, const uint8_t *changes, size_t count, firn_error *err)
{
    key_index *index = state;
    bool       valid;

    FIRN_TRY(apply_head(index, head, &valid, err));
    if (!valid) return fail_damaged(index, err);
    FIRN_TRY(key_delta_reserve(&index->delta, count, err));
    for (size_t i = 0; i < count; i++) {
        key_change change = key_log_change(changes, i);

        key_delta_put(&index->delta, change.key, change.place);
    }
    return FIRN_OK;
}

static firn_status
open_log(key_index *index, firn_error *err)
{
    FIRN_AUTO(firn_freep) char *name = name_of(index->folder, "log", index->number);

    if (!name) return firn_fail_memory(err, "the key index");
    if (key_log_open(name, index->base.id, replay_record, index, &index->log, err) == FIRN_OK) return FIRN_OK;
    if (err->status != FIRN_NOT_FOUND) return err->status;
    firn_error_reset(err); // the base was written, and nothing since
    return key_log_create(name, index->base.id, &index->log, err);
}

static firn_status
open_base(key_index *index, bool ours, firn_error *err)
{
    FIRN_AUTO(firn_freep) char *name = name_of(index->folder, "base", index->number);
    firn_reader in;
    bool        valid;

    if (!name) return firn_fail_memory(err, "the key index");
    FIRN_TRY(key_base_open(name, ours, &index->base, err));
    in = firn_reader_of(index->base.extra);
    if (index->base.copies != index->copies || !index_state_read(&in, &index->state)) return fail_damaged(index, err);
    FIRN_TRY(file_registry_read(index->files, &in, &valid, err));
    return valid ? FIRN_OK : fail_damaged(index, err);
}

firn_status
key_index_open(const key_index_settings *settings, key_index **ret_index, firn_error *err)
{
    FIRN_AUTO(key_index_freep) key_index *index = NULL;
    found_numbers found;

    FIRN_TRY(index_new(settings, &index, err));
    FIRN_TRY(look_through(index->folder, false, 0, &found, err));
    if (!found.any) return firn_fail(err, FIRN_E_INDEX_MISSING, "there is no key index in '%s'", index->folder);
    index->number = found.highest;
    FIRN_TRY(open_base(index, false, err));
    FIRN_TRY(open_log(index, err));
    // Of before the last base was written, where its writer died before it tidied up.
    FIRN_TRY(look_through(index->folder, true, index->number, &found, err));
    *ret_index = FIRN_STEAL(index);
    return FIRN_OK;
}

const index_state *
key_index_state(const key_index *index)
{
    return &index->state;
}

const key_seed *
key_index_seed(const key_index *index)
{
    return &index->base.seed;
}

const file_registry *
key_index_files(const key_index *index)
{
    return index->files;
}

uint64_t
key_index_size_bytes(const key_index *index)
{
    return index->base.size_bytes + key_log_size_bytes(index->log);
}

uint64_t
key_index_count_max(const key_index *index)
{
    return index->base.count + index->delta.count;
}

/* ---- looking up ---- */

static bool
has_row(const key_index *index, uint64_t place)
{
    return place != KEY_PLACE_NONE && file_registry_path(index->files, key_place_file(place)) != NULL;
}

static uint64_t
find_one(const key_index *index, key_hash key)
{
    uint64_t place;

    if (!key_delta_get(&index->delta, key, &place)) place = key_base_find(&index->base, key);
    return has_row(index, place) ? place : KEY_PLACE_NONE;
}

/* Up to LOOK_AHEAD keys: keys[order[i]], or without an order keys[i]. */
static void
find_some(const key_index *index, const key_hash keys[], const uint32_t order[], size_t begin, size_t end,
          uint64_t ret_places[])
{
    for (size_t i = begin; i < end; i++) {
        key_hash key = keys[order ? order[i] : i];

        if (index->delta.count) __builtin_prefetch(key_delta_home(&index->delta, key));
        __builtin_prefetch(key_base_directory_at(&index->base, key));
    }
    for (size_t i = begin; i < end; i++) __builtin_prefetch(key_base_guess_at(&index->base, keys[order ? order[i] : i]));
    for (size_t i = begin; i < end; i++) {
        size_t at = order ? order[i] : i;

        ret_places[at] = find_one(index, keys[at]);
    }
}

static size_t
rank_of(key_hash key)
{
    return (size_t) (key.high >> (64 - RANK_BITS));
}

/* The keys about as they lie in the base. NULL: no memory for it. */
static uint32_t *
order_by_rank(const key_hash keys[], size_t count)
{
    FIRN_AUTO(firn_freep) uint32_t *starts = firn_calloc((size_t) 1 << RANK_BITS, sizeof *starts);
    uint32_t                       *order = count <= UINT32_MAX ? firn_alloc(count * sizeof *order) : NULL;
    uint32_t                        start = 0;

    if (!starts || !order) {
        firn_free(order);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) starts[rank_of(keys[i])]++;
    for (size_t rank = 0; rank < (size_t) 1 << RANK_BITS; rank++) {
        uint32_t here = starts[rank];

        starts[rank] = start;
        start += here;
    }
    for (size_t i = 0; i < count; i++) order[starts[rank_of(keys[i])]++] = (uint32_t) i;
    return order;
}

/* One walk through a large base, which lets go of what lies behind: all of it would become resident otherwise. */
void
key_index_find(const key_index *index, const key_hash keys[], size_t count, uint64_t ret_places[])
{
    bool                            is_large = index->base.size_bytes > KEY_BASE_RESIDENT_MAX;
    FIRN_AUTO(firn_freep) uint32_t *order = is_large ? order_by_rank(keys, count) : NULL;
    size_t                          parts = index->base.size_bytes / KEY_BASE_RESIDENT_MAX + 1, part = 0;

    for (size_t begin = 0; begin < count; begin += LOOK_AHEAD) {
        size_t end = begin + LOOK_AHEAD < count ? begin + LOOK_AHEAD : count, now;

        find_some(index, keys, order, begin, end, ret_places);
        if (!order) continue;
        now = rank_of(keys[order[end - 1]]) * parts >> RANK_BITS;
        if (now != part) key_base_release(&index->base);
        part = now;
    }
    if (is_large) key_base_release(&index->base);
}

static key_hash
copy_key(key_hash key, uint64_t number)
{
    return (key_hash){key.high, (key.low & COPY_LOW_MASK) + (uint32_t) number};
}

/* How many copies there are: they are numbered without a gap, so that doubling and halving finds the end. */
static uint64_t
count_copies(const key_index *index, key_hash key)
{
    uint64_t has = 0, has_not = 1;

    while (has_not <= COPY_LOW_MASK && find_one(index, copy_key(key, has_not - 1)) != KEY_PLACE_NONE) {
        has = has_not;
        has_not *= 2;
    }
    while (has_not - has > 1) {
        uint64_t middle = has + (has_not - has) / 2;

        if (find_one(index, copy_key(key, middle - 1)) != KEY_PLACE_NONE)
            has = middle;
        else
            has_not = middle;
    }
    return has;
}

size_t
key_index_find_copies(const key_index *index, key_hash key, size_t wanted, uint64_t ret_places[])
{
    uint64_t count = count_copies(index, key);
    size_t   found = 0;

    assert(index->copies);
    while (found < wanted && found < count) {
        ret_places[found] = find_one(index, copy_key(key, count - found - 1));
        found++;
    }
    return found;
}

/* ---- writing a base ---- */

typedef struct merging {
    key_index       *index;
    key_base_writer *w;
    uint64_t         at, released; /* entries of the base that are behind; those let go of */
    uint32_t         live;         /* the file of the entry before, which is there */
} merging;

/* Keys of files that are gone stay away: compaction has written them elsewhere. */
static firn_status
add_live(merging *m, const uint8_t *entries, size_t count, firn_error *err)
{
    size_t begin = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t place = key_entry_place(entries + i * KEY_ENTRY_BYTES);

        if (key_place_file(place) == m->live) continue;
        if (has_row(m->index, place)) {
            m->live = key_place_file(place);
            continue;
        }
        FIRN_TRY(key_base_writer_add(m->w, entries + begin * KEY_ENTRY_BYTES, i - begin, err));
        begin = i + 1;
    }
    return key_base_writer_add(m->w, entries + begin * KEY_ENTRY_BYTES, count - begin, err);
}

/* What the base has below `end`, or to its end; that with the key `end` is left out. */
static firn_status
add_base(merging *m, const key_hash *end, firn_error *err)
{
    const key_base *base = &m->index->base;
    bool            reached = false;

    while (m->at < base->count && !reached) {
        uint64_t begin = m->at, stop = base->count - begin < BASE_PART ? base->count : begin + BASE_PART;

        while (m->at < stop && (!end || key_hash_less(key_base_key(base, m->at), *end))) m->at++;
        reached = m->at < stop;
        FIRN_TRY(add_live(m, base->entries + begin * KEY_ENTRY_BYTES, (size_t) (m->at - begin), err));
        if (reached && key_hash_equal(key_base_key(base, m->at), *end)) m->at++;
        if ((m->at - m->released) * KEY_ENTRY_BYTES < KEY_BASE_RESIDENT_MAX) continue;
        key_base_release(base);
        m->released = m->at;
    }
    return FIRN_OK;
}

/* Each change stands behind what the base has below it, and in place of what it has of the key. */
static firn_status
add_changes(merging *m, const uint8_t *entries, size_t count, firn_error *err)
{
    const key_base *base = &m->index->base;
    size_t          begin = 0;

    for (size_t i = 0; i < count && m->at < base->count; i++) {
        key_hash key = key_entry_key(entries + i * KEY_ENTRY_BYTES);

        if (key_hash_less(key, key_base_key(base, m->at))) continue;
        FIRN_TRY(add_live(m, entries + begin * KEY_ENTRY_BYTES, i - begin, err));
        begin = i;
        FIRN_TRY(add_base(m, &key, err));
    }
    return add_live(m, entries + begin * KEY_ENTRY_BYTES, count - begin, err);
}

/* Base and sorted changes → the next base and an empty log, which the index then has. */
static firn_status
merge(key_index *index, key_sorter *sorter, firn_error *err)
{
    FIRN_AUTO(firn_freep) char *name = name_of(index->folder, "base", index->number + 1);
    FIRN_AUTO(key_base_writer_freep) key_base_writer *w = NULL;
    FIRN_AUTO(firn_buffer_done) firn_buffer extra = {0};
    const key_base *base = &index->base;
    merging         m = {.index = index, .live = UINT32_MAX};
    const uint8_t  *changes;
    size_t          count;

    if (!name) return firn_fail_memory(err, "the key index");
    FIRN_TRY(key_base_writer_open(name, base->count + key_sorter_added(sorter), &base->seed, index->copies, &w, err));
    m.w = w;
    do {
        FIRN_TRY(key_sorter_next(sorter, &changes, &count, err));
        FIRN_TRY(add_changes(&m, changes, count, err));
    } while (count > 0);
    FIRN_TRY(add_base(&m, NULL, err));
    firn_buffer_init(&extra, KEY_BASE_EXTRA_MAX);
    FIRN_TRY(index_state_add(&index->state, &extra, err));
    FIRN_TRY(file_registry_write(index->files, &extra, err));
    return key_base_writer_close(w, firn_buffer_slice(&extra), err);
}

/* The base of the next number takes over. */
static firn_status
switch_base(key_index *index, firn_error *err)
{
    FIRN_AUTO(file_registry_freep) file_registry *files = file_registry_new();
    found_numbers unused;

    if (!files) return firn_fail_memory(err, "the key index");
    file_registry_free(index->files);
    index->files = FIRN_STEAL(files);
    key_base_close(&index->base);
    key_log_close(index->log);
    index->log = NULL;
    key_delta_reset(&index->delta);
    index->number++;
    FIRN_TRY(open_base(index, true, err));
    FIRN_TRY(open_log(index, err));
    return look_through(index->folder, true, index->number, &unused, err);
}

static firn_status
add_delta(const key_index *index, key_sorter *sorter, firn_error *err)
{
    for (size_t i = 0; i < index->delta.capacity; i++) {
        const key_delta_slot *slot = &index->delta.slots[i];
        key_change            change = {{slot->high, slot->low}, slot->place};

        if (slot->used) FIRN_TRY(key_sorter_add(sorter, &change, 1, err));
    }
    return FIRN_OK;
}

static firn_status
spill_sorter(const char *folder, size_t memory_bytes_max, bool copies, key_sorter **ret_sorter, firn_error *err)
{
    size_t size = strlen(folder) + 8;
    FIRN_AUTO(firn_freep) char *path = firn_alloc(size);

    if (!path) return firn_fail_memory(err, "the key index");
    (void) snprintf(path, size, "%s/sort", folder);
    return key_sorter_new(path, memory_bytes_max, copies, ret_sorter, err);
}

/* The delta, and then the changes, into the next base. State and files are those of afterwards already. */
static firn_status
write_base(key_index *index, const key_change changes[], size_t count, firn_error *err)
{
    FIRN_AUTO(key_sorter_freep) key_sorter *sorter = NULL;

    FIRN_TRY(spill_sorter(index->folder, index->memory_bytes_max, false, &sorter, err));
    FIRN_TRY(add_delta(index, sorter, err));
    FIRN_TRY(key_sorter_add(sorter, changes, count, err));
    FIRN_TRY(key_sorter_finish(sorter, err));
    FIRN_TRY(merge(index, sorter, err));
    return switch_base(index, err);
}

/* ---- changing ---- */

/* Keys that may be in the delta: its slots are a power of two, and full to two thirds. */
static size_t
delta_count_max(const key_index *index)
{
    size_t slots = 2048, by_memory;
    size_t by_base = (size_t) index->base.count / 4;

    while (2 * slots * sizeof(key_delta_slot) <= index->memory_bytes_max) slots *= 2;
    by_memory = slots / 3 * 2 - 1;

    if (by_base < DELTA_COUNT_MIN) by_base = DELTA_COUNT_MIN;
    return by_base < by_memory ? by_base : by_memory;
}

/* Rows without a key: which copy each of the changes is about. Of a table whose files all go in this window none is left. */
static firn_status
number_copies(const key_index *index, const key_index_window *w, key_change ret_changes[], firn_error *err)
{
    const key_change *changes = w->changes;
    size_t            count = w->change_count;
    FIRN_AUTO(key_delta_done) key_delta counts = {0};
    size_t kept = 0;

    FIRN_TRY(key_delta_reserve(&counts, count, err));
    for (size_t i = 0; i < count; i++) {
        key_hash key = copy_key(changes[i].key, 0);
        uint64_t copies;

        if (!key_delta_get(&counts, key, &copies)) copies = w->removed_file_count ? 0 : count_copies(index, key);
        if (changes[i].place == KEY_PLACE_NONE && copies == 0)
            return firn_fail(err, FIRN_E_BUG, "a row without a key is taken from the index that is not there");
        if (changes[i].place != KEY_PLACE_NONE) copies++;
        ret_changes[kept++] = (key_change){copy_key(key, copies - 1), changes[i].place};
        if (changes[i].place == KEY_PLACE_NONE) copies--;
        key_delta_put(&counts, key, copies);
    }
    return FIRN_OK;
}

static firn_status
apply_changes(key_index *index, const key_index_window *w, const key_change changes[], firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer head = {0};
    bool   is_large = w->change_count > delta_count_max(index);
    bool   valid;
    size_t count = w->change_count;

    FIRN_TRY(write_head(w, &head, err));
    if (!is_large) {
        FIRN_TRY(key_delta_reserve(&index->delta, count, err));
        FIRN_TRY(key_log_append(index->log, firn_buffer_slice(&head), changes, count, err));
    }
    FIRN_TRY(apply_head(index, firn_buffer_slice(&head), &valid, err));
    assert(valid);
    if (is_large) return write_base(index, changes, count, err); // the new base's name is what makes it true
    for (size_t i = 0; i < count; i++) {
        if (i + PUTS_AHEAD < count) __builtin_prefetch(key_delta_home(&index->delta, changes[i + PUTS_AHEAD].key), 1);
        key_delta_put(&index->delta, changes[i].key, changes[i].place);
    }
    if (index->delta.count < delta_count_max(index) &&
        key_log_size_bytes(index->log) < 2 * KEY_ENTRY_BYTES * (uint64_t) delta_count_max(index))
        return FIRN_OK;
    return write_base(index, NULL, 0, err);
}

firn_status
key_index_apply(key_index *index, const key_index_window *window, firn_error *err)
{
    FIRN_AUTO(firn_freep) key_change *numbered = NULL;
    const key_change *changes = window->changes;

    assert(!index->failed);
    index->failed = true;
    if (index->copies) {
        numbered = firn_alloc((window->change_count + 1) * sizeof *numbered);
        if (!numbered) return firn_fail_memory(err, "the key index");
        FIRN_TRY(number_copies(index, window, numbered, err));
        changes = numbered;
    }
    if (apply_changes(index, window, changes, err))
        return firn_while(err, "changing the key index in '%s'", index->folder);
    index->failed = false;
    return FIRN_OK;
}

/* ---- building ---- */

struct key_index_builder {
    key_index  *index; /* not open yet: folder, files, seed */
    key_sorter *sorter;
};

firn_status
key_index_builder_new(const key_index_settings *settings, key_index_builder **ret_builder, firn_error *err)
{
    FIRN_AUTO(key_index_builder_freep) key_index_builder *b = firn_calloc(1, sizeof *b);
    found_numbers found;

    if (!b) return firn_fail_memory(err, "the key index");
    FIRN_TRY(index_new(settings, &b->index, err));
    FIRN_TRY(file_make_folders(settings->folder, 0700, err));
    FIRN_TRY(look_through(settings->folder, false, 0, &found, err));
    b->index->number = found.any ? found.highest : 0;
    b->index->base.seed = (key_seed){firn_random_u64(), firn_random_u64()};
    FIRN_TRY(spill_sorter(settings->folder, b->index->memory_bytes_max, settings->copies, &b->sorter, err));
    *ret_builder = FIRN_STEAL(b);
    return FIRN_OK;
}

void
key_index_builder_free(key_index_builder *b)
{
    if (!b) return;
    key_index_free(b->index);
    key_sorter_free(b->sorter);
    firn_free(b);
}

const key_seed *
key_index_builder_seed(const key_index_builder *b)
{
    return &b->index->base.seed;
}

firn_status
key_index_builder_add_file(key_index_builder *b, const char *path, uint32_t *ret_number, firn_error *err)
{
    return file_registry_add(b->index->files, firn_slice_text(path), ret_number, err);
}

firn_status
key_index_builder_add(key_index_builder *b, const key_change changes[], size_t count, firn_error *err)
{
    key_change part[256];

    if (!b->index->copies) return key_sorter_add(b->sorter, changes, count, err);
    for (size_t i = 0; i < count;) {
        size_t filled = 0;

        for (; i < count && filled < FIRN_COUNT(part); i++)
            part[filled++] = (key_change){copy_key(changes[i].key, 0), changes[i].place};
        FIRN_TRY(key_sorter_add(b->sorter, part, filled, err));
    }
    return FIRN_OK;
}

firn_status
key_index_builder_finish(key_index_builder *b, const index_state *state, key_index **ret_index, firn_error *err)
{
    b->index->state = *state;
    FIRN_TRY(key_sorter_finish(b->sorter, err));
    FIRN_TRY(merge(b->index, b->sorter, err));
    FIRN_TRY(switch_base(b->index, err));
    *ret_index = FIRN_STEAL(b->index);
    return FIRN_OK;
}
