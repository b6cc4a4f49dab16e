#include "load/load_schema.h"

#include <string.h>

static bool
same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static firn_status field_with_new_ids(const schema_field *from, int32_t *last_id, firn_arena *arena, schema_field *out,
                                      firn_error *err);

static firn_status
type_with_new_ids(const data_type *from, int32_t *last_id, firn_arena *arena, const data_type **ret_type,
                  firn_error *err)
{
    data_type    *type;
    schema_field *fields;

    if (!from->field_count) {
        *ret_type = from;
        return FIRN_OK;
    }
    type = firn_arena_alloc(arena, sizeof *type);
    fields = firn_arena_array(arena, from->field_count, sizeof *fields);
    if (!type || !fields) return firn_fail_memory(err, "a schema");
    *type = *from;
    type->fields = fields;
    for (unsigned i = 0; i < from->field_count; i++)
        FIRN_TRY(field_with_new_ids(&from->fields[i], last_id, arena, &fields[i], err));
    *ret_type = type;
    return FIRN_OK;
}

static firn_status
field_with_new_ids(const schema_field *from, int32_t *last_id, firn_arena *arena, schema_field *out, firn_error *err)
{
    *out = *from;
    out->id = ++*last_id;
    return type_with_new_ids(from->type, last_id, arena, &out->type, err);
}

firn_status
load_schema_adopt(const table_metadata *table, const table_schema *described, table_schema **ret_schema,
                  bool *ret_same, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const table_schema *current = table_metadata_schema(table);
    schema_field       *fields = firn_arena_array(&arena, described->field_count + 1, sizeof *fields);
    int32_t            *keys = firn_arena_array(&arena, described->key_count + 1, sizeof *keys);
    int32_t             last_id = table->last_column_id, schema_id = 0;
    bool                same = current->field_count == described->field_count && current->key_count == described->key_count;

    if (!fields || !keys) return firn_fail_memory(err, "a schema");
    for (unsigned i = 0; i < described->field_count; i++) {
        const schema_field *wanted = &described->fields[i];
        int                 index = schema_column_index(current, wanted->name);
        const schema_field *old = index < 0 ? NULL : &current->fields[index];

        if (old && data_type_equal(old->type, wanted->type)) {
            fields[i] = *wanted;
            fields[i].id = old->id;
            fields[i].type = old->type; /* its nested ids too */
            same = same && index == (int) i && old->required == wanted->required && same_text(old->doc, wanted->doc);
        } else {
            FIRN_TRY(field_with_new_ids(wanted, &last_id, &arena, &fields[i], err));
            same = false;
        }
    }
    for (unsigned k = 0; k < described->key_count; k++) {
        for (unsigned i = 0; i < described->field_count; i++) {
            if (described->fields[i].id == described->key_ids[k]) keys[k] = fields[i].id;
        }
        same = same && keys[k] == current->key_ids[k];
    }
    for (unsigned i = 0; i < table->schema_count; i++) {
        if (table->schemas[i].schema_id >= schema_id) schema_id = table->schemas[i].schema_id + 1;
    }
    if (same) schema_id = current->schema_id;
    FIRN_TRY(schema_new(schema_id, fields, described->field_count, keys, described->key_count, false, ret_schema, err));
    *ret_same = same;
    return FIRN_OK;
}
