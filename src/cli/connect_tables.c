#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/connect.h"

typedef struct table_builder {
    session           *s;
    const config_file *file;
    load_settings     *out;
    load_table_config *tables;
    unsigned           count, capacity;
} table_builder;

static value_policy
policy_of(const char *text)
{
    static const struct {
        const char  *name;
        value_policy policy;
    } names[] = {{"error", POLICY_ERROR},
                 {"null", POLICY_NULL},
                 {"clamp", POLICY_CLAMP},
                 {"round", POLICY_ROUND},
                 {"text", POLICY_TEXT}};

    for (size_t i = 0; i < FIRN_COUNT(names); i++) {
        if (strcmp(names[i].name, text) == 0) return names[i].policy;
    }
    assert(!"a policy that the option table allows is not known here");
    return POLICY_ERROR;
}

static firn_status
set_unbounded_numeric(session *s, table_rules *rules, firn_error *err)
{
    const char *text = settings_text(&s->values, OPTION_UNBOUNDED_NUMERIC);
    unsigned    precision = 0, scale = 0;

    if (strcmp(text, "string") == 0) {
        rules->unbounded_numeric = UNBOUNDED_STRING;
    } else if (strcmp(text, "double") == 0) {
        rules->unbounded_numeric = UNBOUNDED_DOUBLE;
    } else {
        rules->unbounded_numeric = UNBOUNDED_DECIMAL;
        /* The option's pattern has seen to the form and the ranges. */
        if (sscanf(text, "decimal( %u , %u )", &precision, &scale) != 2 || scale > precision)
            return firn_fail(err, FIRN_E_CONFIG_VALUE,
                             "%s: 'unbounded_numeric' cannot be '%s': more decimals than digits",
                             s->values.values[OPTION_UNBOUNDED_NUMERIC].where, text);
        rules->unbounded_precision = precision;
        rules->unbounded_scale = scale;
    }
    return FIRN_OK;
}

static firn_status
set_defaults(table_builder *b, firn_error *err)
{
    session     *s = b->s;
    table_rules *rules = &b->out->defaults.rules;

    rules->policy = policy_of(settings_text(&s->values, OPTION_UNREPRESENTABLE));
    rules->time_as_string = strcmp(settings_text(&s->values, OPTION_TIME_TYPE), "string") == 0;
    rules->config_file = b->file->path;
    rules->source_name = settings_text(&s->values, OPTION_SOURCE);
    b->out->defaults.format_version = 2;
    return set_unbounded_numeric(s, rules, err);
}

/* The table's config, made from the defaults where it is not there yet. There is room: capacity counts both maps. */
static load_table_config *
config_of(table_builder *b, const char *name)
{
    for (unsigned i = 0; i < b->count; i++) {
        if (strcmp(b->tables[i].name, name) == 0) return &b->tables[i];
    }
    assert(b->count < b->capacity);
    load_table_config *table = &b->tables[b->count++];
    *table = b->out->defaults;
    table->name = name;
    return table;
}

static firn_status
add_columns(table_builder *b, load_table_config *table, const yaml_node *node, firn_error *err)
{
    session           *s = b->s;
    const yaml_node   *excluded = yaml_get(node, "exclude_columns"), *types = yaml_get(node, "types");
    const char *const *names = NULL;
    unsigned           excluded_count = 0, type_count = types && types->kind == YAML_MAP ? types->count : 0;

    if (excluded)
        FIRN_TRY(settings_take_list(&s->values, b->file, excluded, &s->environment, &names, &excluded_count, err));
    if (excluded_count + type_count == 0) return FIRN_OK;
    column_rule *rules = firn_arena_array(&s->arena, excluded_count + type_count, sizeof *rules);
    if (!rules) return firn_fail_memory(err, "the columns' rules");
    for (unsigned i = 0; i < excluded_count; i++) {
        rules[i] = (column_rule){.column = names[i], .excluded = true};
    }
    for (unsigned i = 0; i < type_count; i++) {
        const char *policy = NULL;
        FIRN_TRY(settings_take_scalar(&s->values, option_get(OPTION_COLUMN_TYPE), b->file, types->members[i].value,
                                      &s->environment, &policy, err));
        rules[excluded_count + i] =
            (column_rule){.column = types->members[i].key, .has_policy = true, .policy = policy_of(policy)};
    }
    table->rules.columns = rules;
    table->rules.column_count = excluded_count + type_count;
    return FIRN_OK;
}

static firn_status
add_table(table_builder *b, const yaml_member *member, firn_error *err)
{
    session           *s = b->s;
    const yaml_node   *node = member->value;
    const yaml_node   *partition_by = yaml_get(node, "partition_by"), *sort_by = yaml_get(node, "sort_by");
    const yaml_node   *version = yaml_get(node, "format_version");
    load_table_config *table = config_of(b, member->key);
    const char        *text = NULL;

    if (partition_by)
        FIRN_TRY(settings_take_list(&s->values, b->file, partition_by, &s->environment, &table->partition_by,
                                    &table->partition_by_count, err));
    if (sort_by)
        FIRN_TRY(settings_take_list(&s->values, b->file, sort_by, &s->environment, &table->sort_by,
                                    &table->sort_by_count, err));
    if (version) {
        FIRN_TRY(settings_take_scalar(&s->values, option_get(OPTION_FORMAT_VERSION), b->file, version, &s->environment,
                                      &text, err));
        table->format_version = text[0] == '3' ? 3 : 2;
    }
    return add_columns(b, table, node, err);
}

static unsigned
count_of(const yaml_node *map)
{
    return map && map->kind == YAML_MAP ? map->count : 0;
}

static firn_status
add_tables(table_builder *b, const yaml_node *entry, firn_error *err)
{
    session         *s = b->s;
    const yaml_node *tables = yaml_get(entry, "tables"), *keys = yaml_get(entry, "primary_keys");

    b->capacity = count_of(tables) + count_of(keys);
    b->tables = firn_arena_array(&s->arena, b->capacity ? b->capacity : 1, sizeof *b->tables);
    if (!b->tables) return firn_fail_memory(err, "the tables' settings");
    for (unsigned i = 0; i < count_of(tables); i++) {
        FIRN_TRY(add_table(b, &tables->members[i], err));
    }
    for (unsigned i = 0; i < count_of(keys); i++) {
        load_table_config *table = config_of(b, keys->members[i].key);
        FIRN_TRY(settings_take_list(&s->values, b->file, keys->members[i].value, &s->environment, &table->rules.key,
                                    &table->rules.key_count, err));
    }
    b->out->tables = b->tables;
    b->out->table_config_count = b->count;
    return FIRN_OK;
}

firn_status
connect_load_settings(session *s, const yaml_node *entry, load_settings *ret_settings, firn_error *err)
{
    const settings *v = &s->values;
    load_settings   out = {0};
    table_builder   b = {.s = s, .file = &s->files[CONFIG_SOURCES], .out = &out};

    out.source_name = settings_text(v, OPTION_SOURCE);
    out.schema_name = settings_text(v, OPTION_SCHEMA);
    FIRN_TRY(connect_namespace(s, &out.namespace_levels, &out.namespace_level_count, err));
    out.table_filters = v->values[OPTION_TABLE_FILTER].items;
    out.table_filter_count = v->values[OPTION_TABLE_FILTER].item_count;
    out.parallel_workers = (unsigned) settings_number(v, OPTION_PARALLEL_WORKERS);
    out.parallel_tables = (unsigned) settings_number(v, OPTION_PARALLEL_TABLES);
    out.batch_rows = (uint64_t) settings_number(v, OPTION_BATCH_SIZE);
    out.large_table_rows = (uint64_t) settings_number(v, OPTION_LARGE_TABLE_THRESHOLD);
    out.memory_bytes = settings_size(v, OPTION_MEMORY);
    out.retry_max = (unsigned) settings_number(v, OPTION_MAX_RETRIES);
    out.retry_backoff_ms = (uint64_t) settings_number(v, OPTION_RETRY_BACKOFF) * 1000;
    out.skip_empty_tables = settings_flag(v, OPTION_SKIP_EMPTY_TABLES);
    out.resume = settings_flag(v, OPTION_CHECKPOINT_ENABLED) && !settings_flag(v, OPTION_NO_RESUME);
    out.checkpoint_batches = (uint64_t) settings_number(v, OPTION_CHECKPOINT_INTERVAL);
    out.fresh_start = settings_flag(v, OPTION_FRESH_START);
    out.schema_only = settings_flag(v, OPTION_SCHEMA_ONLY);
    out.correlation_id = s->correlation_id;
    out.run_id = s->run_id;
    FIRN_TRY(session_state_folder(s, &out.state_folder, err));
    FIRN_TRY(set_defaults(&b, err));
    FIRN_TRY(add_tables(&b, entry, err));
    *ret_settings = out;
    return FIRN_OK;
}
