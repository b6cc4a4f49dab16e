#include "batch/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/decimal.h"
#include "base/error.h"

enum { DEPTH_MAX = 64 }; /* of nested types: recursion on what came from outside ends somewhere */

static firn_status
copy_text(firn_arena *arena, const char *text, const char **ret_copy, firn_error *err)
{
    *ret_copy = NULL;
    if (!text) return FIRN_OK;
    *ret_copy = firn_arena_strdup(arena, text);
    return *ret_copy ? FIRN_OK : firn_fail_memory(err, "a schema");
}

static firn_status copy_fields(firn_arena *arena, const schema_field from[], unsigned count, int32_t *next_id,
                               unsigned depth, const schema_field **ret_fields, firn_error *err);

static const char *
default_child_name(const data_type *parent, unsigned index)
{
    if (parent->kind == TYPE_LIST) return "element";
    return index == 0 ? "key" : "value";
}

static firn_status
check_type(const data_type *type, unsigned depth, firn_error *err)
{
    bool wrong = depth > DEPTH_MAX;

    wrong |= type->kind == TYPE_DECIMAL &&
             (type->precision == 0 || type->precision > DECIMAL_PRECISION_MAX || type->scale > type->precision);
    wrong |= type->kind == TYPE_FIXED && type->size_bytes == 0;
    wrong |= type->kind == TYPE_LIST && type->field_count != 1;
    wrong |= type->kind == TYPE_MAP && type->field_count != 2;
    wrong |= !type_is_nested(type->kind) && type->field_count != 0;
    if (!wrong) return FIRN_OK;
    if (depth > DEPTH_MAX) {
        return firn_fail(err, FIRN_E_TYPE_UNSUPPORTED, "types are nested more than %d levels deep", DEPTH_MAX);
    }
    if (type->kind == TYPE_DECIMAL) {
        return firn_fail(err, FIRN_E_TYPE_UNSUPPORTED, "there is no decimal(%u, %u)", type->precision, type->scale);
    }
    return firn_fail(err, FIRN_E_TYPE_UNSUPPORTED, "a type has a size or children that it cannot have");
}

static firn_status
copy_type(firn_arena *arena, const data_type *from, int32_t *next_id, unsigned depth, const data_type **ret_type,
          firn_error *err)
{
    data_type *copy;

    FIRN_TRY(check_type(from, depth, err));
    copy = firn_arena_alloc(arena, sizeof *copy);
    if (!copy) return firn_fail_memory(err, "a schema");
    *copy = *from;
    copy->fields = NULL;
    if (from->field_count > 0) {
        FIRN_TRY(copy_fields(arena, from->fields, from->field_count, next_id, depth + 1, &copy->fields, err));
    }
    if (from->kind == TYPE_LIST || from->kind == TYPE_MAP) {
        for (unsigned i = 0; i < from->field_count; i++) {
            schema_field *child = (schema_field *) (uintptr_t) &copy->fields[i]; /* made just now */
            if (!child->name) {
                child->name = default_child_name(from, i);
            }
        }
    }
    *ret_type = copy;
    return FIRN_OK;
}

/* With next_id the fields of one level get their ids before any of their children, as Iceberg gives
 * them out for a new table. */
static firn_status
copy_fields(firn_arena *arena, const schema_field from[], unsigned count, int32_t *next_id, unsigned depth,
            const schema_field **ret_fields, firn_error *err)
{
    schema_field *fields = firn_arena_array(arena, count, sizeof *fields);

    if (!fields) return firn_fail_memory(err, "a schema");
    for (unsigned i = 0; i < count; i++) {
        fields[i] = from[i];
        if (next_id) {
            fields[i].id = (*next_id)++;
        }
        FIRN_TRY(copy_text(arena, from[i].name, &fields[i].name, err));
        FIRN_TRY(copy_text(arena, from[i].doc, &fields[i].doc, err));
        FIRN_TRY(copy_text(arena, from[i].initial_default, &fields[i].initial_default, err));
        FIRN_TRY(copy_text(arena, from[i].write_default, &fields[i].write_default, err));
    }
    for (unsigned i = 0; i < count; i++) {
        FIRN_TRY(copy_type(arena, from[i].type, next_id, depth, &fields[i].type, err));
    }
    *ret_fields = fields;
    return FIRN_OK;
}

static int32_t
highest_id(const schema_field fields[], unsigned count)
{
    int32_t highest = 0;

    for (unsigned i = 0; i < count; i++) {
        int32_t below = highest_id(fields[i].type->fields, fields[i].type->field_count);
        if (fields[i].id > highest) {
            highest = fields[i].id;
        }
        if (below > highest) {
            highest = below;
        }
    }
    return highest;
}

static firn_status
copy_key(table_schema *schema, const int32_t key_ids[], unsigned key_count, bool assign_ids, firn_error *err)
{
    int32_t *ids;

    if (key_count == 0) return FIRN_OK;
    ids = firn_arena_array(&schema->arena, key_count, sizeof *ids);
    if (!ids) return firn_fail_memory(err, "a schema");
    for (unsigned i = 0; i < key_count; i++) {
        if (assign_ids) {
            assert(key_ids[i] >= 0 && (unsigned) key_ids[i] < schema->field_count);
            ids[i] = schema->fields[key_ids[i]].id;
        } else {
            ids[i] = key_ids[i];
        }
    }
    schema->key_ids = ids;
    schema->key_count = key_count;
    return FIRN_OK;
}

firn_status
schema_new(int32_t schema_id, const schema_field fields[], unsigned field_count, const int32_t key_ids[],
           unsigned key_count, bool assign_ids, table_schema **ret_schema, firn_error *err)
{
    FIRN_AUTO(schema_unrefp) table_schema *schema = firn_calloc(1, sizeof *schema);
    int32_t                                next_id = 1;

    if (!schema) return firn_fail_memory(err, "a schema");
    schema->ref_count = 1;
    schema->schema_id = schema_id;
    schema->field_count = field_count;
    FIRN_TRY(copy_fields(&schema->arena, fields, field_count, assign_ids ? &next_id : NULL, 0, &schema->fields, err));
    FIRN_TRY(copy_key(schema, key_ids, key_count, assign_ids, err));
    schema->last_field_id = highest_id(schema->fields, field_count);
    *ret_schema = FIRN_STEAL(schema);
    return FIRN_OK;
}

static firn_status
renumber_type(const data_type *from, int32_t *last_id, firn_arena *arena, const data_type **ret_type, firn_error *err)
{
    data_type    *type;
    schema_field *fields;

    *ret_type = from;
    if (!from->field_count) return FIRN_OK;
    type = firn_arena_alloc(arena, sizeof *type);
    fields = firn_arena_array(arena, from->field_count, sizeof *fields);
    if (!type || !fields) return firn_fail_memory(err, "a schema");
    *type = *from;
    type->fields = fields;
    for (unsigned i = 0; i < from->field_count; i++)
        FIRN_TRY(schema_field_renumber(&from->fields[i], last_id, arena, &fields[i], err));
    *ret_type = type;
    return FIRN_OK;
}

firn_status
schema_field_renumber(const schema_field *from, int32_t *last_id, firn_arena *arena, schema_field *ret_field,
                      firn_error *err)
{
    *ret_field = *from;
    ret_field->id = ++*last_id;
    return renumber_type(from->type, last_id, arena, &ret_field->type, err);
}

table_schema *
schema_ref(table_schema *schema)
{
    __atomic_add_fetch(&schema->ref_count, 1, __ATOMIC_RELAXED);
    return schema;
}

void
schema_unref(table_schema *schema)
{
    if (!schema || __atomic_sub_fetch(&schema->ref_count, 1, __ATOMIC_ACQ_REL) > 0) return;
    firn_arena_done(&schema->arena);
    firn_free(schema);
}

static const schema_field *
find_by_id(const schema_field fields[], unsigned count, int32_t id)
{
    for (unsigned i = 0; i < count; i++) {
        const schema_field *below;
        if (fields[i].id == id) return &fields[i];
        below = find_by_id(fields[i].type->fields, fields[i].type->field_count, id);
        if (below) return below;
    }
    return NULL;
}

const schema_field *
schema_field_by_id(const table_schema *schema, int32_t id)
{
    return find_by_id(schema->fields, schema->field_count, id);
}

int
schema_column_index(const table_schema *schema, const char *name)
{
    for (unsigned i = 0; i < schema->field_count; i++) {
        if (strcmp(schema->fields[i].name, name) == 0) return (int) i;
    }
    return -1;
}

bool
data_type_equal(const data_type *a, const data_type *b)
{
    if (a->kind != b->kind || a->field_count != b->field_count) return false;
    if (a->kind == TYPE_DECIMAL && (a->precision != b->precision || a->scale != b->scale)) return false;
    if (a->kind == TYPE_FIXED && a->size_bytes != b->size_bytes) return false;
    for (unsigned i = 0; i < a->field_count; i++) {
        if (a->fields[i].required != b->fields[i].required) return false;
        if (!data_type_equal(a->fields[i].type, b->fields[i].type)) return false;
    }
    return true;
}
