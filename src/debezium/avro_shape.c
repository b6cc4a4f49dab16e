#include "debezium/avro_shape.h"

#include "avro/avro_schema_text.h"
#include "base/alloc.h"
#include "debezium/avro_row.h"

#define COLUMN_SCHEMA_BYTES_MAX ((size_t) 1 << 20)

struct avro_shape {
    uint64_t  value_serial, key_serial; /* of the plans; key 0: none */
    avro_row *row, *key;                /* key NULL: none */
    bool      key_is_whole;             /* it has all key columns of the relation */
};

static firn_status
fail_shape(const char *what, firn_error *err)
{
    return firn_fail(err, FIRN_E_DEBEZIUM_EVENT, "the Avro schema of a record %s", what);
}

/* ---- what a relation is made of ---- */

firn_status
avro_shape_columns(const dbz_avro_plan *value, firn_arena *arena, schema_column **ret_columns, unsigned *ret_count, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    const avro_schema *row = value->row;
    unsigned           count = 0;

    firn_buffer_init(&text, COLUMN_SCHEMA_BYTES_MAX);
    if (!row) return fail_shape("has no rows", err);

    schema_column *columns = firn_arena_array(arena, row->field_count + 1, sizeof *columns);

    if (!columns) return firn_fail_memory(err, "a table's columns");
    for (unsigned i = 0; i < row->field_count; i++) {
        jtoken name = {.kind = JTOKEN_STRING, .text = firn_slice_text(row->fields[i].name)};
        if (value->shape == AVRO_SHAPE_FLATTENED && dbz_is_flattened_member(&name)) continue;
        firn_buffer_reset(&text);
        FIRN_TRY(avro_schema_add_text(row->fields[i].type, &text, err));
        char *copy = firn_arena_text(arena, firn_buffer_slice(&text));
        if (!copy) return firn_fail_memory(err, "a table's columns");
        columns[count++] = (schema_column){name, firn_slice_of(copy, text.size)};
    }
    *ret_columns = columns;
    *ret_count = count;
    return FIRN_OK;
}

firn_status
avro_key_names(const dbz_avro_plan *key, firn_buffer *out, firn_error *err)
{
    firn_buffer_reset(out);
    for (unsigned i = 0; i < key->type->field_count; i++)
        if (!dbz_is_routed_member(firn_slice_text(key->type->fields[i].name)))
            FIRN_TRY(firn_buffer_add(out, key->type->fields[i].name, strlen(key->type->fields[i].name) + 1, err));
    return FIRN_OK;
}

/* ---- shapes ---- */

void
avro_shape_free(avro_shape *shape)
{
    if (!shape) return;
    avro_row_free(shape->row);
    avro_row_free(shape->key);
    firn_free(shape);
}
FIRN_DEFINE_FREEP(avro_shape, avro_shape_free)

static bool
has_field(const avro_schema *record, const char *name)
{
    for (unsigned i = 0; i < record->field_count; i++) {
        if (strcmp(record->fields[i].name, name) == 0) return true;
    }
    return false;
}

bool
avro_shape_fits(const avro_shape *shape, const dbz_event *event)
{
    return shape && shape->value_serial == event->avro_value->serial && (!event->avro_key || shape->key_serial == event->avro_key->serial);
}

firn_status
avro_shape_renew(avro_shape **shape, const dbz_event *event, const change_relation *relation, const char *unavailable, firn_error *err)
{
    FIRN_AUTO(avro_shape_freep) avro_shape *made = firn_calloc(1, sizeof *made);
    const dbz_avro_plan *value = event->avro_value;

    if (!made) return firn_fail_memory(err, "a table of events");
    FIRN_TRY(avro_row_new(value->row, value->shape == AVRO_SHAPE_FLATTENED, unavailable, &made->row, err));
    made->value_serial = value->serial;
    for (unsigned i = 0; i < relation->column_count; i++) {
        if (relation->columns[i].is_key) avro_row_set_key(made->row, i);
    }
    if (event->avro_key) {
        FIRN_TRY(avro_row_new_of_key(event->avro_key->type, made->row, &made->key, err));
        made->key_serial = event->avro_key->serial;
        made->key_is_whole = true;
        for (unsigned i = 0; i < relation->column_count; i++) {
            if (relation->columns[i].is_key && !has_field(event->avro_key->type, relation->columns[i].name)) made->key_is_whole = false;
        }
    }
    avro_shape_free(*shape);
    *shape = FIRN_STEAL(made);
    return FIRN_OK;
}

/* ---- tuples ---- */

size_t
avro_shape_room(const dbz_event *event)
{
    size_t columns = event->avro_value->row ? event->avro_value->row->field_count : 0;

    return event->before.size + event->after.size + event->key.size + 2 * 5 * columns;
}

firn_status
avro_shape_row(avro_shape *shape, const dbz_event *event, firn_slice row, bool keys_only, uint8_t **at, change_tuple *ret_tuple,
               firn_error *err)
{
    size_t size;

    FIRN_TRY(avro_row_tuple(shape->row, row, keys_only, event->kind == DBZ_READ, *at, ret_tuple, &size, err));
    *at += size;
    return FIRN_OK;
}

firn_status
avro_shape_key(avro_shape *shape, const dbz_event *event, uint8_t **at, change_tuple *ret_tuple, firn_error *err)
{
    size_t size;

    if (!shape->key || !event->key.data) return fail_shape("has no key, and its event no row", err);
    if (!shape->key_is_whole) return fail_shape("of the key lacks columns of the table's key, and its event has no row", err);
    FIRN_TRY(avro_row_tuple(shape->key, event->key, true, true, *at, ret_tuple, &size, err));
    *at += size;
    return FIRN_OK;
}
