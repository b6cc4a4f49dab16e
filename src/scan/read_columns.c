#include "scan/read_columns.h"

#include <string.h>

#include "codec/json_writer.h"
#include "scan/partition_filter.h"

typedef struct builder {
    const scan_settings *settings;
    const data_file     *data;
    const parquet_file  *file;
    firn_arena          *arena;
    schema_field        *fields;
    unsigned             count, capacity;
} builder;

static firn_status
add_field(builder *b, const schema_field *field, firn_error *err)
{
    if (b->count == b->capacity) {
        unsigned      capacity = b->capacity * 2 + 16;
        schema_field *grown = firn_arena_array(b->arena, capacity, sizeof *grown);
        if (!grown) return firn_fail_memory(err, "the columns of a scan");
        if (b->count > 0) memcpy(grown, b->fields, b->count * sizeof *grown);
        b->fields = grown;
        b->capacity = capacity;
    }
    b->fields[b->count++] = *field;
    return FIRN_OK;
}

/* The top-level column of a path: its own field, or the struct around it in the newest schema that has it so. */
static firn_status
find_top(const builder *b, const column_path *path, const schema_field **ret_field, firn_error *err)
{
    const table_metadata *table = b->settings->table;

    *ret_field = path->field;
    if (path->count == 1) return FIRN_OK;
    for (unsigned i = 0; i <= table->schema_count; i++) {
        const table_schema *schema = i == 0 ? table->schema : table->schemas[table->schema_count - i].schema;
        const schema_field *leaf = schema ? schema_field_by_id(schema, path->field->id) : NULL;

        if (!leaf || !data_type_equal(leaf->type, path->field->type)) continue;
        for (unsigned k = 0; k < schema->field_count; k++) {
            *ret_field = &schema->fields[k];
            if ((*ret_field)->id == path->ids[0]) return FIRN_OK;
        }
    }
    return firn_fail(err, FIRN_E_BUG, "no schema has column '%s' in struct %d", path->field->name, (int) path->ids[0]);
}

/* Structs are added whole, in case the scan wants only a part of them. */
static firn_status
add_path(builder *b, const column_path *path, firn_error *err)
{
    const schema_field *top = NULL;
    schema_field        optional;

    FIRN_TRY(find_top(b, path, &top, err));
    for (unsigned i = 0; i < b->count; i++) {
        const schema_field *there = &b->fields[i];
        if (there->id == top->id && path->count == 1 && data_type_equal(there->type, top->type)) return FIRN_OK;
    }
    optional = *top;
    optional.required = false; /* a deleted column, which later files lack */
    return add_field(b, &optional, err);
}

static firn_status
add_where(void *state, const column_path *path, firn_error *err)
{
    return add_path(state, path, err);
}

/* ---- constants ---- */

static firn_status
value_as_json(const data_type *type, const single_value *value, firn_arena *arena, const char **ret_json,
              firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0}, json = {0};
    jwriter                                 w;
    bool is_plain = type->kind == TYPE_BOOLEAN || type->kind == TYPE_INT || type->kind == TYPE_LONG ||
                    type->kind == TYPE_FLOAT || type->kind == TYPE_DOUBLE;

    firn_buffer_init(&text, (size_t) 16 << 20);
    firn_buffer_init(&json, (size_t) 96 << 20);
    FIRN_TRY(single_value_format(type, value, &text, err));
    FIRN_TRY(firn_buffer_add_byte(&text, '\0', err));
    jwrite_begin(&w, &json, false, err);
    if (is_plain)
        jwrite_raw(&w, (const char *) text.data);
    else
        jwrite_text_slice(&w, firn_slice_of(text.data, text.size - 1));
    FIRN_TRY(jwrite_end(&w));
    *ret_json = firn_arena_text(arena, firn_buffer_slice(&json));
    return *ret_json ? FIRN_OK : firn_fail_memory(err, "a partition value");
}

/* The column's value in all rows, where the file lacks it and the partition has it. */
static firn_status
set_constant(const builder *b, schema_field *field, firn_error *err)
{
    const partition_spec *spec = table_metadata_spec_by_id(b->settings->table, b->data->spec_id);
    single_value          value;

    if (!spec || spec->field_count != b->data->partition_count || type_is_nested(field->type->kind)) return FIRN_OK;
    for (unsigned i = 0; i < spec->field_count; i++) {
        if (spec->fields[i].source_id != field->id || spec->fields[i].transform.kind != TRANSFORM_IDENTITY) continue;
        if (parquet_file_has_column(b->file, field->id, field->name)) return FIRN_OK;
        field->initial_default = NULL;
        field->required = false; /* where the partition says null, so it is */
        if (!b->data->partition[i].data) return FIRN_OK;
        if (!stored_value_decode(field->type, b->data->partition[i], &value))
            return firn_fail(err, FIRN_E_ICEBERG_UNSUPPORTED,
                             "column '%s' is only in the partition of '%s', as a value that is none of its type",
                             field->name, b->data->path);
        return value_as_json(field->type, &value, b->arena, &field->initial_default, err);
    }
    return FIRN_OK;
}

firn_status
read_columns_make(const scan_settings *settings, const data_file *data, const parquet_file *file,
                  const equality_set *const sets[], unsigned set_count, firn_arena *arena, table_schema **ret_schema,
                  firn_error *err)
{
    builder b = {.settings = settings, .data = data, .file = file, .arena = arena};

    for (unsigned i = 0; i < settings->columns->field_count; i++)
        FIRN_TRY(add_field(&b, &settings->columns->fields[i], err));
    if (settings->where) FIRN_TRY(scan_predicate_columns(settings->where, add_where, &b, err));
    for (unsigned i = 0; i < set_count; i++) {
        const column_path *paths = equality_set_columns(sets[i]);
        for (unsigned k = 0; k < equality_set_column_count(sets[i]); k++) FIRN_TRY(add_path(&b, &paths[k], err));
    }
    for (unsigned i = 0; i < b.count; i++) FIRN_TRY(set_constant(&b, &b.fields[i], err));
    return schema_new(settings->columns->schema_id, b.fields, b.count, NULL, 0, false, ret_schema, err);
}
