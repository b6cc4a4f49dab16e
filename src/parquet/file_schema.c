#include "parquet/file_schema.h"

#include <string.h>

typedef struct schema_walk {
    const char             *name; /* of the file */
    const parquet_metadata *metadata;
    firn_arena             *arena;
    unsigned                element_at, leaf_at;
    firn_error             *err;
} schema_walk;

typedef struct node_levels {
    uint8_t  repetition, definition, slot_definition;
    unsigned depth;
} node_levels;

/* The levels within the elements of a list or map. */
static node_levels
levels_within(node_levels list)
{
    uint8_t definition = (uint8_t) (list.definition + 1);
    return (node_levels){(uint8_t) (list.repetition + 1), definition, definition, list.depth};
}

static firn_status read_node(schema_walk *w, node_levels outer, bool as_value, parquet_node *node);

static bool
is_list(const parquet_element *e)
{
    return e->is_group && (e->logical == PARQUET_LOGICAL_LIST ||
                           (e->logical == PARQUET_LOGICAL_NONE && e->converted == PARQUET_CONVERTED_LIST));
}

static bool
is_map(const parquet_element *e)
{
    return e->is_group && (e->logical == PARQUET_LOGICAL_MAP ||
                           (e->logical == PARQUET_LOGICAL_NONE && (e->converted == PARQUET_CONVERTED_MAP ||
                                                                   e->converted == PARQUET_CONVERTED_MAP_KEY_VALUE)));
}

static firn_status
corrupt(const schema_walk *w, const parquet_element *e, const char *what)
{
    return firn_fail(w->err, FIRN_E_PARQUET_CORRUPT, "the schema of '%s' is damaged: '%s' %s", w->name, e->name, what);
}

static firn_status
new_children(const schema_walk *w, unsigned count, parquet_node *node)
{
    node->child_count = count;
    node->children = firn_arena_array(w->arena, count, sizeof *node->children);
    if (!node->children && count > 0)
        return firn_fail(w->err, FIRN_E_NO_MEMORY, "the schema of '%s' is beyond the memory limit", w->name);
    return FIRN_OK;
}

/* The fields of a group whose element is already passed. */
static firn_status
read_fields(schema_walk *w, const parquet_element *group, node_levels inner, parquet_node *node)
{
    node->kind = NODE_STRUCT;
    FIRN_TRY(new_children(w, group->child_count, node));
    for (unsigned i = 0; i < group->child_count; i++)
        FIRN_TRY(read_node(w, inner, false, &node->children[i]));
    return FIRN_OK;
}

/* The element itself as a value: of a list whose repeated field is the element, of a struct, of a leaf. */
static firn_status
read_value(schema_walk *w, const parquet_element *e, node_levels inner, parquet_node *node)
{
    if (!e->is_group) {
        node->kind = NODE_LEAF;
        w->leaf_at++;
        return FIRN_OK;
    }
    /* VARIANT and other groups that we do not know: the struct that they are stored as. */
    return read_fields(w, e, inner, node);
}

/* LogicalTypes.md, "Lists", rules 1 to 4: the repeated field is the element, there is no level between. */
static bool
repeated_is_element(const parquet_element *list, const parquet_element *repeated)
{
    if (!repeated->is_group || repeated->child_count != 1) return true;
    const parquet_element *only = repeated + 1;
    if (only->repetition == PARQUET_REPEATED) return true;
    if (strcmp(repeated->name, "array") == 0) return true;
    size_t size = strlen(list->name);
    return strncmp(repeated->name, list->name, size) == 0 && strcmp(repeated->name + size, "_tuple") == 0;
}

static void
begin_node(const schema_walk *w, node_levels outer, parquet_node *node)
{
    node->repetition = outer.repetition;
    node->slot_definition = outer.slot_definition;
    node->leaf_first = w->leaf_at;
}

/* The repeated element at the walk's place becomes the element of `list`; `inner`: the levels within it. */
static firn_status
read_repeated(schema_walk *w, const parquet_element *annotated, node_levels inner, parquet_node *list)
{
    const parquet_element *repeated = &w->metadata->elements[w->element_at];
    node_levels            within = levels_within(inner);

    if (annotated && !repeated_is_element(annotated, repeated)) {
        w->element_at++;
        return read_node(w, within, false, &list->children[0]);
    }
    return read_node(w, within, true, &list->children[0]);
}

static firn_status
read_list(schema_walk *w, const parquet_element *e, node_levels inner, parquet_node *node)
{
    node->kind = NODE_LIST;
    if (e->child_count != 1 || e[1].repetition != PARQUET_REPEATED)
        return corrupt(w, e, "is a list without a repeated field");
    FIRN_TRY(new_children(w, 1, node));
    return read_repeated(w, e, inner, node);
}

static firn_status
read_map(schema_walk *w, const parquet_element *e, node_levels inner, parquet_node *node)
{
    const parquet_element *pair = e + 1;
    node_levels            within = levels_within(inner);

    if (e->child_count != 1 || pair->repetition != PARQUET_REPEATED || !pair->is_group || pair->child_count == 0 ||
        pair->child_count > 2)
        return corrupt(w, e, "is a map without repeated pairs of key and value");
    if (pair->child_count == 1) {
        /* A set of keys. */
        node->kind = NODE_LIST;
        FIRN_TRY(new_children(w, 1, node));
        w->element_at++;
        return read_node(w, within, false, &node->children[0]);
    }
    node->kind = NODE_MAP;
    FIRN_TRY(new_children(w, 2, node));
    w->element_at++;
    FIRN_TRY(read_node(w, within, false, &node->children[0]));
    return read_node(w, within, false, &node->children[1]);
}

/* `as_value`: the repetition of the element has been dealt with by the caller. */
static firn_status
read_node(schema_walk *w, node_levels outer, bool as_value, parquet_node *node)
{
    const parquet_element *e = &w->metadata->elements[w->element_at];
    node_levels            inner = outer;

    inner.depth++;
    if (outer.depth >= PARQUET_DEPTH_MAX)
        return firn_fail(w->err, FIRN_E_PARQUET_UNSUPPORTED, "the schema of '%s' is nested deeper than %d levels",
                         w->name, PARQUET_DEPTH_MAX);
    begin_node(w, outer, node);
    node->name = e->name;
    node->element = e;
    node->field_id = e->field_id;
    if (!as_value && e->repetition == PARQUET_REPEATED) {
        /* Not annotated: a required list of required elements. */
        node->kind = NODE_LIST;
        node->definition = outer.definition;
        FIRN_TRY(new_children(w, 1, node));
        FIRN_TRY(read_repeated(w, NULL, inner, node));
        node->children[0].field_id = -1;
        node->leaf_count = w->leaf_at - node->leaf_first;
        return FIRN_OK;
    }
    node->is_optional = !as_value && e->repetition == PARQUET_OPTIONAL;
    if (node->is_optional) inner.definition++;
    node->definition = inner.definition;
    w->element_at++;
    if (is_list(e)) {
        FIRN_TRY(read_list(w, e, inner, node));
    } else if (is_map(e)) {
        FIRN_TRY(read_map(w, e, inner, node));
    } else {
        FIRN_TRY(read_value(w, e, inner, node));
    }
    node->leaf_count = w->leaf_at - node->leaf_first;
    return FIRN_OK;
}

firn_status
file_schema_read(const char *name, const parquet_metadata *metadata, firn_arena *arena, const parquet_node **ret_root,
                 firn_error *err)
{
    schema_walk   w = {name, metadata, arena, 0, 0, err};
    parquet_node *root = firn_arena_alloc(arena, sizeof *root);
    if (!root) return firn_fail(err, FIRN_E_NO_MEMORY, "the schema of '%s' is beyond the memory limit", name);

    const parquet_element *e = &metadata->elements[w.element_at++];
    root->name = e->name;
    root->element = e;
    root->field_id = -1;
    FIRN_TRY(read_fields(&w, e, (node_levels){0}, root));
    root->leaf_count = w.leaf_at;
    *ret_root = root;
    return FIRN_OK;
}

bool
file_schema_has_ids(const parquet_node *root)
{
    for (unsigned i = 0; i < root->child_count; i++) {
        if (root->children[i].field_id >= 0 || file_schema_has_ids(&root->children[i])) return true;
    }
    return false;
}

static bool
integer_type(const parquet_element *e, data_type *t)
{
    int  width = e->type == PARQUET_INT64 ? 64 : 32;
    bool is_signed = true;
    if (e->logical == PARQUET_LOGICAL_INTEGER) {
        width = e->bit_width;
        is_signed = e->is_signed;
    } else if (e->converted >= PARQUET_CONVERTED_UINT_8 && e->converted <= PARQUET_CONVERTED_UINT_64) {
        is_signed = false;
        width = 8 << (e->converted - PARQUET_CONVERTED_UINT_8);
    }
    if (is_signed || width < 32) {
        t->kind = e->type == PARQUET_INT64 ? TYPE_LONG : TYPE_INT;
    } else if (width == 32) {
        t->kind = TYPE_LONG;
    } else {
        t->kind = TYPE_DECIMAL; /* no wider integer: exact all the same */
        t->precision = 20;
    }
    return true;
}

static bool
decimal_type(const parquet_element *e, data_type *t)
{
    if (e->precision < 1 || e->precision > 38 || e->scale < 0 || e->scale > e->precision) return false;
    t->kind = TYPE_DECIMAL;
    t->precision = (unsigned) e->precision;
    t->scale = (unsigned) e->scale;
    return true;
}

static bool
is_decimal(const parquet_element *e)
{
    return e->logical == PARQUET_LOGICAL_DECIMAL ||
           (e->logical == PARQUET_LOGICAL_NONE && e->converted == PARQUET_CONVERTED_DECIMAL);
}

static bool
temporal_type(const parquet_element *e, data_type *t)
{
    if (e->logical == PARQUET_LOGICAL_TIMESTAMP) {
        t->kind = e->adjusted_to_utc ? TYPE_TIMESTAMPTZ : TYPE_TIMESTAMP;
        return e->type == PARQUET_INT64 && e->unit != PARQUET_UNIT_NONE;
    }
    if (e->logical == PARQUET_LOGICAL_TIME) {
        t->kind = TYPE_TIME;
        return e->unit != PARQUET_UNIT_NONE && (e->type == PARQUET_INT32) == (e->unit == PARQUET_UNIT_MILLIS);
    }
    if (e->logical == PARQUET_LOGICAL_DATE || e->converted == PARQUET_CONVERTED_DATE) {
        t->kind = TYPE_DATE;
        return e->type == PARQUET_INT32;
    }
    if (e->logical != PARQUET_LOGICAL_NONE) return false;
    switch (e->converted) {
    case PARQUET_CONVERTED_TIME_MILLIS:
        t->kind = TYPE_TIME;
        return e->type == PARQUET_INT32;
    case PARQUET_CONVERTED_TIME_MICROS:
        t->kind = TYPE_TIME;
        return e->type == PARQUET_INT64;
    case PARQUET_CONVERTED_TIMESTAMP_MILLIS:
    case PARQUET_CONVERTED_TIMESTAMP_MICROS:
        t->kind = TYPE_TIMESTAMPTZ; /* instants, says the specification */
        return e->type == PARQUET_INT64;
    default:
        return false;
    }
}

static bool
bytes_type(const parquet_element *e, data_type *t)
{
    bool is_text = e->logical == PARQUET_LOGICAL_STRING || e->logical == PARQUET_LOGICAL_ENUM ||
                   e->logical == PARQUET_LOGICAL_JSON ||
                   (e->logical == PARQUET_LOGICAL_NONE &&
                    (e->converted == PARQUET_CONVERTED_UTF8 || e->converted == PARQUET_CONVERTED_ENUM ||
                     e->converted == PARQUET_CONVERTED_JSON));
    t->kind = is_text ? TYPE_STRING : TYPE_BINARY;
    return true;
}

static bool
fixed_type(const parquet_element *e, data_type *t)
{
    if (e->logical == PARQUET_LOGICAL_FLOAT16) {
        t->kind = TYPE_FLOAT;
        return e->size_bytes == 2;
    }
    if (e->logical == PARQUET_LOGICAL_UUID) {
        t->kind = TYPE_UUID;
        return e->size_bytes == 16;
    }
    t->kind = TYPE_FIXED;
    t->size_bytes = e->size_bytes;
    return true;
}

bool
file_schema_leaf_type(const parquet_element *e, data_type *ret_type)
{
    *ret_type = (data_type){0};
    if (is_decimal(e) && e->type != PARQUET_BOOLEAN && e->type != PARQUET_FLOAT && e->type != PARQUET_DOUBLE &&
        e->type != PARQUET_INT96)
        return decimal_type(e, ret_type);
    switch (e->type) {
    case PARQUET_BOOLEAN:
        ret_type->kind = TYPE_BOOLEAN;
        return true;
    case PARQUET_INT32:
    case PARQUET_INT64:
        return temporal_type(e, ret_type) || integer_type(e, ret_type);
    case PARQUET_INT96:
        ret_type->kind = TYPE_TIMESTAMPTZ; /* as Spark and Iceberg read what Spark, Hive and Impala wrote */
        return true;
    case PARQUET_FLOAT:
        ret_type->kind = TYPE_FLOAT;
        return true;
    case PARQUET_DOUBLE:
        ret_type->kind = TYPE_DOUBLE;
        return true;
    case PARQUET_BYTE_ARRAY:
        return bytes_type(e, ret_type);
    case PARQUET_FIXED_LEN_BYTE_ARRAY:
        return fixed_type(e, ret_type);
    }
    return false;
}

static const char *const list_names[] = {"element"};
static const char *const map_names[] = {"key", "value"};

static firn_status
table_fields(const char *file, const parquet_node *node, firn_arena *arena, const schema_field **ret_fields,
             firn_error *err)
{
    schema_field *fields = firn_arena_array(arena, node->child_count ? node->child_count : 1, sizeof *fields);
    if (!fields) return firn_fail_memory(err, "a schema");
    for (unsigned i = 0; i < node->child_count; i++) {
        const parquet_node *child = &node->children[i];
        data_type          *type = firn_arena_alloc(arena, sizeof *type);
        if (!type) return firn_fail_memory(err, "a schema");
        fields[i] = (schema_field){.id = child->field_id > 0 ? child->field_id : 0,
                                   .required = !child->is_optional,
                                   .name = child->name,
                                   .type = type};
        if (node->kind == NODE_LIST) fields[i].name = list_names[0];
        if (node->kind == NODE_MAP) fields[i].name = map_names[i];
        if (child->kind == NODE_LEAF) {
            if (!file_schema_leaf_type(child->element, type))
                return firn_fail(err, FIRN_E_PARQUET_UNSUPPORTED,
                                 "column '%s' of '%s' has a type that has no counterpart", child->name, file);
            continue;
        }
        type->kind = child->kind == NODE_STRUCT ? TYPE_STRUCT : child->kind == NODE_LIST ? TYPE_LIST : TYPE_MAP;
        type->field_count = child->child_count;
        FIRN_TRY(table_fields(file, child, arena, &type->fields, err));
    }
    *ret_fields = fields;
    return FIRN_OK;
}

firn_status
file_schema_table(const char *name, const parquet_node *root, table_schema **ret_schema, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const schema_field                   *fields = NULL;

    FIRN_TRY(table_fields(name, root, &arena, &fields, err));
    return schema_new(0, fields, root->child_count, NULL, 0, !file_schema_has_ids(root), ret_schema, err);
}
