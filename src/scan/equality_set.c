#include "scan/equality_set.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "scan/array_value.h"

#define KEY_COLUMNS_MAX 64

typedef struct equality_entry {
    uint64_t hash, offset;
    int64_t  sequence_number; /* < 0: a free place */
    size_t   size;
} equality_entry;

struct equality_set {
    unsigned        column_count;
    column_path     columns[KEY_COLUMNS_MAX];
    firn_arena      arena;
    firn_buffer     keys, key;
    size_t          memory_bytes_max, place_count, used_count; /* places: a power of two */
    equality_entry *places;
};

firn_status
equality_set_new(const column_path columns[], unsigned column_count, size_t memory_bytes_max, equality_set **ret_set,
                 firn_error *err)
{
    FIRN_AUTO(equality_set_freep) equality_set *set = firn_calloc(1, sizeof *set);

    if (!set) return firn_fail_memory(err, "equality deletes");
    if (column_count == 0 || column_count > KEY_COLUMNS_MAX)
        return firn_fail(err, FIRN_E_ICEBERG_UNSUPPORTED, "equality deletes by %u columns", column_count);
    set->memory_bytes_max = memory_bytes_max;
    firn_buffer_init(&set->keys, memory_bytes_max);
    firn_buffer_init(&set->key, memory_bytes_max);
    for (unsigned i = 0; i < column_count; i++) {
        int32_t *ids = firn_arena_array(&set->arena, columns[i].count, sizeof *ids);
        if (!ids) return firn_fail_memory(err, "equality deletes");
        memcpy(ids, columns[i].ids, columns[i].count * sizeof *ids);
        set->columns[i] = (column_path){columns[i].field, columns[i].count, ids};
    }
    set->column_count = column_count;
    *ret_set = FIRN_STEAL(set);
    return FIRN_OK;
}

void
equality_set_free(equality_set *set)
{
    if (!set) return;
    firn_free(set->places);
    firn_buffer_done(&set->keys);
    firn_buffer_done(&set->key);
    firn_arena_done(&set->arena);
    firn_free(set);
}

unsigned
equality_set_column_count(const equality_set *set)
{
    return set->column_count;
}

const column_path *
equality_set_columns(const equality_set *set)
{
    return set->columns;
}

uint64_t
equality_set_count(const equality_set *set)
{
    return set->used_count;
}

/* ---- keys ---- */

static firn_status
add_value(const data_type *type, const struct ArrowArray *array, int64_t row, firn_buffer *key, firn_error *err)
{
    single_value v = array_value(type, array, row);
    uint8_t      bytes[17] = {1};
    size_t       size = 9;

    switch (type->kind) {
    case TYPE_STRING:
    case TYPE_BINARY:
    case TYPE_UUID:
    case TYPE_FIXED:
        store_le64(bytes + 1, v.bytes.size);
        FIRN_TRY(firn_buffer_add(key, bytes, size, err));
        return firn_buffer_add(key, v.bytes.data, v.bytes.size, err);
    case TYPE_DECIMAL:
        memcpy(bytes + 1, &v.decimal, 16);
        size = 17;
        break;
    case TYPE_FLOAT:
    case TYPE_DOUBLE:
        store_le64(bytes + 1, bits_of_double(isnan(v.real) ? (double) NAN : v.real));
        break;
    case TYPE_BOOLEAN:
    case TYPE_INT:
    case TYPE_LONG:
    case TYPE_DATE:
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        store_le64(bytes + 1, (uint64_t) v.integer);
        break;
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP:
        return firn_fail(err, FIRN_E_ICEBERG_UNSUPPORTED, "an equality delete by a nested column");
    }
    return firn_buffer_add(key, bytes, size, err);
}

static firn_status
make_key(const equality_set *set, const column_rows columns[], int64_t row, firn_buffer *key, firn_error *err)
{
    firn_buffer_reset(key);
    for (unsigned i = 0; i < set->column_count; i++) {
        if (column_rows_null(&columns[i], row))
            FIRN_TRY(firn_buffer_add_byte(key, 0, err));
        else
            FIRN_TRY(add_value(set->columns[i].field->type, columns[i].array, row, key, err));
    }
    return FIRN_OK;
}

static void
find_columns(const equality_set *set, const table_schema *schema, const struct ArrowArray *rows, column_rows columns[])
{
    for (unsigned i = 0; i < set->column_count; i++) column_rows_find(&set->columns[i], schema, rows, &columns[i]);
}

/* ---- the table ---- */

/* The key's place, or the free one where it belongs. */
static equality_entry *
find_place(const equality_set *set, uint64_t hash, firn_slice key)
{
    for (size_t at = (size_t) hash & (set->place_count - 1);; at = (at + 1) & (set->place_count - 1)) {
        equality_entry *place = &set->places[at];
        if (place->sequence_number < 0) return place;
        if (place->hash == hash && firn_slice_equal(firn_slice_of(set->keys.data + place->offset, place->size), key))
            return place;
    }
}

static firn_status
fail_limit(const equality_set *set, firn_error *err)
{
    firn_error_reset(err);
    (void) firn_fail(err, FIRN_E_SCAN_LIMIT, "the keys of the equality deletes need more than the %zu bytes allowed",
                     set->memory_bytes_max);
    firn_hint(err, "give more with --memory, or have the deletes applied for good: Spark's rewrite_data_files does that");
    return err->status;
}

static firn_status
grow(equality_set *set, firn_error *err)
{
    size_t          count = set->place_count ? set->place_count * 2 : 1024;
    equality_entry *old = set->places;
    size_t          old_count = set->place_count;

    if (set->keys.capacity + count * sizeof *old > set->memory_bytes_max) return fail_limit(set, err);
    set->places = firn_alloc(count * sizeof *set->places);
    if (!set->places) {
        set->places = old;
        return firn_fail_memory(err, "equality deletes");
    }
    set->place_count = count;
    for (size_t i = 0; i < count; i++) set->places[i].sequence_number = -1;
    for (size_t i = 0; i < old_count; i++) {
        if (old[i].sequence_number < 0) continue;
        size_t at = (size_t) old[i].hash & (count - 1);
        while (set->places[at].sequence_number >= 0) at = (at + 1) & (count - 1);
        set->places[at] = old[i];
    }
    firn_free(old);
    return FIRN_OK;
}

firn_status
equality_set_add(equality_set *set, const table_schema *schema, const struct ArrowArray *rows, int64_t sequence_number,
                 firn_error *err)
{
    column_rows columns[KEY_COLUMNS_MAX];

    find_columns(set, schema, rows, columns);
    for (int64_t row = 0; row < rows->length; row++) {
        FIRN_TRY(make_key(set, columns, row, &set->key, err));
        if (set->used_count * 4 >= set->place_count * 3) FIRN_TRY(grow(set, err));

        firn_slice      key = firn_buffer_slice(&set->key);
        uint64_t        hash = firn_hash_bytes(key.data, key.size);
        equality_entry *place = find_place(set, hash, key);

        if (place->sequence_number < 0) {
            size_t table_bytes = set->place_count * sizeof *set->places;
            if (table_bytes + set->keys.size + key.size > set->memory_bytes_max) return fail_limit(set, err);
            *place = (equality_entry){hash, set->keys.size, sequence_number, key.size};
            FIRN_TRY(firn_buffer_add(&set->keys, key.data, key.size, err));
            set->used_count++;
        } else if (place->sequence_number < sequence_number) {
            place->sequence_number = sequence_number;
        }
    }
    return FIRN_OK;
}

firn_status
equality_set_apply(const equality_set *set, const table_schema *schema, const struct ArrowArray *rows,
                   int64_t sequence_number, firn_buffer *key, uint8_t keep[], firn_error *err)
{
    column_rows columns[KEY_COLUMNS_MAX];

    if (set->used_count == 0) return FIRN_OK;
    find_columns(set, schema, rows, columns);
    for (int64_t row = 0; row < rows->length; row++) {
        if (!keep[row]) continue;
        FIRN_TRY(make_key(set, columns, row, key, err));
        const equality_entry *place =
            find_place(set, firn_hash_bytes(key->data, key->size), firn_buffer_slice(key));
        if (place->sequence_number > sequence_number) keep[row] = 0;
    }
    return FIRN_OK;
}
