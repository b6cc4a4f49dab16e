#include "follow/table_changes.h"

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/hash.h"

#include <string.h>

#define BLOCK_SIZE ((size_t) 1 << 20)
#define ENTRY_BLOCK_COUNT 4096u
#define SLOT_COUNT_MIN 1024u
#define ENTRY_COUNT_MAX ((uint32_t) 1 << 30)
#define SCRATCH_BYTES_MAX ((size_t) 2 << 30)

typedef struct bytes_block {
    struct bytes_block *next;
    size_t              size, capacity;
    uint8_t             data[];
} bytes_block;

/* A place of the hash table; what the hash has more than the place's number keeps other keys' entries from being looked at. */
typedef struct entry_slot {
    uint32_t entry; /* index + 1; 0: free */
    uint32_t tag;   /* the hash's upper half */
} entry_slot;

struct table_changes {
    unsigned    *key_columns;
    unsigned     key_column_count; /* 0: whole rows */
    bytes_block *blocks;           /* the newest first */
    row_entry  **entry_blocks;
    uint32_t     entry_count, entry_block_capacity;
    entry_slot  *slots;
    uint32_t     slot_count;
    size_t       memory_bytes;
    uint64_t     event_count;
    bool         truncated;
    firn_buffer  key, old_key, row; /* scratch */
    firn_error   ignored;
};

/* ---- life ---- */

firn_status
table_changes_new(const unsigned key_columns[], unsigned key_column_count, table_changes **ret_changes, firn_error *err)
{
    FIRN_AUTO(table_changes_freep) table_changes *t = firn_calloc(1, sizeof *t);

    if (!t) return firn_fail_memory(err, "a table's changes");
    firn_buffer_init(&t->key, SCRATCH_BYTES_MAX);
    firn_buffer_init(&t->old_key, SCRATCH_BYTES_MAX);
    firn_buffer_init(&t->row, SCRATCH_BYTES_MAX);
    t->key_columns = firn_calloc(key_column_count + 1, sizeof *t->key_columns);
    t->slots = firn_calloc(SLOT_COUNT_MIN, sizeof *t->slots);
    if (!t->key_columns || !t->slots) return firn_fail_memory(err, "a table's changes");
    t->slot_count = SLOT_COUNT_MIN;
    for (unsigned i = 0; i < key_column_count; i++) t->key_columns[i] = key_columns[i];
    t->key_column_count = key_column_count;
    *ret_changes = FIRN_STEAL(t);
    return FIRN_OK;
}

static void
free_blocks(table_changes *t)
{
    while (t->blocks) {
        bytes_block *next = t->blocks->next;
        firn_free(t->blocks);
        t->blocks = next;
    }
    for (uint32_t i = 0; i * ENTRY_BLOCK_COUNT < t->entry_count; i++) firn_free(t->entry_blocks[i]);
    t->entry_count = 0;
    t->memory_bytes = 0;
}

void
table_changes_free(table_changes *t)
{
    if (!t) return;
    free_blocks(t);
    firn_free(t->entry_blocks);
    firn_free(t->slots);
    firn_free(t->key_columns);
    firn_buffer_done(&t->key);
    firn_buffer_done(&t->old_key);
    firn_buffer_done(&t->row);
    firn_free(t);
}

/* ---- memory ---- */

static firn_status
keep_bytes(table_changes *t, firn_slice bytes, const uint8_t **ret_kept, firn_error *err)
{
    bytes_block *block = t->blocks;

    if (!block || block->capacity - block->size < bytes.size) {
        size_t capacity = bytes.size > BLOCK_SIZE / 4 ? bytes.size : BLOCK_SIZE - sizeof *block;

        block = firn_alloc(sizeof *block + capacity);
        if (!block) return firn_fail_memory(err, "a table's changes");
        block->size = 0;
        block->capacity = capacity;
        /* One that is filled by a single large tuple goes behind the one at work. */
        if (t->blocks && capacity == bytes.size) {
            block->next = t->blocks->next;
            t->blocks->next = block;
        } else {
            block->next = t->blocks;
            t->blocks = block;
        }
        t->memory_bytes += sizeof *block + capacity;
    }
    uint8_t *to = block->data + block->size;
    memcpy(to, bytes.data, bytes.size);
    block->size += bytes.size;
    *ret_kept = to;
    return FIRN_OK;
}

static row_entry *
entry_at(const table_changes *t, uint32_t index)
{
    return &t->entry_blocks[index / ENTRY_BLOCK_COUNT][index % ENTRY_BLOCK_COUNT];
}

static firn_status
grow_entry_blocks(table_changes *t, firn_error *err)
{
    uint32_t block = t->entry_count / ENTRY_BLOCK_COUNT;

    if (t->entry_count >= ENTRY_COUNT_MAX) return firn_fail_memory(err, "more keys in one window");
    if (block == t->entry_block_capacity) {
        uint32_t    capacity = block ? block * 2 : 16;
        row_entry **blocks = firn_realloc(t->entry_blocks, capacity * sizeof *blocks);
        if (!blocks) return firn_fail_memory(err, "a table's changes");
        t->entry_blocks = blocks;
        t->entry_block_capacity = capacity;
    }
    t->entry_blocks[block] = firn_alloc(ENTRY_BLOCK_COUNT * sizeof **t->entry_blocks);
    if (!t->entry_blocks[block]) return firn_fail_memory(err, "a table's changes");
    t->memory_bytes += ENTRY_BLOCK_COUNT * sizeof **t->entry_blocks;
    return FIRN_OK;
}

static firn_status
grow_slots(table_changes *t, firn_error *err)
{
    uint32_t    count = t->slot_count * 2;
    entry_slot *slots = firn_calloc_table(count, sizeof *slots);

    if (!slots) return firn_fail_memory(err, "a table's changes");
    for (uint32_t i = 0; i < t->entry_count; i++) {
        uint64_t hash = entry_at(t, i)->hash;
        uint32_t at = (uint32_t) hash & (count - 1);
        while (slots[at].entry) at = (at + 1) & (count - 1);
        slots[at] = (entry_slot){i + 1, (uint32_t) (hash >> 32)};
    }
    firn_free(t->slots);
    t->slots = slots;
    t->slot_count = count;
    return FIRN_OK;
}

/* The entry of a key; made where it is not there yet: *ret_made. */
static firn_status
entry_of(table_changes *t, firn_slice key, row_entry **ret_entry, bool *ret_made, firn_error *err)
{
    uint64_t hash = firn_hash_bytes(key.data, key.size);
    uint32_t at = (uint32_t) hash & (t->slot_count - 1);

    *ret_made = false;
    for (; t->slots[at].entry; at = (at + 1) & (t->slot_count - 1)) {
        if (t->slots[at].tag != (uint32_t) (hash >> 32)) continue;
        row_entry *entry = entry_at(t, t->slots[at].entry - 1);
        if (entry->hash == hash && firn_slice_equal(firn_slice_of(entry->key, entry->key_size), key)) {
            *ret_entry = entry;
            return FIRN_OK;
        }
    }
    if (t->entry_count >= t->slot_count / 2) {
        FIRN_TRY(grow_slots(t, err));
        at = (uint32_t) hash & (t->slot_count - 1);
        while (t->slots[at].entry) at = (at + 1) & (t->slot_count - 1);
    }
    if (t->entry_count % ENTRY_BLOCK_COUNT == 0) FIRN_TRY(grow_entry_blocks(t, err));
    row_entry made = {.hash = hash, .key_size = (uint32_t) key.size};
    FIRN_TRY(keep_bytes(t, key, &made.key, err));
    *entry_at(t, t->entry_count) = made;
    t->slots[at] = (entry_slot){++t->entry_count, (uint32_t) (hash >> 32)};
    *ret_entry = entry_at(t, t->entry_count - 1);
    *ret_made = true;
    return FIRN_OK;
}

/* ---- keys ---- */

static firn_status
fail_key(const change *event, const char *what, firn_error *err)
{
    return firn_fail(err, FIRN_E_FOLLOW_ROW, "a change of '%s.%s' came %s", event->relation->schema, event->relation->name,
                     what);
}

/* The key columns' values of a tuple, in the key's order. Most keys are the first columns: one walk finds them. */
static firn_status
take_key(const table_changes *t, const change *event, const change_tuple *tuple, firn_buffer *out, firn_error *err)
{
    const uint8_t *at = tuple->bytes.data;
    unsigned       column = 0;

    firn_buffer_reset(out);
    for (unsigned k = 0; k < t->key_column_count; k++) {
        unsigned wanted = t->key_columns[k];

        if (wanted >= tuple->column_count) return fail_key(event, "without its key columns", err);
        if (wanted < column) {
            at = tuple->bytes.data;
            column = 0;
        }
        for (; column < wanted; column++) at = tuple_value_skip(at);
        const uint8_t *end = tuple_value_skip(at);
        if (*at == TUPLE_NULL || *at == TUPLE_UNCHANGED) return fail_key(event, "without a value in its key", err);
        FIRN_TRY(firn_buffer_add(out, at, (size_t) (end - at), err));
        at = end;
        column++;
    }
    return FIRN_OK;
}

/* ---- rows ---- */

/* `tuple` with its unchanged columns taken from `older` where that has them. *ret_holes: some are left. */
static firn_status
splice(const uint8_t *tuple, size_t tuple_size, const uint8_t *older, firn_buffer *out, bool *ret_holes, firn_error *err)
{
    const uint8_t *at = tuple, *end = tuple + tuple_size;

    firn_buffer_reset(out);
    *ret_holes = false;
    while (at < end) {
        const uint8_t *next = tuple_value_skip(at), *older_next = tuple_value_skip(older);
        const uint8_t *from = *at == TUPLE_UNCHANGED ? older : at;

        if (*from == TUPLE_UNCHANGED) *ret_holes = true;
        FIRN_TRY(firn_buffer_add(out, from, (size_t) ((from == at ? next : older_next) - from), err));
        at = next;
        older = older_next;
    }
    return FIRN_OK;
}

/* What a row's holes are filled from: an earlier version in the window, or the key in the lake. */
typedef struct row_past {
    const uint8_t *row; /* NULL: none in the window */
    unsigned       column_count;
    const uint8_t *lake_key;
    uint32_t       lake_key_size;
} row_past;

static firn_status
set_row(table_changes *t, row_entry *entry, const change_tuple *tuple, const row_past *past, uint16_t shape, firn_error *err)
{
    firn_slice     bytes = tuple->bytes;
    const uint8_t *kept;
    bool           holes = tuple->has_unchanged;

    if (holes && past->row) {
        FIRN_TRY(splice(bytes.data, bytes.size, past->row, &t->row, &holes, err));
        bytes = firn_buffer_slice(&t->row);
    }
    FIRN_TRY(keep_bytes(t, bytes, &kept, err));
    entry->row = kept;
    entry->row_size = (uint32_t) bytes.size;
    entry->lake_key = holes ? past->lake_key : NULL;
    entry->lake_key_size = holes ? past->lake_key_size : 0;
    entry->shape = shape;
    return FIRN_OK;
}

static void
set_origin(row_entry *entry, const change *event)
{
    entry->origin = event->origin;
    entry->origin_part = event->origin_part;
}

static firn_status
apply_insert(table_changes *t, const change *event, uint16_t shape, firn_error *err)
{
    row_entry *entry;
    row_past   past = {0};
    bool       made;

    if (event->new.has_unchanged) return fail_key(event, "as an insert without all its values", err);
    FIRN_TRY(take_key(t, event, &event->new, &t->key, err));
    FIRN_TRY(entry_of(t, firn_buffer_slice(&t->key), &entry, &made, err));
    if (made) *(event->may_exist ? &entry->may_exist : &entry->expects_none) = true;
    set_origin(entry, event);
    return set_row(t, entry, &event->new, &past, shape, err);
}

static firn_status
apply_delete(table_changes *t, const change *event, firn_error *err)
{
    row_entry *entry;
    bool       made;

    FIRN_TRY(take_key(t, event, &event->old, &t->key, err));
    FIRN_TRY(entry_of(t, firn_buffer_slice(&t->key), &entry, &made, err));
    entry->row = NULL;
    entry->lake_key = NULL;
    set_origin(entry, event);
    return FIRN_OK;
}

static firn_status
apply_update(table_changes *t, const change *event, uint16_t shape, firn_error *err)
{
    const change_tuple *key_tuple = event->old.bytes.data ? &event->old : &event->new;
    row_entry          *from, *to;
    bool                made, key_changed = false;

    FIRN_TRY(take_key(t, event, key_tuple, &t->old_key, err));
    FIRN_TRY(entry_of(t, firn_buffer_slice(&t->old_key), &from, &made, err));
    to = from;
    if (key_tuple == &event->old) {
        /* A key column that the update leaves out is unchanged TOAST, which the old key has. */
        change_tuple new = event->new;
        bool         holes;
        if (new.has_unchanged) {
            FIRN_TRY(splice(new.bytes.data, new.bytes.size, event->old.bytes.data, &t->row, &holes, err));
            new.bytes = firn_buffer_slice(&t->row);
        }
        FIRN_TRY(take_key(t, event, &new, &t->key, err));
        key_changed = !firn_slice_equal(firn_buffer_slice(&t->key), firn_buffer_slice(&t->old_key));
        if (key_changed) {
            FIRN_TRY(entry_of(t, firn_buffer_slice(&t->key), &to, &made, err));
            if (made) to->expects_none = true;
        }
    }

    row_past past = {.row = from->row,
                     .lake_key = from->row ? from->lake_key : from->key,
                     .lake_key_size = from->row ? from->lake_key_size : from->key_size};
    change_tuple new = event->new;
    if (new.has_unchanged && event->old.bytes.data && !event->old_is_key) {
        /* REPLICA IDENTITY FULL: the old row came whole. */
        past = (row_past){.row = event->old.bytes.data};
    }
    FIRN_TRY(set_row(t, to, &new, &past, shape, err));
    set_origin(to, event);
    if (key_changed) {
        set_origin(from, event);
        from->row = NULL;
        from->lake_key = NULL;
    }
    return FIRN_OK;
}

/* ---- whole rows ---- */

static firn_status
count_row(table_changes *t, const change *event, firn_slice row, int32_t by, uint16_t shape, firn_error *err)
{
    row_entry *entry;
    bool       made;

    FIRN_TRY(entry_of(t, row, &entry, &made, err));
    entry->row = entry->key;
    entry->row_size = entry->key_size;
    entry->shape = shape;
    entry->count += by;
    set_origin(entry, event);
    return FIRN_OK;
}

static firn_status
apply_whole(table_changes *t, const change *event, uint16_t shape, firn_error *err)
{
    firn_slice row = event->new.bytes;
    bool       holes = false;

    if (event->op != CHANGE_INSERT && (!event->old.bytes.data || event->old_is_key))
        return fail_key(event, "without its old row", err);
    if (event->op != CHANGE_DELETE && event->new.has_unchanged) {
        if (event->op == CHANGE_INSERT) return fail_key(event, "as an insert without all its values", err);
        FIRN_TRY(splice(row.data, row.size, event->old.bytes.data, &t->row, &holes, err));
        row = firn_buffer_slice(&t->row);
        if (holes) return fail_key(event, "without all its values", err);
    }
    if (event->op != CHANGE_INSERT) FIRN_TRY(count_row(t, event, event->old.bytes, -1, shape, err));
    return event->op == CHANGE_DELETE ? FIRN_OK : count_row(t, event, row, 1, shape, err);
}

/* ---- all ---- */

static void
truncate(table_changes *t)
{
    free_blocks(t);
    memset(t->slots, 0, t->slot_count * sizeof *t->slots);
    t->truncated = true;
}

/* Most of taking a change in is waiting for the memory of its key's slot. */
static void
prefetch(table_changes *t, const change *event)
{
    firn_error *ignored = &t->ignored;

    if (take_key(t, event, event->old.bytes.data ? &event->old : &event->new, &t->key, ignored)) {
        firn_error_reset(ignored); /* it is told when it comes */
        return;
    }
    __builtin_prefetch(&t->slots[(uint32_t) firn_hash_bytes(t->key.data, t->key.size) & (t->slot_count - 1)], 1);
}

firn_status
table_changes_add(table_changes *t, const change *event, uint16_t shape, firn_error *err)
{
    t->event_count++;
    if (event->following && t->key_column_count && event->following->op != CHANGE_TRUNCATE) prefetch(t, event->following);
    if (event->op == CHANGE_TRUNCATE) {
        truncate(t);
        return FIRN_OK;
    }
    if (!t->key_column_count) return apply_whole(t, event, shape, err);
    if (event->op == CHANGE_INSERT) return apply_insert(t, event, shape, err);
    return event->op == CHANGE_UPDATE ? apply_update(t, event, shape, err) : apply_delete(t, event, err);
}

bool
table_changes_truncated(const table_changes *t)
{
    return t->truncated;
}

uint64_t
table_changes_event_count(const table_changes *t)
{
    return t->event_count;
}

uint32_t
table_changes_entry_count(const table_changes *t)
{
    return t->entry_count;
}

const row_entry *
table_changes_entry(const table_changes *t, uint32_t index)
{
    assert(index < t->entry_count);
    return entry_at(t, index);
}

size_t
table_changes_memory_bytes(const table_changes *t)
{
    return t->memory_bytes + t->slot_count * sizeof *t->slots + t->key.capacity + t->old_key.capacity + t->row.capacity;
}
