#include "avro/avro_decoder.h"

#include "avro/avro_walk.h"

#define DEPTH_MAX 64
/* Items without a byte each can't be counted against the input. */
#define EMPTY_ITEMS_MAX 100000

typedef struct value_decoder {
    firn_reader *in;
    firn_arena  *arena;
    firn_error  *err;
} value_decoder;

static firn_status decode(value_decoder *d, const avro_schema *schema, unsigned depth, avro_value *out);

static firn_status
fail_value(const value_decoder *d, const char *what)
{
    return firn_fail(d->err, FIRN_E_AVRO_CORRUPT, "%s at byte %zu of a block", what, firn_reader_offset(d->in));
}

/* Blocks come one by one without a total; what they hold is put side by side. */
static firn_status
grow(value_decoder *d, avro_value **items, size_t used, size_t wanted, size_t *capacity)
{
    if (wanted <= *capacity) return FIRN_OK;

    size_t      larger = wanted > 2 * *capacity ? wanted : 2 * *capacity;
    avro_value *moved = firn_arena_array(d->arena, larger, sizeof *moved);

    if (!moved) return firn_fail_memory(d->err, "an Avro value");
    if (used > 0) memcpy(moved, *items, used * sizeof *moved);
    *items = moved;
    *capacity = larger;
    return FIRN_OK;
}

static firn_status
decode_blocks(value_decoder *d, const avro_schema *schema, unsigned depth, avro_value *out)
{
    static const avro_schema key_type = {.kind = AVRO_STRING};
    bool                     is_map = schema->kind == AVRO_MAP;
    avro_value              *items = NULL;
    size_t                   used = 0, capacity = 0, empty = 0, count = 0;

    for (;;) {
        count = avro_read_count(is_map ? NULL : schema->items, d->in);
        if (d->in->failed) return fail_value(d, "a count that is cut short or larger than its bytes");
        if (count == 0) break;
        if (!is_map && schema->items->may_be_empty && (empty += count) > EMPTY_ITEMS_MAX) {
            return fail_value(d, "too many empty items");
        }
        FIRN_TRY(grow(d, &items, used, used + count * (is_map ? 2 : 1), &capacity));
        for (size_t i = 0; i < count; i++) {
            if (is_map) FIRN_TRY(decode(d, &key_type, depth, &items[used++]));
            FIRN_TRY(decode(d, schema->items, depth + 1, &items[used++]));
        }
    }
    out->of.list.count = used;
    out->of.list.items = items;
    return FIRN_OK;
}

static firn_status
decode_record(value_decoder *d, const avro_schema *schema, unsigned depth, avro_value *out)
{
    avro_value *items = firn_arena_array(d->arena, schema->field_count ? schema->field_count : 1, sizeof *items);

    if (!items) return firn_fail_memory(d->err, "an Avro value");
    for (unsigned i = 0; i < schema->field_count; i++) {
        FIRN_TRY(decode(d, schema->fields[i].type, depth + 1, &items[i]));
    }
    out->of.list.count = schema->field_count;
    out->of.list.items = items;
    return FIRN_OK;
}

static firn_status
decode_union(value_decoder *d, const avro_schema *schema, unsigned depth, avro_value *out)
{
    int64_t branch = avro_read_long(d->in);

    if (d->in->failed || branch < 0 || branch >= schema->field_count) return fail_value(d, "a union without such a branch");
    return decode(d, schema->branches[branch], depth + 1, out);
}

static firn_status
decode_integer(value_decoder *d, const avro_schema *schema, avro_value *out)
{
    int64_t value = avro_read_long(d->in);

    out->of.integer = value;
    if (schema->kind == AVRO_INT && (value < INT32_MIN || value > INT32_MAX)) return fail_value(d, "an int out of range");
    if (schema->kind == AVRO_ENUM && (value < 0 || value >= schema->field_count)) {
        return fail_value(d, "an enum without such a symbol");
    }
    return FIRN_OK;
}

static firn_status
decode_scalar(value_decoder *d, const avro_schema *schema, avro_value *out)
{
    uint8_t byte;

    switch (schema->kind) {
    case AVRO_NULL:
        break;
    case AVRO_BOOLEAN:
        byte = firn_reader_u8(d->in);
        if (byte > 1) return fail_value(d, "a boolean that is neither");
        out->of.integer = byte;
        break;
    case AVRO_INT:
    case AVRO_LONG:
    case AVRO_ENUM:
        FIRN_TRY(decode_integer(d, schema, out));
        break;
    case AVRO_FLOAT:
        out->of.real = (double) float_of_bits(firn_reader_le32(d->in));
        break;
    case AVRO_DOUBLE:
        out->of.real = double_of_bits(firn_reader_le64(d->in));
        break;
    case AVRO_BYTES:
    case AVRO_STRING:
        out->of.bytes = avro_read_bytes(d->in);
        break;
    case AVRO_FIXED:
        out->of.bytes = firn_slice_of(firn_reader_take(d->in, schema->size_bytes), schema->size_bytes);
        break;
    case AVRO_RECORD:
    case AVRO_ARRAY:
    case AVRO_MAP:
    case AVRO_UNION:
        assert(!"decode takes these");
    }
    return d->in->failed ? fail_value(d, "a value is cut short") : FIRN_OK;
}

static firn_status
decode(value_decoder *d, const avro_schema *schema, unsigned depth, avro_value *out)
{
    if (depth > DEPTH_MAX) return fail_value(d, "values nested too deep");
    out->type = schema;
    if (schema->kind == AVRO_UNION) return decode_union(d, schema, depth, out);
    if (schema->kind == AVRO_RECORD) return decode_record(d, schema, depth, out);
    if (schema->kind == AVRO_ARRAY || schema->kind == AVRO_MAP) return decode_blocks(d, schema, depth, out);
    return decode_scalar(d, schema, out);
}

firn_status
avro_decode(const avro_schema *schema, firn_reader *in, firn_arena *arena, avro_value *ret_value, firn_error *err)
{
    value_decoder d = {in, arena, err};

    return decode(&d, schema, 0, ret_value);
}

const avro_value *
avro_field_by_id(const avro_value *record, int32_t field_id, const char *name)
{
    bool has_ids = false;

    if (!record || record->type->kind != AVRO_RECORD) return NULL;
    for (unsigned i = 0; i < record->type->field_count; i++) {
        const avro_field *field = &record->type->fields[i];
        const avro_value *value = &record->of.list.items[i];
        if (field->field_id == field_id) return value->type->kind == AVRO_NULL ? NULL : value;
        has_ids = has_ids || field->field_id >= 0;
    }
    for (unsigned i = 0; !has_ids && i < record->type->field_count; i++) {
        const avro_value *value = &record->of.list.items[i];
        if (strcmp(record->type->fields[i].name, name) == 0) return value->type->kind == AVRO_NULL ? NULL : value;
    }
    return NULL;
}

bool
avro_integer(const avro_value *v, int64_t *ret_value)
{
    if (!v || (v->type->kind != AVRO_INT && v->type->kind != AVRO_LONG)) return false;
    *ret_value = v->of.integer;
    return true;
}

bool
avro_boolean(const avro_value *v, bool *ret_value)
{
    if (!v || v->type->kind != AVRO_BOOLEAN) return false;
    *ret_value = v->of.integer != 0;
    return true;
}

bool
avro_bytes(const avro_value *v, firn_slice *ret_bytes)
{
    if (!v || (v->type->kind != AVRO_BYTES && v->type->kind != AVRO_STRING && v->type->kind != AVRO_FIXED)) return false;
    *ret_bytes = v->of.bytes;
    return true;
}

bool
avro_list(const avro_value *v, size_t *ret_count, const avro_value **ret_items)
{
    if (!v || v->type->kind != AVRO_ARRAY) return false;
    *ret_count = v->of.list.count;
    *ret_items = v->of.list.items;
    return true;
}
