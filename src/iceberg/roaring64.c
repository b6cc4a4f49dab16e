#include "iceberg/roaring64.h"

#include <roaring/roaring.h>

#include "base/alloc.h"
#include "base/reader.h"
#include "iceberg/roaring_check.h"

/* The positions that share their upper 32 bits. */
typedef struct roaring_part {
    uint32_t          key;
    roaring_bitmap_t *low;
} roaring_part;

struct roaring64 {
    roaring_part *parts; /* ascending by key */
    size_t        count, capacity;
};

#define STEP 256 /* numbers that are widened or narrowed at a time */

roaring64 *
roaring64_new(void)
{
    return firn_calloc(1, sizeof(roaring64));
}

void
roaring64_free(roaring64 *set)
{
    if (!set) return;
    for (size_t i = 0; i < set->count; i++) roaring_bitmap_free(set->parts[i].low);
    firn_free(set->parts);
    firn_free(set);
}

/* The first part whose key is not less. */
static size_t
find_part(const roaring64 *set, uint32_t key)
{
    size_t low = 0, high = set->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (set->parts[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const roaring_bitmap_t *
part_of(const roaring64 *set, uint32_t key)
{
    size_t at = find_part(set, key);

    return at < set->count && set->parts[at].key == key ? set->parts[at].low : NULL;
}

/* The part of the key; takes `take_low` (or nothing, if NULL) where there is none yet. */
static firn_status
need_part(roaring64 *set, uint32_t key, roaring_bitmap_t *take_low, roaring_bitmap_t **ret_low, firn_error *err)
{
    size_t at = find_part(set, key);

    if (at < set->count && set->parts[at].key == key) {
        *ret_low = set->parts[at].low;
        return FIRN_OK;
    }
    if (set->count == set->capacity) {
        size_t        capacity = set->capacity ? set->capacity * 2 : 1;
        roaring_part *parts = firn_realloc(set->parts, capacity * sizeof *parts);

        if (!parts) {
            if (take_low) roaring_bitmap_free(take_low);
            return firn_fail_memory(err, "a set of row positions");
        }
        set->parts = parts;
        set->capacity = capacity;
    }
    if (!take_low) take_low = roaring_bitmap_create();
    if (!take_low) return firn_fail_memory(err, "a set of row positions");
    memmove(&set->parts[at + 1], &set->parts[at], (set->count - at) * sizeof *set->parts);
    set->parts[at] = (roaring_part){key, take_low};
    set->count++;
    *ret_low = take_low;
    return FIRN_OK;
}

static firn_status
check_position(uint64_t position, firn_error *err)
{
    if (position <= ROARING64_POSITION_MAX) return FIRN_OK;
    return firn_fail(err, FIRN_E_ICEBERG_DELETES, "a row position is negative");
}

firn_status
roaring64_add(roaring64 *set, uint64_t position, firn_error *err)
{
    return roaring64_add_many(set, &position, 1, err);
}

firn_status
roaring64_add_many(roaring64 *set, const uint64_t positions[], size_t count, firn_error *err)
{
    uint32_t low[STEP];

    for (size_t i = 0; i < count;) {
        roaring_bitmap_t *part;
        uint32_t          key = (uint32_t) (positions[i] >> 32);
        size_t            filled = 0;

        FIRN_TRY(check_position(positions[i], err));
        FIRN_TRY(need_part(set, key, NULL, &part, err));
        while (i < count && filled < STEP && positions[i] >> 32 == key) low[filled++] = (uint32_t) positions[i++];
        roaring_bitmap_add_many(part, filled, low);
    }
    return FIRN_OK;
}

firn_status
roaring64_add_range(roaring64 *set, uint64_t first, uint64_t count, firn_error *err)
{
    uint64_t last = first + count - 1;

    if (count == 0) return FIRN_OK;
    if (last < first) last = UINT64_MAX;
    FIRN_TRY(check_position(last, err));
    for (uint64_t key = first >> 32; key <= last >> 32; key++) {
        roaring_bitmap_t *part;
        uint32_t          low_first = key == first >> 32 ? (uint32_t) first : 0;
        uint32_t          low_last = key == last >> 32 ? (uint32_t) last : UINT32_MAX;

        FIRN_TRY(need_part(set, (uint32_t) key, NULL, &part, err));
        roaring_bitmap_add_range_closed(part, low_first, low_last);
    }
    return FIRN_OK;
}

firn_status
roaring64_add_all(roaring64 *set, const roaring64 *other, firn_error *err)
{
    for (size_t i = 0; i < other->count; i++) {
        roaring_bitmap_t *part;

        FIRN_TRY(need_part(set, other->parts[i].key, NULL, &part, err));
        roaring_bitmap_or_inplace(part, other->parts[i].low);
    }
    return FIRN_OK;
}

bool
roaring64_contains(const roaring64 *set, uint64_t position)
{
    const roaring_bitmap_t *part = part_of(set, (uint32_t) (position >> 32));

    return part && roaring_bitmap_contains(part, (uint32_t) position);
}

uint64_t
roaring64_count(const roaring64 *set)
{
    uint64_t count = 0;

    for (size_t i = 0; i < set->count; i++) count += roaring_bitmap_get_cardinality(set->parts[i].low);
    return count;
}

uint64_t
roaring64_count_range(const roaring64 *set, uint64_t first, uint64_t count)
{
    uint64_t last = first + count - 1, found = 0;

    if (count == 0) return 0;
    if (last < first) last = UINT64_MAX;
    for (size_t i = find_part(set, (uint32_t) (first >> 32)); i < set->count; i++) {
        uint64_t key = set->parts[i].key;
        uint64_t from = key == first >> 32 ? (uint32_t) first : 0;
        uint64_t to = key == last >> 32 ? (uint32_t) last : UINT32_MAX;

        if (key > last >> 32) break;
        found += roaring_bitmap_range_cardinality(set->parts[i].low, from, to + 1);
    }
    return found;
}

/* The next part from `at` on that is not empty. */
static size_t
skip_empty(const roaring64 *set, size_t at)
{
    while (at < set->count && roaring_bitmap_is_empty(set->parts[at].low)) at++;
    return at;
}

bool
roaring64_equal(const roaring64 *a, const roaring64 *b)
{
    size_t i = skip_empty(a, 0), j = skip_empty(b, 0);

    while (i < a->count && j < b->count) {
        if (a->parts[i].key != b->parts[j].key) return false;
        if (!roaring_bitmap_equals(a->parts[i].low, b->parts[j].low)) return false;
        i = skip_empty(a, i + 1);
        j = skip_empty(b, j + 1);
    }
    return i == a->count && j == b->count;
}

bool
roaring64_max(const roaring64 *set, uint64_t *ret_position)
{
    for (size_t i = set->count; i > 0; i--) {
        if (roaring_bitmap_is_empty(set->parts[i - 1].low)) continue;
        *ret_position = (uint64_t) set->parts[i - 1].key << 32 | roaring_bitmap_maximum(set->parts[i - 1].low);
        return true;
    }
    return false;
}

size_t
roaring64_read(const roaring64 *set, uint64_t from, uint64_t ret_positions[], size_t capacity)
{
    uint32_t low[STEP];
    size_t   filled = 0;

    for (size_t i = find_part(set, (uint32_t) (from >> 32)); i < set->count && filled < capacity; i++) {
        uint64_t                  high = (uint64_t) set->parts[i].key << 32;
        roaring_uint32_iterator_t at;

        roaring_init_iterator(set->parts[i].low, &at);
        if (high < from && !roaring_move_uint32_iterator_equalorlarger(&at, (uint32_t) (from - high))) continue;
        while (filled < capacity) {
            uint32_t wanted = capacity - filled < STEP ? (uint32_t) (capacity - filled) : STEP;
            uint32_t count = roaring_read_uint32_iterator(&at, low, wanted);

            for (uint32_t k = 0; k < count; k++) ret_positions[filled++] = high | low[k];
            if (count < wanted) break;
        }
    }
    return filled;
}

/* ---- bytes ---- */

static firn_status
serialize_part(const roaring_part *part, firn_buffer *out, firn_error *err)
{
    size_t  size = roaring_bitmap_portable_size_in_bytes(part->low);
    uint8_t key[4];

    store_le32(key, part->key);
    FIRN_TRY(firn_buffer_add(out, key, sizeof key, err));
    FIRN_TRY(firn_buffer_reserve(out, size, err));
    out->size += roaring_bitmap_portable_serialize(part->low, (char *) out->data + out->size);
    return FIRN_OK;
}

firn_status
roaring64_serialize(roaring64 *set, firn_buffer *out, firn_error *err)
{
    uint64_t count = 0;
    uint8_t  bytes[8];

    for (size_t i = skip_empty(set, 0); i < set->count; i = skip_empty(set, i + 1)) count++;
    store_le64(bytes, count);
    FIRN_TRY(firn_buffer_add(out, bytes, sizeof bytes, err));
    for (size_t i = skip_empty(set, 0); i < set->count; i = skip_empty(set, i + 1)) {
        /* CRoaring 0.2.66 leaves bitsets of 4096 numbers or fewer after some unions, and writes them as such, where the
         * format says array: nobody could read that. This makes arrays of them. */
        roaring_bitmap_repair_after_lazy(set->parts[i].low);
        (void) roaring_bitmap_run_optimize(set->parts[i].low);
        FIRN_TRY(serialize_part(&set->parts[i], out, err));
    }
    return FIRN_OK;
}

static firn_status
deserialize_part(firn_reader *in, roaring64 *set, firn_error *err)
{
    uint32_t          key = firn_reader_le32(in);
    firn_slice        rest = firn_slice_of(in->at, firn_reader_left(in));
    size_t            size = 0;
    roaring_bitmap_t *low, *kept;

    if (in->failed || !roaring_check(rest, &size))
        return firn_fail(err, FIRN_E_ICEBERG_DELETES, "a set of row positions is not a Roaring bitmap, at byte %zu",
                         firn_reader_offset(in));
    if (key > ROARING64_POSITION_MAX >> 32 || (set->count > 0 && set->parts[set->count - 1].key >= key))
        return firn_fail(err, FIRN_E_ICEBERG_DELETES, "the parts of a set of row positions are out of order");
    low = roaring_bitmap_portable_deserialize_safe((const char *) rest.data, size);
    if (!low) return firn_fail_memory(err, "a set of row positions");
    (void) firn_reader_take(in, size);
    return need_part(set, key, low, &kept, err);
}

firn_status
roaring64_deserialize(firn_slice bytes, roaring64 **ret_set, firn_error *err)
{
    FIRN_AUTO(roaring64_freep) roaring64 *set = roaring64_new();
    firn_reader in = firn_reader_of(bytes);
    uint64_t    count = firn_reader_le64(&in);

    if (!set) return firn_fail_memory(err, "a set of row positions");
    if (in.failed || count > firn_reader_left(&in) / ROARING_BYTES_MIN)
        return firn_fail(err, FIRN_E_ICEBERG_DELETES, "a set of row positions is shorter than it says");
    for (uint64_t i = 0; i < count; i++) FIRN_TRY(deserialize_part(&in, set, err));
    if (firn_reader_left(&in) > 0)
        return firn_fail(err, FIRN_E_ICEBERG_DELETES, "a set of row positions has %zu bytes too many",
                         firn_reader_left(&in));
    *ret_set = FIRN_STEAL(set);
    return FIRN_OK;
}
