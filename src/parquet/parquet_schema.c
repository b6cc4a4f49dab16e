#include "parquet/parquet_schema.h"

#include "base/decimal.h"

enum { DECIMAL_INT32_PRECISION = 9, DECIMAL_INT64_PRECISION = 18, UUID_SIZE = 16 };

/* Where the walk is: the leaf's future path. */
typedef struct walk {
    parquet_schema     *schema;
    firn_error         *err;
    unsigned            column_index;
    unsigned            path_count, depth, definition, repetition;
    const char         *path[PARQUET_LEVEL_MAX * 2];
    const schema_field *fields[PARQUET_LEVEL_MAX];
    unsigned            child_index[PARQUET_LEVEL_MAX];
} walk;

/* Upper bounds of what the walk will make. */
static void
count_nodes(const schema_field *field, unsigned *nodes, unsigned *leaves)
{
    const data_type *type = field->type;
    *nodes += type->kind == TYPE_LIST || type->kind == TYPE_MAP ? 2 : 1;
    if (!type_is_nested(type->kind)) ++*leaves;
    for (unsigned i = 0; i < type->field_count; i++)
        count_nodes(&type->fields[i], nodes, leaves);
}

static void
describe_decimal(const data_type *type, parquet_node *node)
{
    node->converted = PARQUET_CONVERTED_DECIMAL;
    node->logical = PARQUET_LOGICAL_DECIMAL;
    node->precision = type->precision;
    node->scale = type->scale;
    if (type->precision <= DECIMAL_INT32_PRECISION) {
        node->physical = PARQUET_INT32;
    } else if (type->precision <= DECIMAL_INT64_PRECISION) {
        node->physical = PARQUET_INT64;
    } else {
        node->physical = PARQUET_FIXED_LEN_BYTE_ARRAY;
        node->type_length = decimal_size_of_precision(type->precision);
    }
}

/* Both annotations are written for local times too: the specification asks for it, and a reader that
 * knows the logical type goes by that. */
static void
describe_time(const data_type *type, parquet_node *node)
{
    bool is_time = type->kind == TYPE_TIME;
    node->physical = PARQUET_INT64;
    node->converted = is_time ? PARQUET_CONVERTED_TIME_MICROS : PARQUET_CONVERTED_TIMESTAMP_MICROS;
    node->logical = is_time ? PARQUET_LOGICAL_TIME : PARQUET_LOGICAL_TIMESTAMP;
    node->is_utc = type->kind == TYPE_TIMESTAMPTZ;
}

static void
describe_primitive(const data_type *type, parquet_node *node, value_lane *ret_lane)
{
    switch (type->kind) {
    case TYPE_BOOLEAN:
        node->physical = PARQUET_BOOLEAN;
        break;
    case TYPE_DATE:
        node->converted = PARQUET_CONVERTED_DATE;
        node->logical = PARQUET_LOGICAL_DATE;
        node->physical = PARQUET_INT32;
        break;
    case TYPE_INT:
        node->physical = PARQUET_INT32;
        break;
    case TYPE_LONG:
        node->physical = PARQUET_INT64;
        break;
    case TYPE_FLOAT:
        node->physical = PARQUET_FLOAT;
        break;
    case TYPE_DOUBLE:
        node->physical = PARQUET_DOUBLE;
        break;
    case TYPE_DECIMAL:
        describe_decimal(type, node);
        break;
    case TYPE_TIME:
    case TYPE_TIMESTAMP:
    case TYPE_TIMESTAMPTZ:
        describe_time(type, node);
        break;
    case TYPE_STRING:
        node->converted = PARQUET_CONVERTED_UTF8;
        node->logical = PARQUET_LOGICAL_STRING;
        node->physical = PARQUET_BYTE_ARRAY;
        break;
    case TYPE_BINARY:
        node->physical = PARQUET_BYTE_ARRAY;
        break;
    case TYPE_UUID:
        node->logical = PARQUET_LOGICAL_UUID;
        node->physical = PARQUET_FIXED_LEN_BYTE_ARRAY;
        node->type_length = UUID_SIZE;
        break;
    case TYPE_FIXED:
        node->physical = PARQUET_FIXED_LEN_BYTE_ARRAY;
        node->type_length = type->size_bytes;
        break;
    case TYPE_STRUCT:
    case TYPE_LIST:
    case TYPE_MAP:
        assert(!"a primitive");
    }
    static const value_lane lanes[] = {
        [PARQUET_BOOLEAN] = LANE_BOOL,     [PARQUET_INT32] = LANE_32,
        [PARQUET_FLOAT] = LANE_32,         [PARQUET_INT64] = LANE_64,
        [PARQUET_INT96] = LANE_BYTES,      [PARQUET_DOUBLE] = LANE_64,
        [PARQUET_BYTE_ARRAY] = LANE_BYTES, [PARQUET_FIXED_LEN_BYTE_ARRAY] = LANE_BYTES,
    };
    *ret_lane = node->type_length && type->kind == TYPE_DECIMAL ? LANE_128 : lanes[node->physical];
}

static parquet_node *
add_node(walk *w, const char *name, parquet_repetition repetition)
{
    parquet_node *node = &w->schema->nodes[w->schema->node_count++];
    *node = (parquet_node){.name = name, .repetition = repetition, .converted = PARQUET_CONVERTED_NONE};
    w->path[w->path_count++] = name;
    return node;
}

/* A group in the middle of a list or map: its repetition is what raises both levels. */
static void
enter_repeated(walk *w, const char *name, unsigned child_count)
{
    parquet_node *node = add_node(w, name, PARQUET_REPEATED);
    node->is_group = true;
    node->child_count = child_count;
    w->definition++;
    w->repetition++;
}

static firn_status
add_leaf(walk *w, const schema_field *field, parquet_node *node)
{
    parquet_leaf *leaf = &w->schema->leaves[w->schema->leaf_count++];
    *leaf = (parquet_leaf){.field = field,
                           .column_index = w->column_index,
                           .definition_max = w->definition,
                           .repetition_max = w->repetition,
                           .path_count = w->path_count,
                           .depth = w->depth};
    describe_primitive(field->type, node, &leaf->lane);
    leaf->physical = node->physical;
    leaf->type_length = node->type_length;
    if (leaf->physical == PARQUET_FIXED_LEN_BYTE_ARRAY && leaf->type_length == 0)
        return firn_fail(w->err, FIRN_E_TYPE_UNSUPPORTED, "column '%s' has fixed values of no bytes", w->path[0]);

    const char         **path = firn_arena_array(&w->schema->arena, w->path_count, sizeof *path);
    const schema_field **fields = firn_arena_array(&w->schema->arena, w->depth, sizeof(const schema_field *));
    unsigned            *child_index = firn_arena_array(&w->schema->arena, w->depth, sizeof *child_index);
    if (!path || !fields || !child_index) return firn_fail_memory(w->err, "a Parquet schema");
    memcpy(path, w->path, w->path_count * sizeof *path);
    memcpy(fields, w->fields, w->depth * sizeof(const schema_field *));
    memcpy(child_index, w->child_index, w->depth * sizeof *child_index);
    leaf->path = path;
    leaf->fields = fields;
    leaf->child_index = child_index;
    return FIRN_OK;
}

static firn_status add_field(walk *w, const schema_field *field, const char *name);

static firn_status
add_children(walk *w, const schema_field *field)
{
    static const char *const map_names[] = {"key", "value"};
    const data_type         *type = field->type;
    for (unsigned i = 0; i < type->field_count; i++) {
        const schema_field *child = &type->fields[i];
        const char *name = type->kind == TYPE_STRUCT ? child->name : type->kind == TYPE_LIST ? "element" : map_names[i];
        w->child_index[w->depth - 1] = i;
        FIRN_TRY(add_field(w, child, name));
    }
    return FIRN_OK;
}

static firn_status
add_field(walk *w, const schema_field *field, const char *name)
{
    const data_type *type = field->type;
    const unsigned path_count = w->path_count, depth = w->depth, definition = w->definition, repetition = w->repetition;

    if (w->depth == PARQUET_LEVEL_MAX || w->definition + 2 > PARQUET_LEVEL_MAX)
        return firn_fail(w->err, FIRN_E_TYPE_UNSUPPORTED, "column '%s' is nested too deeply", w->path[0]);
    if (type_is_nested(type->kind) && type->field_count == 0)
        return firn_fail(w->err, FIRN_E_TYPE_UNSUPPORTED, "field '%s' is a struct without fields", name);

    parquet_node *node = add_node(w, name, field->required ? PARQUET_REQUIRED : PARQUET_OPTIONAL);
    node->field_id = field->id;
    w->fields[w->depth++] = field;
    if (!field->required) w->definition++;

    if (!type_is_nested(type->kind)) {
        FIRN_TRY(add_leaf(w, field, node));
    } else {
        node->is_group = true;
        node->child_count = type->kind == TYPE_STRUCT ? type->field_count : 1;
        if (type->kind == TYPE_LIST) {
            node->converted = PARQUET_CONVERTED_LIST;
            node->logical = PARQUET_LOGICAL_LIST;
            enter_repeated(w, "list", 1);
        } else if (type->kind == TYPE_MAP) {
            node->converted = PARQUET_CONVERTED_MAP;
            node->logical = PARQUET_LOGICAL_MAP;
            enter_repeated(w, "key_value", 2);
        }
        FIRN_TRY(add_children(w, field));
    }
    w->path_count = path_count;
    w->depth = depth;
    w->definition = definition;
    w->repetition = repetition;
    return FIRN_OK;
}

firn_status
parquet_schema_init(parquet_schema *schema, const table_schema *table, firn_error *err)
{
    unsigned node_count = 1, leaf_count = 0;
    walk     w = {.schema = schema, .err = err};

    *schema = (parquet_schema){0};
    if (table->field_count == 0)
        return firn_fail(err, FIRN_E_TYPE_UNSUPPORTED, "a table without columns has no form in Parquet");
    for (unsigned i = 0; i < table->field_count; i++)
        count_nodes(&table->fields[i], &node_count, &leaf_count);
    schema->nodes = firn_arena_array(&schema->arena, node_count, sizeof *schema->nodes);
    schema->leaves = firn_arena_array(&schema->arena, leaf_count ? leaf_count : 1, sizeof *schema->leaves);
    if (!schema->nodes || !schema->leaves) return firn_fail_memory(err, "a Parquet schema");

    *add_node(&w, "table", PARQUET_REQUIRED) = (parquet_node){
        .name = "table", .is_group = true, .child_count = table->field_count, .converted = PARQUET_CONVERTED_NONE};
    w.path_count = 0;
    for (unsigned i = 0; i < table->field_count; i++) {
        w.column_index = i;
        FIRN_TRY(add_field(&w, &table->fields[i], table->fields[i].name));
    }
    return FIRN_OK;
}

void
parquet_schema_done(parquet_schema *schema)
{
    firn_arena_done(&schema->arena);
    *schema = (parquet_schema){0};
}
