#include "scan/column_path.h"

#include <string.h>

#include "scan/array_value.h"

/* The fields from `fields` down to the id; 0: not there. */
static unsigned
find_below(const schema_field fields[], unsigned count, int32_t id, unsigned depth, const schema_field *path[])
{
    for (unsigned i = 0; i < count; i++) {
        const data_type *type = fields[i].type;
        path[depth] = &fields[i];
        if (fields[i].id == id) return depth + 1;
        if (type->kind != TYPE_STRUCT || depth + 1 == COLUMN_PATH_MAX) continue;
        unsigned found = find_below(type->fields, type->field_count, id, depth + 1, path);
        if (found > 0) return found;
    }
    return 0;
}

firn_status
column_path_find(const table_schema *schema, int32_t id, firn_arena *arena, column_path *ret_path, bool *ret_found,
                 firn_error *err)
{
    const schema_field *fields[COLUMN_PATH_MAX];
    unsigned            count = find_below(schema->fields, schema->field_count, id, 0, fields);
    int32_t            *ids;

    *ret_found = count > 0;
    if (count == 0) return FIRN_OK;
    ids = firn_arena_array(arena, count, sizeof *ids);
    if (!ids) return firn_fail_memory(err, "a column");
    for (unsigned i = 0; i < count; i++) ids[i] = fields[i]->id;
    *ret_path = (column_path){fields[count - 1], count, ids};
    return FIRN_OK;
}

/* The column below the top-level column `index`; false: it is not there, or has another type. */
static bool
find_in_column(const column_path *path, const schema_field *field, const struct ArrowArray *array, column_rows *ret)
{
    *ret = (column_rows){.array = array};
    for (unsigned i = 1; i < path->count; i++) {
        const data_type *type = field->type;
        unsigned         child = 0;

        while (child < type->field_count && type->fields[child].id != path->ids[i]) child++;
        if (child == type->field_count) return false;
        if (ret->array->null_count != 0) ret->parents[ret->parent_count++] = ret->array;
        field = &type->fields[child];
        ret->array = ret->array->children[child];
    }
    return data_type_equal(field->type, path->field->type);
}

void
column_rows_find(const column_path *path, const table_schema *schema, const struct ArrowArray *rows,
                 column_rows *ret_rows)
{
    bool is_there = false;

    assert(path->count <= COLUMN_PATH_MAX);
    for (unsigned i = 0; i < schema->field_count && !is_there; i++) {
        is_there = schema->fields[i].id == path->ids[0] &&
                   find_in_column(path, &schema->fields[i], rows->children[i], ret_rows);
    }
    assert(is_there);
}

bool
column_rows_null(const column_rows *column, int64_t row)
{
    for (unsigned i = 0; i < column->parent_count; i++) {
        if (array_is_null(column->parents[i], row)) return true;
    }
    return array_is_null(column->array, row);
}
