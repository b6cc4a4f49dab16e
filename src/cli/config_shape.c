#include "cli/config_shape.h"

#include <string.h>

#include "base/text.h"

#define CHILDREN_MAX 64

const char *
config_kind_name(config_kind kind)
{
    static const char *const names[CONFIG_KIND_COUNT] = {"sources", "kafka_clusters", "catalogs"};
    return names[kind];
}

static config_shape *
child_of_slice(const config_shape *shape, firn_slice key)
{
    for (config_shape *child = shape->first_child; child; child = child->next) {
        if (firn_slice_equal(firn_slice_text(child->key), key)) return child;
    }
    return NULL;
}

/* Adds the row's last part below the shape of the parts before it, which stand earlier in the table. */
static firn_status
add_row(config_shape *root, const option_info *option, firn_arena *arena, firn_error *err)
{
    config_shape *parent = root;
    const char   *part = option->yaml, *slash;

    for (; (slash = strchr(part, '/')); part = slash + 1) {
        parent = child_of_slice(parent, firn_slice_of(part, (size_t) (slash - part)));
        assert(parent && parent->option->kind == OPTION_KIND_MAP);
    }
    config_shape *shape = firn_arena_alloc(arena, sizeof *shape);
    if (!shape) return firn_fail_memory(err, "the shape of a configuration file");
    *shape = (config_shape){.key = part, .option = option, .parent = parent};
    config_shape **end = &parent->first_child;
    while (*end) {
        end = &(*end)->next;
    }
    *end = shape;
    return FIRN_OK;
}

firn_status
config_shape_build(config_kind kind, firn_arena *arena, const config_shape **ret_root, firn_error *err)
{
    config_shape *root = firn_arena_alloc(arena, sizeof *root);
    const char   *file = config_kind_name(kind);
    size_t        file_size = strlen(file);

    if (!root) return firn_fail_memory(err, "the shape of a configuration file");
    for (option_id id = 0; id < OPTION_ID_COUNT; id++) {
        const option_info *option = option_get(id);
        if (!option->yaml || strncmp(option->yaml, file, file_size) != 0) continue;
        if (option->yaml[file_size] != '\0' && option->yaml[file_size] != '/') continue;
        FIRN_TRY(add_row(root, option, arena, err));
    }
    *ret_root = root;
    return FIRN_OK;
}

const config_shape *
config_shape_child(const config_shape *shape, const char *key)
{
    const config_shape *child = shape->first_child;

    if (child && strcmp(child->key, "*") == 0) return child;
    return child_of_slice(shape, firn_slice_text(key));
}

const char *
config_shape_nearest(const config_shape *shape, const char *key)
{
    const char *candidates[CHILDREN_MAX];
    size_t      count = 0;

    for (const config_shape *child = shape->first_child; child && count < CHILDREN_MAX; child = child->next) {
        candidates[count++] = child->key;
    }
    return text_nearest(key, candidates, count);
}

bool
config_shape_may_be_empty(const config_shape *shape)
{
    if (shape->option->kind != OPTION_KIND_MAP || (shape->option->flags & OPTION_REQUIRED)) return false;
    for (const config_shape *child = shape->first_child; child; child = child->next) {
        if (child->option->flags & OPTION_REQUIRED) return false;
    }
    return true;
}
