#include "cli/session.h"

#include <string.h>

#include "cli/config_schema.h"
#include "cli/table_print.h"
#include "codec/json_writer.h"

/* Whether the row belongs to what is shown: single settings, not maps or rows below a name of the user's. */
static bool
is_shown(const session *s, const option_info *option, bool with_source)
{
    const char *star = option->yaml ? strchr(option->yaml, '*') : NULL;

    if (option->kind == OPTION_KIND_MAP || (option->flags & OPTION_HIDDEN)) return false;
    if (star && strchr(star + 1, '*')) return false;
    if (!option->yaml) return true;
    if (strncmp(option->yaml, "sources/", 8) == 0) return with_source;
    return s->values.values[option->id].origin > ORIGIN_DEFAULT;
}

/* https://user:secret@host: what stands between is not shown. */
static const char *
mask_url(session *s, const char *text)
{
    const char *scheme = strstr(text, "://"), *at = scheme ? strchr(scheme, '@') : NULL;
    const char *colon = scheme ? strchr(scheme + 3, ':') : NULL;

    if (!at || !colon || colon > at || memchr(scheme + 3, '/', (size_t) (at - scheme) - 3)) return text;
    return firn_arena_printf(&s->arena, "%.*s:***%s", (int) (colon - text), text, at);
}

static const char *
shown_value(session *s, const option_info *option)
{
    const setting *value = &s->values.values[option->id];
    const char    *joined = "";

    if (option->kind == OPTION_KIND_SECRET) return value->origin == ORIGIN_NONE ? NULL : "***";
    if (option->id == OPTION_PROJECT_ROOT) return s->project_root; /* as it is used: absolute */
    for (unsigned i = 0; i < value->item_count && joined; i++) {
        joined = firn_arena_printf(&s->arena, "%s%s%s", joined, i ? ", " : "", value->items[i]);
    }
    if (value->item_count) return joined;
    return value->text ? mask_url(s, value->text) : NULL;
}

static const char *
shown_name(session *s, const option_info *option)
{
    const char *star;

    if (option->name && !option->yaml) return option->name;
    star = strstr(option->yaml, "/*/");
    if (!star) return option->yaml;
    char *name = firn_arena_strdup(&s->arena, star + 3);
    for (char *p = name; p && *p; p++) {
        if (*p == '/') *p = '.';
    }
    return name;
}

static const char *
shown_origin(session *s, const setting *value)
{
    if (value->origin == ORIGIN_NONE) return "not set";
    if (!value->reference) return value->where;
    /* A literal around a reference may be part of a secret: only the origin then. */
    return firn_arena_printf(&s->arena, "%s %s", value->where, value->reference);
}

static firn_status
show_table(session *s, bool with_source, firn_error *err)
{
    static const char *headers[] = {"setting", "value", "origin"};
    table_print        table;

    table_print_init(&table, &s->arena, headers, FIRN_COUNT(headers));
    for (option_id id = 0; id < OPTION_ID_COUNT; id++) {
        const option_info *option = option_get(id);
        if (!is_shown(s, option, with_source)) continue;
        const char *cells[] = {shown_name(s, option), shown_value(s, option), shown_origin(s, &s->values.values[id])};
        if (!cells[0] || !cells[2]) return firn_fail_memory(err, "the settings");
        FIRN_TRY(table_print_add(&table, cells, err));
    }
    return table_print_write(&table, &s->result, err);
}

static firn_status
show_json(session *s, bool with_source, const char *sources, firn_error *err)
{
    jwriter w;

    jwrite_begin(&w, &s->result, true, err);
    jwrite_object(&w);
    jwrite_member_text(&w, "project_root", s->project_root);
    jwrite_member_text(&w, "config_dir", s->config_dir);
    jwrite_member_text(&w, "sources", sources);
    jwrite_key(&w, "settings");
    jwrite_array(&w);
    for (option_id id = 0; id < OPTION_ID_COUNT; id++) {
        const option_info *option = option_get(id);
        if (!is_shown(s, option, with_source)) continue;
        jwrite_object(&w);
        jwrite_member_text(&w, "name", shown_name(s, option));
        jwrite_member_text(&w, "value", shown_value(s, option));
        jwrite_member_text(&w, "origin", shown_origin(s, &s->values.values[id]));
        jwrite_member_bool(&w, "secret", option->kind == OPTION_KIND_SECRET);
        jwrite_object_end(&w);
    }
    jwrite_array_end(&w);
    jwrite_object_end(&w);
    FIRN_TRY(jwrite_end(&w));
    return firn_buffer_add_byte(&s->result, '\n', err);
}

firn_status
cmd_config_show_run(session *s, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer names = {0};
    bool                                    with_source = settings_has(&s->values, OPTION_SOURCE);
    const yaml_node                        *entry = NULL;

    firn_buffer_init(&names, (size_t) 1 << 20);
    if (with_source) {
        FIRN_TRY(session_open_source(s, false, &entry, err));
    } else {
        FIRN_TRY(session_read_config(s, err));
        FIRN_TRY(settings_apply_defaults(&s->values, err));
    }
    const char      *name = settings_text(&s->values, OPTION_CATALOG_NAME);
    const yaml_node *lake = config_file_entry(&s->files[CONFIG_CATALOGS], CONFIG_CATALOGS, name);
    if (lake)
        FIRN_TRY(settings_apply_entry(&s->values, CONFIG_CATALOGS, &s->files[CONFIG_CATALOGS], lake, &s->environment,
                                      false, err));
    FIRN_TRY(config_file_add_names(&s->files[CONFIG_SOURCES], CONFIG_SOURCES, &names, err));
    const char *sources = firn_arena_text(&s->arena, firn_buffer_slice(&names));
    if (!sources) return firn_fail_memory(err, "the settings");
    if (strcmp(settings_text(&s->values, OPTION_FORMAT), "json") == 0) return show_json(s, with_source, sources, err);
    return show_table(s, with_source, err);
}

firn_status
cmd_config_schema_run(session *s, firn_error *err)
{
    const char *name = s->line.operand_count ? s->line.operands[0] : "sources";

    for (config_kind kind = 0; kind < CONFIG_KIND_COUNT; kind++) {
        if (strcmp(config_kind_name(kind), name) == 0) return config_schema_add(kind, &s->result, err);
    }
    return firn_fail(err, FIRN_E_OPTION_VALUE, "there is no schema '%s'; allowed: sources, kafka_clusters or catalogs",
                     name);
}
