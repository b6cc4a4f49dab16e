#include "parquet/read_plan.h"

#include <string.h>

#include "codec/json_reader.h"

#define NO_COLUMN UINT32_MAX

typedef struct planner {
    const char         *name;
    const parquet_node *root;
    bool                by_id, truncate_nanos;
    firn_arena         *arena;
    read_plan          *plan;
    unsigned            column_max;
    firn_error         *err;
} planner;

static firn_status
no_memory(const planner *p)
{
    return firn_fail(p->err, FIRN_E_NO_MEMORY, "reading '%s' takes more columns than memory allows", p->name);
}

static firn_status
add_column(planner *p, const parquet_node *leaf, const value_conversion *conversion, bool is_flat, bool levels_only,
           unsigned *ret_column)
{
    read_plan *plan = p->plan;
    if (plan->column_count == p->column_max) {
        unsigned     grown = p->column_max ? p->column_max * 2 : 16;
        plan_column *columns = firn_arena_array(p->arena, grown, sizeof *columns);
        if (!columns) return no_memory(p);
        if (plan->column_count > 0) memcpy(columns, plan->columns, plan->column_count * sizeof *columns);
        plan->columns = columns;
        p->column_max = grown;
    }
    *ret_column = plan->column_count;
    plan->columns[plan->column_count++] = (plan_column){leaf, *conversion, is_flat, levels_only};
    return FIRN_OK;
}

static const parquet_node *
first_leaf(const parquet_node *node)
{
    if (node->kind == NODE_LEAF) return node;
    for (unsigned i = 0; i < node->child_count; i++) {
        const parquet_node *leaf = first_leaf(&node->children[i]);
        if (leaf) return leaf;
    }
    return NULL;
}

static const parquet_node *
find_child(const planner *p, const parquet_node *parent, const schema_field *field)
{
    for (unsigned i = 0; i < parent->child_count; i++) {
        const parquet_node *child = &parent->children[i];
        if (p->by_id ? child->field_id == field->id : strcmp(child->name, field->name) == 0) return child;
    }
    return NULL;
}

static firn_status plan_field(planner *p, const schema_field *field, const parquet_node *file, bool is_top,
                              plan_node *node);

static firn_status
plan_missing(planner *p, const schema_field *field, plan_node *node)
{
    node->kind = PLAN_MISSING;
    node->column = NO_COLUMN;
    if (field->required && !field->initial_default)
        return firn_fail(p->err, FIRN_E_PARQUET_CORRUPT, "required column '%s' (id %d) is not in '%s'", field->name,
                         (int) field->id, p->name);
    return FIRN_OK;
}

static firn_status
mismatch(const planner *p, const schema_field *field)
{
    return firn_fail(p->err, FIRN_E_PARQUET_UNSUPPORTED, "column '%s' of '%s' has another shape than the table's",
                     field->name, p->name);
}

static firn_status
plan_children(planner *p, const data_type *type, const parquet_node *file, plan_node *node)
{
    bool by_position = node->kind != PLAN_STRUCT; /* element, key, value */

    node->child_count = type->field_count;
    node->children = firn_arena_array(p->arena, type->field_count ? type->field_count : 1, sizeof *node->children);
    if (!node->children) return no_memory(p);
    if (by_position && file->child_count != type->field_count) return mismatch(p, node->field);
    for (unsigned i = 0; i < type->field_count; i++) {
        const schema_field *field = &type->fields[i];
        const parquet_node *child = by_position ? &file->children[i] : find_child(p, file, field);
        FIRN_TRY(plan_field(p, field, child, false, &node->children[i]));
        if (node->column == NO_COLUMN) node->column = node->children[i].column;
    }
    if (node->column != NO_COLUMN) return FIRN_OK;
    /* Nothing below is wanted that the file has; yet some leaf must tell where the parent is null. */
    const parquet_node *leaf = first_leaf(file);
    if (!leaf) {
        *node = (plan_node){.field = node->field};
        return plan_missing(p, node->field, node);
    }
    return add_column(p, leaf, &(value_conversion){0}, false, true, &node->column);
}

static firn_status
plan_field(planner *p, const schema_field *field, const parquet_node *file, bool is_top, plan_node *node)
{
    static const struct {
        type_kind         type;
        parquet_node_kind node;
        plan_kind         plan;
    } nested[] = {
        {TYPE_STRUCT, NODE_STRUCT, PLAN_STRUCT}, {TYPE_LIST, NODE_LIST, PLAN_LIST}, {TYPE_MAP, NODE_MAP, PLAN_MAP}};

    *node = (plan_node){.kind = PLAN_LEAF, .field = field, .file = file, .column = NO_COLUMN};
    if (!file) return plan_missing(p, field, node);
    for (unsigned i = 0; i < FIRN_COUNT(nested); i++) {
        if (field->type->kind != nested[i].type) continue;
        if (file->kind != nested[i].node) return mismatch(p, field);
        node->kind = nested[i].plan;
        return plan_children(p, field->type, file, node);
    }
    if (file->kind != NODE_LEAF) return mismatch(p, field);
    value_conversion conversion;
    FIRN_TRY(value_conversion_init(p->name, file->element, field->type, p->truncate_nanos, &conversion, p->err));
    return add_column(p, file, &conversion, is_top, false, &node->column);
}

/* Gives the nodes of a file without ids those of the mapping; a copy, since the tree is shared. */
static void
apply_mapping(const jvalue *mapping, parquet_node *parent)
{
    static const char *const list_names[] = {"element"};
    static const char *const map_names[] = {"key", "value"};

    for (unsigned i = 0; i < parent->child_count; i++) {
        parquet_node *child = &parent->children[i];
        const char   *name = parent->kind == NODE_LIST  ? list_names[0]
                             : parent->kind == NODE_MAP ? map_names[i]
                                                        : child->name;
        child->field_id = -1;
        for (size_t k = 0; k < jcount(mapping); k++) {
            const jvalue *entry = jat(mapping, k), *names = jget(entry, "names");
            for (size_t n = 0; n < jcount(names); n++) {
                const char *candidate = jtext(jat(names, n));
                int64_t     id = -1;
                if (!candidate || strcmp(candidate, name) != 0) continue;
                if (jinteger(jget(entry, "field-id"), &id) && id >= 0 && id <= INT32_MAX)
                    child->field_id = (int32_t) id;
                apply_mapping(jget(entry, "fields"), child);
            }
        }
    }
}

static firn_status
copy_tree(const planner *p, const parquet_node *from, parquet_node *to)
{
    *to = *from;
    if (from->child_count == 0) return FIRN_OK;
    to->children = firn_arena_array(p->arena, from->child_count, sizeof *to->children);
    if (!to->children) return no_memory(p);
    for (unsigned i = 0; i < from->child_count; i++)
        FIRN_TRY(copy_tree(p, &from->children[i], &to->children[i]));
    return FIRN_OK;
}

static firn_status
map_names_to_ids(planner *p, const char *mapping)
{
    FIRN_AUTO(jdoc_freep) jdoc *doc = NULL;
    FIRN_TRY(jdoc_parse(firn_slice_text(mapping), "schema.name-mapping.default", &doc, p->err));
    parquet_node *root = firn_arena_alloc(p->arena, sizeof *root);
    if (!root) return no_memory(p);
    FIRN_TRY(copy_tree(p, p->root, root));
    apply_mapping(jdoc_root(doc), root);
    p->root = root;
    p->by_id = true;
    return FIRN_OK;
}

firn_status
read_plan_make(const char *name, const parquet_node *root, const table_schema *wanted, const char *mapping,
               bool truncate_nanos, firn_arena *arena, read_plan *ret_plan, firn_error *err)
{
    planner p = {name, root, file_schema_has_ids(root), truncate_nanos, arena, ret_plan, 0, err};

    *ret_plan = (read_plan){.node_count = wanted->field_count};
    if (!p.by_id && mapping) FIRN_TRY(map_names_to_ids(&p, mapping));
    ret_plan->nodes = firn_arena_array(arena, wanted->field_count ? wanted->field_count : 1, sizeof *ret_plan->nodes);
    if (!ret_plan->nodes) return no_memory(&p);
    for (unsigned i = 0; i < wanted->field_count; i++) {
        const schema_field *field = &wanted->fields[i];
        FIRN_TRY(plan_field(&p, field, find_child(&p, p.root, field), true, &ret_plan->nodes[i]));
    }
    return FIRN_OK;
}
