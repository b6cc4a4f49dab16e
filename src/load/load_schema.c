#include "load/load_schema.h"

#include <string.h>

static bool
same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
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
            FIRN_TRY(schema_field_renumber(wanted, &last_id, &arena, &fields[i], err));
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
