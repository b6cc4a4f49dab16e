#include "follow/table_shape.h"

#include <string.h>

#include "base/alloc.h"
#include "batch/array.h"
#include "batch/column_builder.h"

#define NULL_COLUMN_BYTES_MAX ((size_t) 1 << 30)
/* What is decoded to look at it, and thrown away. */
#define CHECKED_ROWS_MAX 1024u
#define CHECKED_BYTES_MAX ((size_t) 256 << 10)

void
table_shape_free(table_shape *shape)
{
    if (!shape) return;
    row_decoder_free(shape->rows);
    row_decoder_free(shape->keys);
    row_decoder_free(shape->row_check);
    row_decoder_free(shape->key_check);
    schema_evolution_done(&shape->evolution);
    if (shape->description) schema_unref(shape->description->schema);
    if (shape->key_description) schema_unref(shape->key_description->schema);
    schema_unref(shape->key_schema);
    change_relation_unref(shape->relation);
    firn_arena_done(&shape->arena);
    firn_free(shape);
}

/* ---- the key ---- */

/* The lake's schema as the shape's rows will have it. */
static const table_schema *
target_schema(const table_shape *shape, const table_metadata *lake)
{
    return shape->evolution.schema ? shape->evolution.schema : table_metadata_schema(lake);
}

/* The relation's column that a field of the lake is filled from; -1: none. */
static int
relation_column(const table_shape *shape, const table_schema *schema, int32_t field_id)
{
    for (unsigned f = 0; f < schema->field_count; f++) {
        int column = shape->evolution.column_of_field[f];

        if (schema->fields[f].id != field_id || column < 0) continue;
        return change_relation_column(shape->relation, shape->description->schema->fields[column].name);
    }
    return -1;
}

static bool
is_found_in_old_rows(const table_shape *shape, int column)
{
    return column >= 0 && (shape->relation->identity == IDENTITY_FULL || shape->relation->columns[column].is_key);
}

static firn_status
fail_identity(const table_shape *shape, firn_error *err)
{
    const change_relation *r = shape->relation;

    (void) firn_fail(err, FIRN_E_FOLLOW_NO_IDENTITY,
                     "updates and deletes of '%s.%s' cannot be followed: it has no key, and its replica identity is %s", r->schema,
                     r->name, r->identity == IDENTITY_NOTHING ? "nothing" : "not full");
    firn_hint(err, "ALTER TABLE \"%s\".\"%s\" REPLICA IDENTITY FULL; then load the table again", r->schema, r->name);
    return err->status;
}

/* The lake's key, if old rows have all of it. */
static bool
take_lake_key(table_shape *shape, const table_schema *schema, unsigned columns[], int32_t ids[])
{
    for (unsigned k = 0; k < schema->key_count; k++) {
        int column = relation_column(shape, schema, schema->key_ids[k]);

        if (!is_found_in_old_rows(shape, column)) return false;
        columns[k] = (unsigned) column;
        ids[k] = schema->key_ids[k];
    }
    shape->key_count = schema->key_count;
    return schema->key_count > 0;
}

/* The columns of the replica identity; all of them must be in the lake. */
static bool
take_identity(table_shape *shape, const table_schema *schema, unsigned columns[], int32_t ids[])
{
    unsigned count = 0, found = 0;

    for (unsigned c = 0; c < shape->relation->column_count; c++) {
        if (!shape->relation->columns[c].is_key) continue;
        count++;
        for (unsigned f = 0; f < schema->field_count; f++) {
            if (relation_column(shape, schema, schema->fields[f].id) != (int) c) continue;
            columns[found] = c;
            ids[found++] = schema->fields[f].id;
        }
    }
    shape->key_count = found;
    return count > 0 && found == count;
}

static firn_status
choose_key(table_shape *shape, const table_schema *schema, firn_error *err)
{
    unsigned  room = shape->relation->column_count + schema->key_count + 1;
    unsigned *columns = firn_arena_array(&shape->arena, room, sizeof *columns);
    int32_t  *ids = firn_arena_array(&shape->arena, room, sizeof *ids);

    if (!columns || !ids) return firn_fail_memory(err, "a table's key");
    shape->key_columns = columns;
    shape->key_field_ids = ids;
    if (shape->relation->identity == IDENTITY_NOTHING) return fail_identity(shape, err);
    if (take_lake_key(shape, schema, columns, ids)) return FIRN_OK;
    if (shape->relation->identity != IDENTITY_FULL)
        return take_identity(shape, schema, columns, ids) ? FIRN_OK : fail_identity(shape, err);
    shape->key_count = 0;
    return FIRN_OK;
}

/* ---- decoders ---- */

static bool
is_key_column(const table_shape *shape, const char *name)
{
    for (unsigned k = 0; k < shape->key_count; k++) {
        if (strcmp(shape->relation->columns[shape->key_columns[k]].name, name) == 0) return true;
    }
    return false;
}

/* The table described as if it had its key columns only. */
static firn_status
open_key_decoder(table_shape *shape, change_stream *stream, const table_schema *lake, const table_rules *rules, firn_error *err)
{
    const table_schema *schema = shape->description->schema;
    column_rule *columns = firn_arena_array(&shape->arena, rules->column_count + schema->field_count + 1, sizeof *columns);
    table_rules  key_rules = *rules;
    unsigned     count = rules->column_count;

    if (!columns) return firn_fail_memory(err, "a table's key");
    if (count) memcpy(columns, rules->columns, count * sizeof *columns);
    for (unsigned c = 0; c < schema->field_count; c++) {
        if (!is_key_column(shape, schema->fields[c].name))
            columns[count++] = (column_rule){.column = schema->fields[c].name, .excluded = true};
    }
    key_rules.columns = columns;
    key_rules.column_count = count;
    FIRN_TRY(stream->ops->describe(stream, shape->relation, lake, &key_rules, &shape->arena, &shape->key_description, NULL, err));
    return stream->ops->open_decoder(stream, shape->relation, shape->key_description, &shape->keys, err);
}

/* The key's fields as the lake has them, in the key's order. */
static firn_status
make_key_schema(table_shape *shape, const table_schema *lake, firn_error *err)
{
    schema_field *fields = firn_arena_array(&shape->arena, shape->key_count + 1, sizeof *fields);

    if (!fields) return firn_fail_memory(err, "a table's key");
    for (unsigned k = 0; k < shape->key_count; k++) fields[k] = *schema_field_by_id(lake, shape->key_field_ids[k]);
    return schema_new(0, fields, shape->key_count, NULL, 0, false, &shape->key_schema, err);
}

static firn_status
make_origins(const table_shape *shape, const int places[], firn_arena *arena, const column_origin **ret_origins,
             firn_error *err)
{
    unsigned       count = shape->description->schema->field_count;
    column_origin *origins = firn_arena_array(arena, count + 1, sizeof *origins);

    if (shape->description->origins) {
        *ret_origins = shape->description->origins;
        return FIRN_OK;
    }
    if (!origins) return firn_fail_memory(err, "a table's columns");
    for (unsigned c = 0; c < count; c++) origins[c].place = places ? places[c] : 0;
    *ret_origins = origins;
    return FIRN_OK;
}

firn_status
table_shape_new(change_stream *stream, change_relation *relation, const table_rules *rules, const table_metadata *lake,
                schema_policy policy, table_shape **ret_shape, firn_error *err)
{
    FIRN_AUTO(table_shape_freep) table_shape *shape = firn_calloc(1, sizeof *shape);
    const column_origin                      *origins = NULL;
    const int                                *places = NULL;

    if (!shape) return firn_fail_memory(err, "a table's shape");
    shape->relation = change_relation_ref(relation);
    shape->repeat_count = relation->repeat_count;
    FIRN_TRY(stream->ops->describe(stream, relation, table_metadata_schema(lake), rules, &shape->arena, &shape->description, &places, err));
    FIRN_TRY(make_origins(shape, places, &shape->arena, &origins, err));
    FIRN_TRY(schema_evolution_plan(lake, shape->description->schema, origins, policy, &shape->arena, &shape->evolution, err));
    FIRN_TRY(choose_key(shape, target_schema(shape, lake), err));
    FIRN_TRY(stream->ops->open_decoder(stream, relation, shape->description, &shape->rows, err));
    if (shape->key_count) {
        FIRN_TRY(make_key_schema(shape, target_schema(shape, lake), err));
        FIRN_TRY(open_key_decoder(shape, stream, table_metadata_schema(lake), rules, err));
    }
    if (stream->keeps_aside) FIRN_TRY(stream->ops->open_decoder(stream, relation, shape->description, &shape->row_check, err));
    if (stream->keeps_aside && shape->keys) FIRN_TRY(stream->ops->open_decoder(stream, relation, shape->key_description, &shape->key_check, err));
    *ret_shape = FIRN_STEAL(shape);
    return FIRN_OK;
}

/* ---- changes as they come ---- */

/* Whether it is the value that is no good. */
static bool
is_of_row(const firn_error *why)
{
    return why->status != FIRN_NO_MEMORY && why->status != FIRN_CANCELLED && why->code != FIRN_E_BUG;
}

static firn_status
check_tuple(row_decoder *decoder, const change_tuple *tuple, firn_error *ret_why, firn_error *err)
{
    FIRN_AUTO(batch_done) batch rows = {0};

    if (!tuple->bytes.data || ret_why->status) return FIRN_OK;
    if (row_decoder_append(decoder, tuple, err)) {
        if (!is_of_row(err)) return err->status;
        /* What cannot be read for want of a setting is every row's, and stops the table when the window is applied. */
        if (err->code != FIRN_E_DEBEZIUM_FORM) *ret_why = *err;
        firn_error_reset(err);
    }
    if (decoder->row_count < CHECKED_ROWS_MAX && decoder->size_bytes < CHECKED_BYTES_MAX) return FIRN_OK;
    return row_decoder_take(decoder, &rows, err);
}

firn_status
table_shape_check(const table_shape *shape, const change *event, bool collects_damage, firn_error *ret_why, firn_error *err)
{
    *ret_why = (firn_error){0};
    if (!shape->row_check || event->op == CHANGE_TRUNCATE) return FIRN_OK;
    shape->row_check->collects_damage = collects_damage;
    if (shape->key_check) FIRN_TRY(check_tuple(shape->key_check, &event->old, ret_why, err));
    else
        FIRN_TRY(check_tuple(shape->row_check, &event->old, ret_why, err));
    return check_tuple(shape->row_check, &event->new, ret_why, err);
}

/* ---- rows ---- */

firn_status
table_shape_key_tuple(const table_shape *shape, firn_slice key, firn_buffer *scratch, change_tuple *ret_tuple,
                      firn_error *err)
{
    unsigned column_count = shape->relation->column_count;

    firn_buffer_reset(scratch);
    for (unsigned c = 0; c < column_count; c++) {
        const uint8_t *at = key.data, *value = NULL;

        for (unsigned k = 0; k < shape->key_count; k++) {
            if (shape->key_columns[k] == c) value = at;
            at = tuple_value_skip(at);
        }
        if (value) FIRN_TRY(firn_buffer_add(scratch, value, (size_t) (tuple_value_skip(value) - value), err));
        else
            FIRN_TRY(firn_buffer_add_byte(scratch, TUPLE_NULL, err));
    }
    *ret_tuple = (change_tuple){.bytes = firn_buffer_slice(scratch), .column_count = column_count};
    return FIRN_OK;
}

static firn_status
make_null_column(const data_type *type, int64_t row_count, struct ArrowArray *ret_array, firn_error *err)
{
    FIRN_AUTO(column_builder_freep) column_builder *builder = NULL;

    FIRN_TRY(column_builder_new(type, NULL_COLUMN_BYTES_MAX, &builder, err));
    for (int64_t i = 0; i < row_count; i++) FIRN_TRY(column_add_null(builder, err));
    return column_builder_finish(builder, ret_array, err);
}

firn_status
table_shape_arrange(const table_shape *shape, const table_schema *schema, batch *rows, struct ArrowArray *ret_array,
                    firn_error *err)
{
    FIRN_AUTO(array_done) struct ArrowArray out = {0};

    if (!array_init(&out, 1, schema->field_count)) return firn_fail_memory(err, "a batch");
    out.length = rows->array.length;
    for (unsigned f = 0; f < schema->field_count; f++) {
        int column = shape->evolution.column_of_field[f];

        if (column < 0) FIRN_TRY(make_null_column(schema->fields[f].type, out.length, out.children[f], err));
        else
            array_move(rows->array.children[column], out.children[f]);
    }
    array_move(&out, ret_array);
    return FIRN_OK;
}

firn_status
table_shape_arrange_keys(const table_shape *shape, batch *keys, struct ArrowArray *ret_array, firn_error *err)
{
    FIRN_AUTO(array_done) struct ArrowArray out = {0};

    if (!array_init(&out, 1, shape->key_count)) return firn_fail_memory(err, "a batch");
    out.length = keys->array.length;
    for (unsigned k = 0; k < shape->key_count; k++) {
        const char *name = shape->relation->columns[shape->key_columns[k]].name;
        int         column = schema_column_index(shape->key_description->schema, name);

        if (column < 0) return firn_fail(err, FIRN_E_BUG, "the key of '%s' lacks '%s'", shape->relation->name, name);
        array_move(keys->array.children[column], out.children[k]);
    }
    array_move(&out, ret_array);
    return FIRN_OK;
}
