#include <stdio.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/error.h"
#include "batch/schema.h"

/* One node's memory. Children have their own, so that a consumer may move one out. */
typedef struct exported_node {
    char                 format[32];
    char                *name;
    char                 metadata[64];
    struct ArrowSchema  *children;
    struct ArrowSchema **child_slots;
} exported_node;

static void
release_node(struct ArrowSchema *schema)
{
    exported_node *node = schema->private_data;

    for (int64_t i = 0; i < schema->n_children; i++) {
        if (schema->children[i]->release) {
            schema->children[i]->release(schema->children[i]);
        }
    }
    firn_free(node->children);
    firn_free(node->child_slots);
    firn_free(node->name);
    firn_free(node);
    schema->release = NULL;
}

static void
release_unfinished(struct ArrowSchema *schema)
{
    if (schema->release) {
        schema->release(schema);
    }
}

/* Arrow's binary metadata: a count, then sizes and bytes of keys and values, in native byte order. */
static const char *
field_id_metadata(int32_t id, char out[64])
{
    static const char key[] = "PARQUET:field_id";
    char              value[16];
    int               value_size = snprintf(value, sizeof value, "%d", id);

    store_le32(out, 1);
    store_le32(out + 4, sizeof key - 1);
    memcpy(out + 8, key, sizeof key - 1);
    store_le32(out + 8 + sizeof key - 1, (uint32_t) value_size);
    memcpy(out + 12 + sizeof key - 1, value, (size_t) value_size);
    return out;
}

static firn_status
node_init(struct ArrowSchema *ret_schema, const char *name, unsigned child_count, firn_error *err)
{
    FIRN_AUTO(release_unfinished) struct ArrowSchema schema = {0};
    exported_node                                   *node = firn_calloc(1, sizeof *node);

    if (!node) return firn_fail_memory(err, "an Arrow schema");
    schema.private_data = node;
    schema.release = release_node;
    node->name = firn_strdup(name ? name : "");
    if (!node->name) return firn_fail_memory(err, "an Arrow schema");
    if (child_count > 0) {
        node->children = firn_calloc(child_count, sizeof *node->children);
        node->child_slots = firn_calloc(child_count, sizeof(struct ArrowSchema *));
        if (!node->children || !node->child_slots) return firn_fail_memory(err, "an Arrow schema");
        for (unsigned i = 0; i < child_count; i++) {
            node->child_slots[i] = &node->children[i];
        }
    }
    schema.format = node->format;
    schema.name = node->name;
    schema.n_children = child_count;
    schema.children = node->child_slots;
    *ret_schema = schema;
    schema.release = NULL;
    return FIRN_OK;
}

static firn_status
export_field(const schema_field *field, struct ArrowSchema *ret_schema, firn_error *err)
{
    FIRN_AUTO(release_unfinished) struct ArrowSchema schema = {0};
    const data_type                                 *type = field->type;
    struct ArrowSchema                              *entries;

    FIRN_TRY(node_init(&schema, field->name, type->kind == TYPE_MAP ? 1 : type->field_count, err));
    data_type_arrow_format(type, ((exported_node *) schema.private_data)->format);
    schema.flags = field->required ? 0 : ARROW_FLAG_NULLABLE;
    if (field->id != 0) {
        schema.metadata = field_id_metadata(field->id, ((exported_node *) schema.private_data)->metadata);
    }
    if (type->kind == TYPE_MAP) {
        entries = schema.children[0];
        FIRN_TRY(node_init(entries, "key_value", 2, err));
        snprintf(((exported_node *) entries->private_data)->format, 32, "+s");
        FIRN_TRY(export_field(&type->fields[0], entries->children[0], err));
        FIRN_TRY(export_field(&type->fields[1], entries->children[1], err));
        entries->children[0]->flags = 0; /* Arrow has no null keys */
    } else {
        for (unsigned i = 0; i < type->field_count; i++) {
            FIRN_TRY(export_field(&type->fields[i], schema.children[i], err));
        }
    }
    *ret_schema = schema;
    schema.release = NULL;
    return FIRN_OK;
}

firn_status
schema_export(const table_schema *schema, struct ArrowSchema *ret_schema, firn_error *err)
{
    data_type    type = {.kind = TYPE_STRUCT, .field_count = schema->field_count, .fields = schema->fields};
    schema_field root = {.required = true, .name = "", .type = &type};

    return export_field(&root, ret_schema, err);
}
