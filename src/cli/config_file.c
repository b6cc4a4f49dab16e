#include "cli/config_file.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/config_expand.h"

#define FILE_BYTES_MAX ((size_t) 4 << 20)
#define SUBJECT_MAX 384
#define NAMES_MAX 256

typedef struct checker {
    config_file *file;
    firn_arena  *arena;
    firn_error  *err;
} checker;

/* "config/sources.yaml:12: key 'x'": what messages start with. */
static const char *
subject_of(const checker *c, unsigned line, const char *key, char out[SUBJECT_MAX])
{
    int size = snprintf(out, SUBJECT_MAX, "%s:%u: '%s'", c->file->path, line, key);
    return size < 0 ? c->file->path : out;
}

static firn_status
fail_kind(const checker *c, const config_shape *shape, const yaml_member *member)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer allowed = {0};
    char                                    subject[SUBJECT_MAX];
    const yaml_node                        *node = member->value;

    firn_buffer_init(&allowed, FIRN_ERROR_TEXT_MAX);
    FIRN_TRY(option_add_allowed(shape->option, &allowed, c->err));
    FIRN_TRY(firn_buffer_add_byte(&allowed, 0, c->err));
    subject_of(c, node->line, member->key ? member->key : shape->key, subject);
    (void) firn_fail(c->err, FIRN_E_CONFIG_VALUE, "%s must be %s, but is %s", subject, (const char *) allowed.data,
                     yaml_kind_name(node->kind));
    if (node->kind == YAML_TEXT && shape->option->kind == OPTION_KIND_NUMBER)
        firn_hint(c->err, "write the number without quotes");
    if (node->kind == YAML_TEXT && (shape->option->kind == OPTION_KIND_FLAG || shape->option->kind == OPTION_KIND_BOOL))
        firn_hint(c->err, "write true or false, without quotes");
    return c->err->status;
}

/* Whether the scalar's YAML type fits; texts may look like numbers, null is the word "null" of a choice. */
static bool
kind_fits(const option_info *option, const yaml_node *node)
{
    bool reference = node->kind == YAML_TEXT && config_has_reference(node->text);

    switch (option->kind) {
    case OPTION_KIND_FLAG:
    case OPTION_KIND_BOOL:
        return node->kind == YAML_BOOL || reference;
    case OPTION_KIND_NUMBER:
        return node->kind == YAML_INTEGER || reference;
    case OPTION_KIND_SIZE:
        return node->kind == YAML_INTEGER || node->kind == YAML_TEXT;
    case OPTION_KIND_CHOICE:
        return node->kind == YAML_TEXT || (node->kind == YAML_NULL && strcmp(node->text, "null") == 0);
    case OPTION_KIND_DURATION:
    case OPTION_KIND_PATTERN:
        return node->kind == YAML_TEXT;
    case OPTION_KIND_TEXT:
    case OPTION_KIND_SECRET:
        return node->kind != YAML_NULL && yaml_is_scalar(node);
    case OPTION_KIND_LIST:
        return node->kind == YAML_LIST;
    case OPTION_KIND_MAP:
        break;
    }
    return node->kind == YAML_MAP;
}

static firn_status
check_list(const checker *c, const config_shape *shape, const yaml_member *member)
{
    char subject[SUBJECT_MAX];

    for (unsigned i = 0; i < member->value->count; i++) {
        const yaml_node *item = member->value->members[i].value;
        if (item->kind == YAML_NULL || !yaml_is_scalar(item) || !*item->text)
            return firn_fail(c->err, FIRN_E_CONFIG_VALUE, "%s must hold texts only, but item %u is %s",
                             subject_of(c, item->line, member->key ? member->key : shape->key, subject), i + 1,
                             yaml_kind_name(item->kind));
    }
    return FIRN_OK;
}

static firn_status check_map(const checker *c, const config_shape *shape, const yaml_member *member);

static firn_status
check_value(const checker *c, const config_shape *shape, const yaml_member *member)
{
    const option_info *option = shape->option;
    const yaml_node   *node = member->value;
    char               subject[SUBJECT_MAX];

    /* A section whose lines are all commented out is nothing in YAML. */
    if (node->kind == YAML_NULL && config_shape_may_be_empty(shape)) return FIRN_OK;
    if (option->kind == OPTION_KIND_MAP) return check_map(c, shape, member);
    if (!kind_fits(option, node)) return fail_kind(c, shape, member);
    if (option->kind == OPTION_KIND_LIST) return check_list(c, shape, member);
    if (option->kind == OPTION_KIND_SECRET && *node->text && !config_is_reference(node->text) &&
        !c->file->literal_secret) {
        c->file->literal_secret = member->key;
        c->file->literal_secret_line = node->line;
    }
    if (config_has_reference(node->text)) return FIRN_OK;
    subject_of(c, node->line, member->key, subject);
    return option_check(option, node->text, subject, FIRN_E_CONFIG_VALUE, c->err);
}

static firn_status
fail_unknown(const checker *c, const config_shape *shape, const yaml_member *member)
{
    const char *nearest = config_shape_nearest(shape, member->key);

    if (nearest)
        return firn_fail(c->err, FIRN_E_CONFIG_UNKNOWN_KEY, "%s:%u: unknown key '%s'; did you mean '%s'?",
                         c->file->path, member->key_line, member->key, nearest);
    return firn_fail(c->err, FIRN_E_CONFIG_UNKNOWN_KEY, "%s:%u: unknown key '%s'", c->file->path, member->key_line,
                     member->key);
}

static firn_status
check_map(const checker *c, const config_shape *shape, const yaml_member *member)
{
    const yaml_node *map = member->value;

    if (map->kind != YAML_MAP) return fail_kind(c, shape, member);
    for (unsigned i = 0; i < map->count; i++) {
        const config_shape *child = config_shape_child(shape, map->members[i].key);
        if (!child) return fail_unknown(c, shape, &map->members[i]);
        FIRN_TRY(check_value(c, child, &map->members[i]));
    }
    for (const config_shape *child = shape->first_child; child; child = child->next) {
        if ((child->option->flags & OPTION_REQUIRED) && !yaml_get(map, child->key))
            return firn_fail(c->err, FIRN_E_OPTION_MISSING, "%s:%u: '%s' has no '%s'", c->file->path, map->line,
                             member->key ? member->key : c->file->path, child->key);
    }
    return FIRN_OK;
}

firn_status
config_file_parse(config_kind kind, firn_slice text, const char *shown, firn_arena *arena, config_file *ret_file,
                  firn_error *err)
{
    const config_shape *shape = NULL;
    config_file         file = {.path = shown};
    checker             c = {&file, arena, err};
    yaml_member         whole = {0};

    FIRN_TRY(config_shape_build(kind, arena, &shape, err));
    FIRN_TRY(yaml_tree_parse(text, shown, arena, &file.root, err));
    if (file.root->kind != YAML_MAP)
        return firn_fail(err, FIRN_E_CONFIG_VALUE, "%s:%u: the file must hold '%s:'", shown, file.root->line,
                         config_kind_name(kind));
    whole.value = file.root;
    FIRN_TRY(check_map(&c, shape, &whole));
    *ret_file = file;
    return FIRN_OK;
}

firn_status
config_file_read(config_kind kind, const char *path, const char *shown, firn_arena *arena, config_file *ret_file,
                 firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};

    *ret_file = (config_file){.path = shown};
    if (!file_exists(path)) return FIRN_OK;
    firn_buffer_init(&text, FILE_BYTES_MAX);
    FIRN_TRY(file_read(path, &text, err));
    FIRN_TRY(config_file_parse(kind, firn_buffer_slice(&text), shown, arena, ret_file, err));
    int mode = file_mode(path);
    ret_file->loose = mode >= 0 && (mode & 077) != 0;
    return FIRN_OK;
}

const yaml_node *
config_file_entry(const config_file *file, config_kind kind, const char *name)
{
    return yaml_get(yaml_get(file->root, config_kind_name(kind)), name);
}

firn_status
config_file_add_names(const config_file *file, config_kind kind, firn_buffer *out, firn_error *err)
{
    const yaml_node *map = yaml_get(file->root, config_kind_name(kind));

    for (unsigned i = 0; map && i < map->count; i++) {
        FIRN_TRY(firn_buffer_printf(out, err, "%s%s", i ? ", " : "", map->members[i].key));
    }
    return FIRN_OK;
}

const char *
config_file_nearest(const config_file *file, config_kind kind, const char *name)
{
    const yaml_node *map = yaml_get(file->root, config_kind_name(kind));
    const char      *candidates[NAMES_MAX];
    size_t           count = 0;

    for (unsigned i = 0; map && i < map->count && count < NAMES_MAX; i++) {
        candidates[count++] = map->members[i].key;
    }
    return text_nearest(name, candidates, count);
}
