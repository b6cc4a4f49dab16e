#include "cli/option.h"

#include <ctype.h>
#include <regex.h>
#include <string.h>

#include "base/text.h"

#define CHOICES_MAX 16

#define INIT COMMAND_SET_INIT
#define CHECK COMMAND_SET_CHECK
#define LOAD COMMAND_SET_LOAD
#define CONNECTOR COMMAND_SET_CONNECTOR
#define PLAN COMMAND_SET_PLAN
#define LOAD_SPLIT COMMAND_SET_LOAD_SPLIT
#define COMMIT COMMAND_SET_COMMIT
#define MAINTAIN COMMAND_SET_MAINTAIN
#define SCHEMA_CHANGES COMMAND_SET_SCHEMA_CHANGES
#define FOLLOW COMMAND_SET_FOLLOW
#define VALIDATE COMMAND_SET_VALIDATE
#define STATE_SET COMMAND_SET_STATE_SET
#define HELP COMMAND_SET_HELP
#define SCAN COMMAND_SET_SCAN
#define ALL COMMAND_SET_ALL
#define CONFIG_READERS COMMAND_SET_CONFIG_READERS
#define TABLE_PRINTERS COMMAND_SET_TABLE_PRINTERS
#define TABLE_CHOOSERS COMMAND_SET_TABLE_CHOOSERS

static const option_info option_table[OPTION_ID_COUNT] = {
#define OPTION(id, name, yaml, environment, kind, fallback, minimum, maximum, values, flags, commands, help)           \
    [OPTION_##id] = {OPTION_##id, name,    yaml,   environment, OPTION_KIND_##kind, fallback,                          \
                     minimum,     maximum, values, flags,       commands,           help},
#include "cli/option_table.def"
#undef OPTION
};

const option_info *
option_get(option_id id)
{
    assert(id < OPTION_ID_COUNT);
    return &option_table[id];
}

const option_info *
option_find(const char *name, unsigned commands)
{
    for (size_t i = 0; i < OPTION_ID_COUNT; i++) {
        const option_info *option = &option_table[i];
        if (option->name && (option->commands & commands) && strcmp(option->name, name) == 0) return option;
    }
    return NULL;
}

const char *
option_nearest(const char *name, unsigned commands)
{
    const char *candidates[OPTION_ID_COUNT];
    size_t      count = 0;

    for (size_t i = 0; i < OPTION_ID_COUNT; i++) {
        const option_info *option = &option_table[i];
        if (option->name && (option->commands & commands) && !(option->flags & OPTION_HIDDEN))
            candidates[count++] = option->name;
    }
    return text_nearest(name, candidates, count);
}

void
option_variable(const option_info *option, char out[OPTION_VARIABLE_MAX])
{
    static const char prefix[] = "FIRN_";
    size_t            at = sizeof prefix - 1;

    memcpy(out, prefix, at);
    for (const char *p = option->name; *p && at + 1 < OPTION_VARIABLE_MAX; p++) {
        out[at++] = *p == '-' ? '_' : (char) toupper((unsigned char) *p);
    }
    out[at] = '\0';
}

const option_info *
option_of_variable(const char *variable)
{
    for (size_t i = 0; i < OPTION_ID_COUNT; i++) {
        char name[OPTION_VARIABLE_MAX];
        if (!option_table[i].name) continue;
        option_variable(&option_table[i], name);
        if (strcmp(name, variable) == 0) return &option_table[i];
    }
    return NULL;
}

bool
option_next_choice(const char **cursor, firn_slice *ret_choice)
{
    if (!*cursor || !**cursor) return false;
    const char *end = strchr(*cursor, '|');
    size_t      size = end ? (size_t) (end - *cursor) : strlen(*cursor);

    *ret_choice = firn_slice_of(*cursor, size);
    *cursor += size + (end ? 1 : 0);
    return true;
}

const char *
option_placeholder(const option_info *option, char out[OPTION_VARIABLE_MAX])
{
    if (option->kind == OPTION_KIND_FLAG || !option->values)
        return option->kind == OPTION_KIND_BOOL ? "true|false" : "";
    if (option->kind != OPTION_KIND_PATTERN) return option->values;
    size_t size = strcspn(option->values, " ");

    assert(size < OPTION_VARIABLE_MAX);
    memcpy(out, option->values, size);
    out[size] = '\0';
    return out;
}

const char *
option_pattern(const option_info *option)
{
    const char *space = option->values ? strchr(option->values, ' ') : NULL;

    assert(option->kind == OPTION_KIND_PATTERN && space);
    return space + 1;
}

static firn_status
add_bytes(firn_buffer *out, int64_t bytes, firn_error *err)
{
    static const char units[] = " KMGT";
    unsigned          unit = 0;

    while (bytes >= 1024 && bytes % 1024 == 0 && unit < 4) {
        bytes /= 1024;
        unit++;
    }
    FIRN_TRY(firn_buffer_printf(out, err, "%lld", (long long) bytes));
    return unit ? firn_buffer_add_byte(out, (uint8_t) units[unit], err) : FIRN_OK;
}

firn_status
option_add_allowed(const option_info *option, firn_buffer *out, firn_error *err)
{
    char       low[32], high[32], name[OPTION_VARIABLE_MAX];
    firn_slice choice;

    switch (option->kind) {
    case OPTION_KIND_FLAG:
    case OPTION_KIND_BOOL:
        return firn_buffer_add_text(out, "true or false", err);
    case OPTION_KIND_NUMBER:
        return firn_buffer_printf(out, err, "a whole number from %lld to %lld", (long long) option->minimum,
                                  (long long) option->maximum);
    case OPTION_KIND_SIZE:
        FIRN_TRY(firn_buffer_add_text(out, "bytes with a unit, such as 512M or 2G, from ", err));
        FIRN_TRY(add_bytes(out, option->minimum, err));
        FIRN_TRY(firn_buffer_add_text(out, " to ", err));
        return add_bytes(out, option->maximum, err);
    case OPTION_KIND_DURATION:
        text_format_duration((uint64_t) option->minimum, low);
        text_format_duration((uint64_t) option->maximum, high);
        return firn_buffer_printf(out, err, "a time with its unit, such as 500ms, 10s, 5m or 2h, from %s to %s", low,
                                  high);
    case OPTION_KIND_CHOICE:
        for (const char *cursor = option->values, *first = cursor; option_next_choice(&cursor, &choice);) {
            const char *between = (const char *) choice.data == first ? "" : *cursor ? ", " : " or ";
            FIRN_TRY(firn_buffer_printf(out, err, "%s%.*s", between, (int) choice.size, (const char *) choice.data));
        }
        return FIRN_OK;
    case OPTION_KIND_PATTERN:
        return firn_buffer_printf(out, err, "%s, of the form %s", option_placeholder(option, name),
                                  option_pattern(option));
    case OPTION_KIND_LIST:
        return firn_buffer_add_text(out, "a list of texts", err);
    case OPTION_KIND_MAP:
        return firn_buffer_add_text(out, "a map of keys", err);
    case OPTION_KIND_TEXT:
    case OPTION_KIND_SECRET:
        break;
    }
    return firn_buffer_add_text(out, "a text that is not empty", err);
}

static bool
pattern_matches(const char *pattern, const char *text)
{
    regex_t compiled;

    if (regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB) != 0) return false;
    int result = regexec(&compiled, text, 0, NULL, 0);
    regfree(&compiled);
    return result == 0;
}

static bool
is_value(const option_info *option, const char *text)
{
    firn_slice slice = firn_slice_text(text), choice;
    int64_t    number;
    uint64_t   amount;
    bool       truth;

    switch (option->kind) {
    case OPTION_KIND_FLAG:
    case OPTION_KIND_BOOL:
        return text_parse_bool(slice, &truth);
    case OPTION_KIND_NUMBER:
        return text_parse_i64(slice, &number) && number >= option->minimum && number <= option->maximum;
    case OPTION_KIND_SIZE:
        return text_parse_size(slice, &amount) && amount >= (uint64_t) option->minimum &&
               amount <= (uint64_t) option->maximum;
    case OPTION_KIND_DURATION:
        return text_parse_duration(slice, &amount) && amount >= (uint64_t) option->minimum &&
               amount <= (uint64_t) option->maximum;
    case OPTION_KIND_CHOICE:
        for (const char *cursor = option->values; option_next_choice(&cursor, &choice);) {
            if (firn_slice_equal(choice, slice)) return true;
        }
        return false;
    case OPTION_KIND_PATTERN:
        return pattern_matches(option_pattern(option), text);
    case OPTION_KIND_TEXT:
    case OPTION_KIND_SECRET:
    case OPTION_KIND_LIST:
        return *text != '\0';
    case OPTION_KIND_MAP:
        break;
    }
    return false;
}

/* The choice nearest to `text`, copied to `out`; NULL: none is near. */
static const char *
nearest_choice(const option_info *option, const char *text, char out[CHOICES_MAX][32])
{
    const char *candidates[CHOICES_MAX];
    size_t      count = 0;
    firn_slice  choice;

    if (option->kind != OPTION_KIND_CHOICE) return NULL;
    for (const char *cursor = option->values; option_next_choice(&cursor, &choice) && count < CHOICES_MAX;) {
        if (choice.size >= sizeof out[0]) continue;
        memcpy(out[count], choice.data, choice.size);
        out[count][choice.size] = '\0';
        candidates[count] = out[count];
        count++;
    }
    return text_nearest(text, candidates, count);
}

firn_status
option_check(const option_info *option, const char *text, const char *subject, firn_code code, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer allowed = {0};
    char                                    choices[CHOICES_MAX][32];

    if (is_value(option, text)) return FIRN_OK;
    firn_buffer_init(&allowed, FIRN_ERROR_TEXT_MAX);
    FIRN_TRY(option_add_allowed(option, &allowed, err));
    FIRN_TRY(firn_buffer_add_byte(&allowed, 0, err));
    const char *shown = option->kind == OPTION_KIND_SECRET ? "***" : text;
    const char *nearest = nearest_choice(option, text, choices);
    if (nearest)
        return firn_fail(err, code, "%s cannot be '%s'; did you mean '%s'? allowed: %s", subject, shown, nearest,
                         (const char *) allowed.data);
    return firn_fail(err, code, "%s cannot be '%s'; allowed: %s", subject, shown, (const char *) allowed.data);
}
