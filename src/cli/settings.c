#include "cli/settings.h"

#include <string.h>

#include "base/text.h"
#include "cli/config_expand.h"

#define ITEMS_MAX 1000

void
settings_init(settings *s, firn_arena *arena)
{
    *s = (settings){.arena = arena};
}

void
settings_done(settings *s)
{
    for (size_t i = 0; i < OPTION_ID_COUNT; i++) {
        firn_secret_free(s->values[i].secret);
        s->values[i].secret = NULL;
    }
}

static firn_status
add_item(settings *s, setting *value, const char *text, firn_error *err)
{
    if (value->item_count == ITEMS_MAX)
        return firn_fail(err, FIRN_E_OPTION_VALUE, "%s is given more than %d times", value->where, ITEMS_MAX);
    const char **items = firn_arena_array(s->arena, value->item_count + 1, sizeof *items);
    if (!items) return firn_fail_memory(err, "the settings");
    if (value->item_count) memcpy(items, value->items, value->item_count * sizeof *items);
    items[value->item_count++] = text;
    value->items = items;
    return FIRN_OK;
}

/* Takes the value over, checked. */
static firn_status
take(settings *s, const option_info *option, const char *text, setting_origin origin, const char *where,
     const char *subject, firn_error *err)
{
    setting *value = &s->values[option->id];
    bool     from_file = origin == ORIGIN_YAML;

    if (!where || !subject) return firn_fail_memory(err, "the settings");
    FIRN_TRY(option_check(option, text, subject, from_file ? FIRN_E_CONFIG_VALUE : FIRN_E_OPTION_VALUE, err));
    const char *copy = firn_arena_strdup(s->arena, text);
    if (!copy) return firn_fail_memory(err, "the settings");
    value->origin = origin;
    value->where = where;
    if (option->kind == OPTION_KIND_LIST) return add_item(s, value, copy, err);
    value->text = copy;
    return FIRN_OK;
}

firn_status
settings_set_option(settings *s, const option_info *option, const char *text, firn_error *err)
{
    const char *where = firn_arena_printf(s->arena, "--%s", option->name);

    if (option->kind != OPTION_KIND_LIST && settings_has(s, option->id))
        return firn_fail(err, FIRN_E_OPTION_VALUE, "--%s is given twice", option->name);
    return take(s, option, text, ORIGIN_OPTION, where, where, err);
}

static firn_status
take_variable(settings *s, const option_info *option, const char *name, const char *text, bool from_file,
              firn_error *err)
{
    const char    *where = firn_arena_printf(s->arena, from_file ? ".env %s" : "%s", name);
    setting_origin origin = from_file ? ORIGIN_DOTENV : ORIGIN_ENVIRONMENT;

    if (option->kind != OPTION_KIND_LIST) return take(s, option, text, origin, where, where, err);
    while (*text) { /* a list's items are separated by commas */
        size_t size = strcspn(text, ",");
        char  *item = firn_arena_text(s->arena, firn_slice_of(text, size));
        if (!item) return firn_fail_memory(err, "the settings");
        if (*item) FIRN_TRY(take(s, option, item, origin, where, where, err));
        text += size + (text[size] == ',' ? 1 : 0);
    }
    return FIRN_OK;
}

firn_status
settings_apply_environment(settings *s, unsigned commands, const dotenv *env, firn_error *err)
{
    for (option_id id = 0; id < OPTION_ID_COUNT; id++) {
        const option_info *option = option_get(id);
        char               variable[OPTION_VARIABLE_MAX];
        bool               from_file = false;

        if (!option->name || !(option->commands & commands) || settings_has(s, id)) continue;
        option_variable(option, variable);
        const char *name = variable, *text = dotenv_get(env, variable, &from_file);
        if ((!text || !*text) && option->environment) {
            name = option->environment;
            text = dotenv_get(env, name, &from_file);
        }
        if (text && *text) FIRN_TRY(take_variable(s, option, name, text, from_file, err));
    }
    return FIRN_OK;
}

firn_status
settings_take_scalar(settings *s, const option_info *option, const config_file *file, const yaml_node *node,
                     const dotenv *env, const char **ret_text, firn_error *err)
{
    const char *where = firn_arena_printf(s->arena, "%s:%u", file->path, node->line);
    const char *key = option && option->yaml ? strrchr(option->yaml, '/') + 1 : NULL;
    const char *subject = firn_arena_printf(s->arena, key ? "%s: '%s'" : "%s", where, key);

    if (!where || !subject) return firn_fail_memory(err, "the settings");
    *ret_text = node->text;
    if (strchr(node->text, '$')) FIRN_TRY(config_expand(node->text, where, env, s->arena, ret_text, err));
    return option ? option_check(option, *ret_text, subject, FIRN_E_CONFIG_VALUE, err) : FIRN_OK;
}

firn_status
settings_take_list(settings *s, const config_file *file, const yaml_node *node, const dotenv *env,
                   const char *const **ret_items, unsigned *ret_count, firn_error *err)
{
    const char **items = firn_arena_array(s->arena, node->count ? node->count : 1, sizeof *items);

    if (!items) return firn_fail_memory(err, "the settings");
    for (unsigned i = 0; i < node->count; i++) {
        FIRN_TRY(settings_take_scalar(s, NULL, file, node->members[i].value, env, &items[i], err));
    }
    *ret_items = items;
    *ret_count = node->count;
    return FIRN_OK;
}

static firn_status
take_secret(settings *s, setting *value, const config_file *file, const yaml_node *node, const dotenv *env,
            firn_error *err)
{
    const char *clear = NULL;

    FIRN_TRY(settings_take_scalar(s, NULL, file, node, env, &clear, err));
    value->secret = firn_secret_new(clear);
    if (clear != node->text) explicit_bzero((void *) (uintptr_t) clear, strlen(clear));
    return value->secret ? FIRN_OK : firn_fail_memory(err, "a password");
}

/* The node at `path` below the entry; NULL: not there. The path has no "*". */
static const yaml_node *
node_at(const yaml_node *entry, const char *path)
{
    char        key[64];
    const char *slash;

    for (; entry && (slash = strchr(path, '/')); path = slash + 1) {
        size_t size = (size_t) (slash - path);
        assert(size < sizeof key);
        memcpy(key, path, size);
        key[size] = '\0';
        entry = yaml_get(entry, key);
    }
    return yaml_get(entry, path);
}

firn_status
settings_apply_entry(settings *s, config_kind kind, const config_file *file, const yaml_node *entry, const dotenv *env,
                     bool reveal, firn_error *err)
{
    const char *top = config_kind_name(kind);
    size_t      top_size = strlen(top);

    for (option_id id = 0; id < OPTION_ID_COUNT; id++) {
        const option_info *option = option_get(id);
        setting           *value = &s->values[id];

        /* A further file's entry comes when the defaults are there. */
        if (!option->yaml || value->origin > ORIGIN_DEFAULT || option->kind == OPTION_KIND_MAP) continue;
        if (strncmp(option->yaml, top, top_size) != 0 || strncmp(option->yaml + top_size, "/*/", 3) != 0) continue;
        const char      *path = option->yaml + top_size + 3, *text = NULL;
        const yaml_node *node = strchr(path, '*') ? NULL : node_at(entry, path);
        if (!node) continue;
        const char *where = firn_arena_printf(s->arena, "%s:%u", file->path, node->line);
        if (!where) return firn_fail_memory(err, "the settings");
        value->reference = node->text && config_has_reference(node->text) ? node->text : NULL;
        if (option->kind == OPTION_KIND_LIST) {
            FIRN_TRY(settings_take_list(s, file, node, env, &value->items, &value->item_count, err));
        } else if (option->kind == OPTION_KIND_SECRET) {
            if (reveal) FIRN_TRY(take_secret(s, value, file, node, env, err));
            text = "***";
        } else {
            FIRN_TRY(settings_take_scalar(s, option, file, node, env, &text, err));
        }
        value->origin = ORIGIN_YAML;
        value->where = where;
        value->text = text;
    }
    return FIRN_OK;
}

firn_status
settings_reveal(settings *s, option_id id, const config_file *file, const yaml_node *entry, const dotenv *env, firn_error *err)
{
    const option_info *option = option_get(id);
    setting           *value = &s->values[id];
    const char        *star = option->yaml ? strchr(option->yaml, '*') : NULL;
    const yaml_node   *node = star && star[1] == '/' ? node_at(entry, star + 2) : NULL;

    assert(option->kind == OPTION_KIND_SECRET);
    return node && value->origin == ORIGIN_YAML && !value->secret ? take_secret(s, value, file, node, env, err) : FIRN_OK;
}

firn_status
settings_apply_defaults(settings *s, firn_error *err)
{
    for (option_id id = 0; id < OPTION_ID_COUNT; id++) {
        const option_info *option = option_get(id);
        if (option->fallback && !settings_has(s, id))
            FIRN_TRY(
                take(s, option, option->fallback, ORIGIN_DEFAULT, "default", option->name ? option->name : "", err));
    }
    return FIRN_OK;
}

bool
settings_has(const settings *s, option_id id)
{
    return s->values[id].origin != ORIGIN_NONE;
}

const char *
settings_text(const settings *s, option_id id)
{
    return s->values[id].text;
}

bool
settings_flag(const settings *s, option_id id)
{
    bool truth = false;

    return s->values[id].text && text_parse_bool(firn_slice_text(s->values[id].text), &truth) && truth;
}

int64_t
settings_number(const settings *s, option_id id)
{
    int64_t number = 0;
    bool    parsed = s->values[id].text && text_parse_i64(firn_slice_text(s->values[id].text), &number);

    assert(parsed);
    return number;
}

uint64_t
settings_size(const settings *s, option_id id)
{
    uint64_t bytes = 0;
    bool     parsed = s->values[id].text && text_parse_size(firn_slice_text(s->values[id].text), &bytes);

    assert(parsed);
    return bytes;
}

uint64_t
settings_duration_ms(const settings *s, option_id id)
{
    uint64_t ms = 0;
    bool     parsed = s->values[id].text && text_parse_duration(firn_slice_text(s->values[id].text), &ms);

    assert(parsed);
    return ms;
}
