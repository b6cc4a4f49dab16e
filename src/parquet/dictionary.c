#include "parquet/dictionary.h"

#include "base/alloc.h"
#include "parquet/plain_encode.h"

/* Values between two looks at room and limits. */
enum { BLOCK_VALUES = 256, SLOT_BITS_FIRST = 8, SLOT_BITS_SPARSE = 14, SLOT_BITS_KEPT = 16 };

struct dictionary_slot32 {
    uint32_t key, number_plus1; /* 0: free */
};

/* `head` is the first 8 bytes; up to 16 bytes head and tail are the whole value. */
struct dictionary_text {
    uint64_t head, tail;
    uint32_t size, offset;
};

static const uint64_t multiplier = UINT64_C(0x9e3779b97f4a7c15);

void
dictionary_init(dictionary *d, const parquet_leaf *leaf, size_t size_bytes_max, size_t entry_count_max)
{
    *d = (dictionary){.leaf = leaf, .size_bytes_max = size_bytes_max, .entry_count_max = entry_count_max};
    firn_buffer_init(&d->bytes, INT32_MAX);
}

void
dictionary_release(dictionary *d)
{
    firn_free(d->slots);
    firn_free(d->entries);
    firn_free(d->stamps);
    firn_buffer_done(&d->bytes);
    d->slots = d->entries = NULL;
    d->stamps = NULL;
    d->slot_bits = 0;
    d->entry_count = d->entry_capacity = 0;
    d->stamp = 0;
}

void
dictionary_done(dictionary *d)
{
    dictionary_release(d);
    *d = (dictionary){0};
}

static size_t
slot_size(const dictionary *d)
{
    return d->leaf->lane == LANE_32 ? sizeof(dictionary_slot32) : sizeof(uint32_t);
}

static size_t
entry_size(const dictionary *d)
{
    switch (d->leaf->lane) {
    case LANE_32:
        return sizeof(uint32_t);
    case LANE_64:
        return sizeof(uint64_t);
    case LANE_128:
        return sizeof(int128);
    case LANE_BYTES:
        return sizeof(dictionary_text);
    case LANE_BOOL:
        break;
    }
    assert(!"booleans have no dictionary");
    return 0;
}

void
dictionary_reset(dictionary *d)
{
    if (d->slot_bits > SLOT_BITS_KEPT) {
        dictionary_release(d);
        return;
    }
    d->entry_count = 0;
    d->stamp = 0;
    firn_buffer_reset(&d->bytes);
    if (d->slots) memset(d->slots, 0, slot_size(d) << d->slot_bits);
    if (d->stamps) memset(d->stamps, 0, d->entry_capacity * sizeof *d->stamps);
}

static inline size_t
hash_of_64(uint64_t key, unsigned bits)
{
    return (size_t) ((key * multiplier) >> (64 - bits));
}

static inline uint64_t
fold(uint64_t a, uint64_t b)
{
    uint128 product = (uint128) a * b;
    return (uint64_t) (product >> 64) ^ (uint64_t) product;
}

static inline size_t
hash_of_pair(uint64_t a, uint64_t b, unsigned bits)
{
    return (size_t) (fold(a ^ multiplier, b ^ UINT64_C(0xd6e8feb86659fd93)) >> (64 - bits));
}

static inline size_t
hash_of_wide(int128 key, unsigned bits)
{
    return hash_of_pair((uint64_t) key, (uint64_t) ((uint128) key >> 64), bits);
}

static inline size_t
hash_of_text(const dictionary_text *text, unsigned bits)
{
    return hash_of_pair(text->head, text->tail + text->size, bits);
}

/* Head and tail of a value: all of it up to 16 bytes, else the head and a digest of the rest. */
static inline dictionary_text
text_of(const uint8_t *value, size_t size, const uint8_t *end)
{
    dictionary_text text = {.head = load_upto8(value, size, end), .size = (uint32_t) size};
    if (size <= 8) return text;
    if (size <= 16) {
        text.tail = load_upto8(value + 8, size - 8, end);
        return text;
    }
    /* Two lanes of 16 bytes that overlap at the end; up to 32 bytes there is no loop. */
    uint64_t digest = fold(load_le64(value + size - 16) ^ multiplier, load_le64(value + size - 8) + size);
    for (size_t at = 8; at + 16 < size; at += 16)
        digest = fold(digest ^ load_le64(value + at), load_le64(value + at + 8) ^ multiplier);
    text.tail = digest;
    return text;
}

/* The same up to 32 bytes without a call. */
static inline bool
bytes_equal(const uint8_t *a, const uint8_t *b, size_t size)
{
    if (size > 32) return memcmp(a, b, size) == 0;
    return ((load_le64(a) ^ load_le64(b)) | (load_le64(a + 8) ^ load_le64(b + 8)) |
            (load_le64(a + size - 16) ^ load_le64(b + size - 16)) |
            (load_le64(a + size - 8) ^ load_le64(b + size - 8))) == 0;
}

/* Where each entry goes in a table of slot_bits, written anew. */
static void
refill(dictionary *d)
{
    const size_t mask = ((size_t) 1 << d->slot_bits) - 1;
    for (uint32_t i = 0; i < d->entry_count; i++) {
        size_t at = 0;
        if (d->leaf->lane == LANE_32) {
            dictionary_slot32 *slots = d->slots;
            uint32_t           key = ((uint32_t *) d->entries)[i];
            for (at = hash_of_64(key, d->slot_bits); slots[at].number_plus1; at = (at + 1) & mask)
                continue;
            slots[at] = (dictionary_slot32){key, i + 1};
            continue;
        }
        uint32_t *slots = d->slots;
        if (d->leaf->lane == LANE_64) at = hash_of_64(((uint64_t *) d->entries)[i], d->slot_bits);
        if (d->leaf->lane == LANE_128) at = hash_of_wide(((int128 *) d->entries)[i], d->slot_bits);
        if (d->leaf->lane == LANE_BYTES) at = hash_of_text(&((dictionary_text *) d->entries)[i], d->slot_bits);
        while (slots[at])
            at = (at + 1) & mask;
        slots[at] = i + 1;
    }
}

/* Room for `extra` more entries: the table stays half full at most, while small a quarter (fewer missed branches). */
static firn_status
make_room(dictionary *d, size_t extra, firn_error *err)
{
    size_t   needed = d->entry_count + extra;
    unsigned bits = d->slot_bits ? d->slot_bits : SLOT_BITS_FIRST;

    while (((size_t) 1 << bits) < needed * (bits < SLOT_BITS_SPARSE ? 4 : 2))
        bits++;
    if (needed > d->entry_capacity) {
        size_t capacity = (size_t) 1 << (bits < SLOT_BITS_SPARSE ? bits - 2 : bits - 1);
        void  *entries = firn_realloc(d->entries, capacity * entry_size(d));
        if (!entries) return firn_fail_memory(err, "a dictionary");
        d->entries = entries;
        if (d->leaf->lane == LANE_BYTES) {
            uint32_t *stamps = firn_realloc(d->stamps, capacity * sizeof *stamps);
            if (!stamps) return firn_fail_memory(err, "a dictionary");
            memset(stamps + d->entry_capacity, 0, (capacity - d->entry_capacity) * sizeof *stamps);
            d->stamps = stamps;
        }
        d->entry_capacity = (uint32_t) capacity;
    }
    if (bits == d->slot_bits) return FIRN_OK;
    void *slots = firn_calloc((size_t) 1 << bits, slot_size(d));
    if (!slots) return firn_fail_memory(err, "a dictionary");
    firn_free(d->slots);
    d->slots = slots;
    d->slot_bits = bits;
    refill(d);
    return FIRN_OK;
}

static void
add_32(dictionary *d, const uint32_t *restrict keys, size_t count, uint32_t *restrict numbers)
{
    dictionary_slot32 *restrict slots = d->slots;
    uint32_t      *entries = d->entries;
    const unsigned bits = d->slot_bits;
    const size_t   mask = ((size_t) 1 << bits) - 1;
    uint32_t       entry_count = d->entry_count;

    for (size_t i = 0; i < count; i++) {
        uint32_t key = keys[i];
        size_t   at = hash_of_64(key, bits);
        while (FIRN_UNLIKELY(slots[at].key != key || !slots[at].number_plus1)) {
            if (!slots[at].number_plus1) {
                entries[entry_count] = key;
                slots[at] = (dictionary_slot32){key, ++entry_count};
                break;
            }
            at = (at + 1) & mask;
        }
        numbers[i] = slots[at].number_plus1 - 1;
    }
    d->entry_count = entry_count;
}

#define DEFINE_ADD(name, type, hash)                                                                                   \
    static void name(dictionary *d, const type *restrict keys, size_t count, uint32_t *restrict numbers)               \
    {                                                                                                                  \
        uint32_t *restrict slots = d->slots;                                                                           \
        type          *entries = d->entries;                                                                           \
        const unsigned bits = d->slot_bits;                                                                            \
        const size_t   mask = ((size_t) 1 << bits) - 1;                                                                \
        uint32_t       entry_count = d->entry_count;                                                                   \
                                                                                                                       \
        for (size_t i = 0; i < count; i++) {                                                                           \
            type     key = keys[i];                                                                                    \
            size_t   at = hash(key, bits);                                                                             \
            uint32_t slot = slots[at];                                                                                 \
            while (FIRN_UNLIKELY(!slot || entries[slot - 1] != key)) {                                                 \
                if (!slot) {                                                                                           \
                    entries[entry_count] = key;                                                                        \
                    slots[at] = slot = ++entry_count;                                                                  \
                    break;                                                                                             \
                }                                                                                                      \
                at = (at + 1) & mask;                                                                                  \
                slot = slots[at];                                                                                      \
            }                                                                                                          \
            numbers[i] = slot - 1;                                                                                     \
        }                                                                                                              \
        d->entry_count = entry_count;                                                                                  \
    }
DEFINE_ADD(add_64, uint64_t, hash_of_64)
DEFINE_ADD(add_128, int128, hash_of_wide)

static inline bool
text_is(const dictionary *d, const dictionary_text *entry, const dictionary_text *text, const uint8_t *value)
{
    return entry->head == text->head && entry->tail == text->tail && entry->size == text->size &&
           (text->size <= 16 || bytes_equal(d->bytes.data + entry->offset, value, text->size));
}

static firn_status
add_texts(dictionary *d, const value_view *values, size_t from, size_t count, uint32_t *restrict numbers,
          firn_error *err)
{
    uint32_t *restrict slots = d->slots;
    dictionary_text *entries = d->entries;
    const unsigned   bits = d->slot_bits;
    const size_t     mask = ((size_t) 1 << bits) - 1;
    const uint8_t   *end = values->bytes + values->ends[values->count - 1];

    for (size_t i = from; i < from + count; i++) {
        const uint8_t  *value = values->bytes + values->starts[i];
        dictionary_text text = text_of(value, (size_t) (values->ends[i] - values->starts[i]), end);
        size_t          at = hash_of_text(&text, bits);
        uint32_t        slot = slots[at];
        while (FIRN_UNLIKELY(!slot || !text_is(d, &entries[slot - 1], &text, value))) {
            if (!slot) {
                text.offset = (uint32_t) d->bytes.size;
                FIRN_TRY(firn_buffer_add(&d->bytes, value, text.size, err));
                entries[d->entry_count] = text;
                slots[at] = slot = ++d->entry_count;
                break;
            }
            at = (at + 1) & mask;
            slot = slots[at];
        }
        numbers[i - from] = slot - 1;
    }
    return FIRN_OK;
}

/* Bytes of values, at most this many: a block of long texts must not pass the limit by much. */
static size_t
block_count(const dictionary *d, const value_view *values, size_t from)
{
    size_t count = values->count - from < BLOCK_VALUES ? values->count - from : BLOCK_VALUES;
    if (d->leaf->lane != LANE_BYTES) return count;
    while (count > 1 && (size_t) (values->ends[from + count - 1] - values->starts[from]) > d->size_bytes_max)
        count /= 2;
    return count;
}

firn_status
dictionary_add(dictionary *d, const value_view *values, uint32_t *ret_numbers, size_t *ret_count, firn_error *err)
{
    size_t at = 0;
    while (at < values->count) {
        if (d->entry_count >= d->entry_count_max || dictionary_size_bytes(d) >= d->size_bytes_max) break;
        size_t count = block_count(d, values, at);
        FIRN_TRY(make_room(d, count, err));
        switch (d->leaf->lane) {
        case LANE_32:
            add_32(d, (const uint32_t *) values->fixed + at, count, ret_numbers + at);
            break;
        case LANE_64:
            add_64(d, (const uint64_t *) values->fixed + at, count, ret_numbers + at);
            break;
        case LANE_128:
            add_128(d, (const int128 *) values->fixed + at, count, ret_numbers + at);
            break;
        case LANE_BYTES:
            FIRN_TRY(add_texts(d, values, at, count, ret_numbers + at, err));
            break;
        case LANE_BOOL:
            assert(!"booleans have no dictionary");
        }
        at += count;
    }
    *ret_count = at;
    return FIRN_OK;
}

static firn_status
encode_texts(const dictionary *d, const uint32_t *numbers, size_t count, firn_buffer *out, firn_error *err)
{
    const dictionary_text *entries = d->entries;
    for (size_t i = 0; i < count; i++) {
        const dictionary_text *entry = &entries[numbers ? numbers[i] : i];
        FIRN_TRY(firn_buffer_reserve(out, 4 + (size_t) entry->size, err));
        if (!d->leaf->type_length) {
            store_le32(out->data + out->size, entry->size);
            out->size += 4;
        }
        FIRN_TRY(firn_buffer_add(out, d->bytes.data + entry->offset, entry->size, err));
    }
    return FIRN_OK;
}

firn_status
dictionary_encode(const dictionary *d, firn_buffer *out, firn_error *err)
{
    if (d->leaf->lane == LANE_BYTES) return encode_texts(d, NULL, d->entry_count, out, err);
    value_view values = {.count = d->entry_count, .fixed = d->entries};
    return plain_encode(d->leaf, &values, out, err);
}

firn_status
dictionary_decode(const dictionary *d, const uint32_t numbers[], size_t count, firn_buffer *out, firn_error *err)
{
    if (d->leaf->lane == LANE_BYTES) return encode_texts(d, numbers, count, out, err);
    union {
        uint32_t of_32[64];
        uint64_t of_64[64];
        int128   of_128[64];
    } block;
    for (size_t at = 0; at < count;) {
        size_t block_size = count - at < 64 ? count - at : 64;
        for (size_t i = 0; i < block_size; i++) {
            uint32_t number = numbers[at + i];
            if (d->leaf->lane == LANE_32) block.of_32[i] = ((uint32_t *) d->entries)[number];
            if (d->leaf->lane == LANE_64) block.of_64[i] = ((uint64_t *) d->entries)[number];
            if (d->leaf->lane == LANE_128) block.of_128[i] = ((int128 *) d->entries)[number];
        }
        value_view values = {.count = block_size, .fixed = &block};
        FIRN_TRY(plain_encode(d->leaf, &values, out, err));
        at += block_size;
    }
    return FIRN_OK;
}

void
dictionary_stats(dictionary *d, const uint32_t numbers[], size_t count, value_stats *stats)
{
    const dictionary_text *entries = d->entries;
    uint32_t *restrict stamps = d->stamps;
    const uint32_t stamp = ++d->stamp;
    for (size_t i = 0; i < count; i++) {
        if (FIRN_LIKELY(stamps[numbers[i]] == stamp)) continue;
        const dictionary_text *entry = &entries[numbers[i]];
        stamps[numbers[i]] = stamp;
        value_stats_add_bytes(stats, d->bytes.data + entry->offset, entry->size);
    }
}

size_t
dictionary_size_bytes(const dictionary *d)
{
    switch (d->leaf->lane) {
    case LANE_32:
        return (size_t) d->entry_count * 4;
    case LANE_64:
        return (size_t) d->entry_count * 8;
    case LANE_128:
        return (size_t) d->entry_count * d->leaf->type_length;
    case LANE_BYTES:
        return d->bytes.size + (d->leaf->type_length ? 0 : (size_t) d->entry_count * 4);
    case LANE_BOOL:
        break;
    }
    return 0;
}

size_t
dictionary_memory_bytes(const dictionary *d)
{
    if (!d->slots) return d->bytes.capacity;
    return (slot_size(d) << d->slot_bits) + d->entry_capacity * (entry_size(d) + (d->stamps ? 4 : 0)) +
           d->bytes.capacity;
}
