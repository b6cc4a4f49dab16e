#include "cli/config_schema.h"

#include <string.h>

#include "base/text.h"
#include "codec/json_writer.h"

/* A value that holds a reference is a text, whatever it becomes. */
#define REFERENCE_PATTERN "(^|[^$])\\$\\{"

static void
write_kinds(jwriter *w, const char *const kinds[], size_t count)
{
    jwrite_key(w, "type");
    jwrite_array(w);
    for (size_t i = 0; i < count; i++) {
        jwrite_text(w, kinds[i]);
    }
    jwrite_array_end(w);
}

static void
write_scalars(jwriter *w)
{
    static const char *const kinds[] = {"string", "number", "boolean"};

    write_kinds(w, kinds, FIRN_COUNT(kinds));
    jwrite_member_i64(w, "minLength", 1);
}

/* {"anyOf": [<the value>, <a reference>]}; the caller writes the value between. */
static void
begin_or_reference(jwriter *w)
{
    jwrite_key(w, "anyOf");
    jwrite_array(w);
    jwrite_object(w);
}

static void
end_or_reference(jwriter *w)
{
    jwrite_object_end(w);
    jwrite_object(w);
    jwrite_member_text(w, "type", "string");
    jwrite_member_text(w, "pattern", REFERENCE_PATTERN);
    jwrite_object_end(w);
    jwrite_array_end(w);
}

static void
write_choices(jwriter *w, const option_info *option)
{
    firn_slice choice;

    jwrite_key(w, "enum");
    jwrite_array(w);
    for (const char *cursor = option->values; option_next_choice(&cursor, &choice);) {
        jwrite_text_slice(w, choice);
        if (firn_slice_equal(choice, firn_slice_text("null"))) jwrite_null(w); /* what a plain null is in YAML */
    }
    jwrite_array_end(w);
}

static void
write_number(jwriter *w, const option_info *option)
{
    jwrite_member_text(w, "type", "integer");
    jwrite_member_i64(w, "minimum", option->minimum);
    jwrite_member_i64(w, "maximum", option->maximum);
}

static void
write_size(jwriter *w, const option_info *option)
{
    static const char *const kinds[] = {"string", "integer"};

    write_kinds(w, kinds, FIRN_COUNT(kinds));
    jwrite_member_text(w, "pattern", "^[0-9]+([KMGT](i?B)?|B)?$");
    jwrite_member_i64(w, "minimum", option->minimum);
    jwrite_member_i64(w, "maximum", option->maximum);
}

static void
write_default(jwriter *w, const option_info *option)
{
    int64_t number;
    bool    truth;

    if (!option->fallback) return;
    jwrite_key(w, "default");
    if (option->kind == OPTION_KIND_NUMBER && text_parse_i64(firn_slice_text(option->fallback), &number)) {
        jwrite_i64(w, number);
    } else if ((option->kind == OPTION_KIND_FLAG || option->kind == OPTION_KIND_BOOL) &&
               text_parse_bool(firn_slice_text(option->fallback), &truth)) {
        jwrite_bool(w, truth);
    } else {
        jwrite_text(w, option->fallback);
    }
}

static void write_shape(jwriter *w, const config_shape *shape);

static void
write_map(jwriter *w, const config_shape *shape)
{
    static const char *const kinds[] = {"object", "null"};
    const config_shape      *any =
        shape->first_child && strcmp(shape->first_child->key, "*") == 0 ? shape->first_child : NULL;
    bool required = false;

    if (shape->option && config_shape_may_be_empty(shape)) {
        write_kinds(w, kinds, FIRN_COUNT(kinds));
    } else {
        jwrite_member_text(w, "type", "object");
    }
    jwrite_key(w, "additionalProperties");
    if (any) {
        write_shape(w, any);
        jwrite_key(w, "propertyNames");
        jwrite_object(w);
        jwrite_member_i64(w, "minLength", 1);
        jwrite_object_end(w);
        return;
    }
    jwrite_bool(w, false);
    jwrite_key(w, "properties");
    jwrite_object(w);
    for (const config_shape *child = shape->first_child; child; child = child->next) {
        required = required || (child->option->flags & OPTION_REQUIRED);
        jwrite_key(w, child->key);
        write_shape(w, child);
    }
    jwrite_object_end(w);
    if (!required) return;
    jwrite_key(w, "required");
    jwrite_array(w);
    for (const config_shape *child = shape->first_child; child; child = child->next) {
        if (child->option->flags & OPTION_REQUIRED) jwrite_text(w, child->key);
    }
    jwrite_array_end(w);
}

static void
write_list(jwriter *w)
{
    jwrite_member_text(w, "type", "array");
    jwrite_key(w, "items");
    jwrite_object(w);
    write_scalars(w);
    jwrite_object_end(w);
}

static void
write_value(jwriter *w, const config_shape *shape)
{
    const option_info *option = shape->option;

    switch (option->kind) {
    case OPTION_KIND_MAP:
        write_map(w, shape);
        return;
    case OPTION_KIND_LIST:
        write_list(w);
        return;
    case OPTION_KIND_TEXT:
    case OPTION_KIND_SECRET:
        write_scalars(w);
        return;
    case OPTION_KIND_FLAG:
    case OPTION_KIND_BOOL:
        begin_or_reference(w);
        jwrite_member_text(w, "type", "boolean");
        break;
    case OPTION_KIND_NUMBER:
        begin_or_reference(w);
        write_number(w, option);
        break;
    case OPTION_KIND_SIZE:
        begin_or_reference(w);
        write_size(w, option);
        break;
    case OPTION_KIND_DURATION:
        begin_or_reference(w);
        jwrite_member_text(w, "type", "string");
        jwrite_member_text(w, "pattern", "^[0-9]+([mM]?[sS]|[mMhHdD])$");
        break;
    case OPTION_KIND_CHOICE:
        begin_or_reference(w);
        write_choices(w, option);
        break;
    case OPTION_KIND_PATTERN:
        begin_or_reference(w);
        jwrite_member_text(w, "type", "string");
        jwrite_member_text(w, "pattern", option_pattern(option));
        break;
    }
    end_or_reference(w);
}

static void
write_shape(jwriter *w, const config_shape *shape)
{
    jwrite_object(w);
    jwrite_member_text(w, "description", shape->option->help);
    write_default(w, shape->option);
    write_value(w, shape);
    jwrite_object_end(w);
}

firn_status
config_schema_add(config_kind kind, firn_buffer *out, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    const config_shape                   *shape = NULL;
    jwriter                               w;

    FIRN_TRY(config_shape_build(kind, &arena, &shape, err));
    jwrite_begin(&w, out, true, err);
    jwrite_object(&w);
    jwrite_member_text(&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    jwrite_key(&w, "title");
    jwrite_text(&w, kind == CONFIG_SOURCES          ? "firn: sources.yaml"
                    : kind == CONFIG_KAFKA_CLUSTERS ? "firn: kafka_clusters.yaml"
                                                    : "firn: catalogs.yaml");
    write_map(&w, shape);
    jwrite_object_end(&w);
    FIRN_TRY(jwrite_end(&w));
    return firn_buffer_add_byte(out, '\n', err);
}
