#include "avro/avro_walk.h"

/* Items without a byte each can't be counted against the input. */
#define EMPTY_ITEMS_MAX 100000

static bool
fail(firn_reader *in)
{
    in->failed = true;
    in->at = in->end;
    return false;
}

static size_t
fail_count(firn_reader *in)
{
    (void) fail(in);
    return 0;
}

size_t
avro_read_count(const avro_schema *item, firn_reader *in)
{
    int64_t count = avro_read_long(in);

    if (count < 0) {
        // the size of the block, for those who pass over it by size: items are read one by one here
        if (count == INT64_MIN || avro_read_long(in) < 0) return fail_count(in);
        count = -count;
    }
    if (in->failed || ((uint64_t) count > firn_reader_left(in) && !(item && item->may_be_empty && count <= EMPTY_ITEMS_MAX)))
        return fail_count(in);
    return (size_t) count;
}

static bool skip(const avro_schema *type, firn_reader *in, unsigned depth);

static bool
skip_blocks(const avro_schema *type, firn_reader *in, unsigned depth)
{
    bool   is_map = type->kind == AVRO_MAP;
    size_t empty = 0;

    for (;;) {
        size_t count = avro_read_count(is_map ? NULL : type->items, in);
        if (in->failed) return false;
        if (count == 0) return true;
        if (!is_map && type->items->may_be_empty && (empty += count) > EMPTY_ITEMS_MAX) return fail(in);
        for (size_t i = 0; i < count; i++) {
            if (is_map) (void) avro_read_bytes(in);
            if (!skip(type->items, in, depth)) return false;
        }
    }
}

static bool
skip(const avro_schema *type, firn_reader *in, unsigned depth)
{
    if (FIRN_UNLIKELY(depth > AVRO_WALK_DEPTH_MAX)) return fail(in);
    if (type->kind == AVRO_UNION && !(type = avro_enter(type, in))) return fail(in);
    switch (type->kind) {
    case AVRO_NULL:
        break;
    case AVRO_BOOLEAN:
        (void) firn_reader_take(in, 1);
        break;
    case AVRO_INT:
    case AVRO_LONG:
    case AVRO_ENUM:
        (void) avro_read_long(in);
        break;
    case AVRO_FLOAT:
        (void) firn_reader_take(in, 4);
        break;
    case AVRO_DOUBLE:
        (void) firn_reader_take(in, 8);
        break;
    case AVRO_BYTES:
    case AVRO_STRING:
        (void) avro_read_bytes(in);
        break;
    case AVRO_FIXED:
        (void) firn_reader_take(in, type->size_bytes);
        break;
    case AVRO_ARRAY:
    case AVRO_MAP:
        return skip_blocks(type, in, depth + 1);
    case AVRO_RECORD:
        for (unsigned i = 0; i < type->field_count; i++) {
            if (!skip(type->fields[i].type, in, depth + 1)) return false;
        }
        break;
    case AVRO_UNION: // within a union: the specification has none
        return skip(type, in, depth + 1);
    }
    return !in->failed;
}

bool
avro_skip(const avro_schema *type, firn_reader *in)
{
    return skip(type, in, 0);
}
