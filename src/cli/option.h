/*
 * The option table: what settings there are, and whether a text is a value of one.
 *
 * The rows are in option_table.def. A setting's value is kept as text and was checked when it was taken over
 * (option_check), so the typed getters of settings.h cannot fail.
 */
#ifndef FIRN_CLI_OPTION_H
#define FIRN_CLI_OPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

/* Which commands take an option: a set of these. */
typedef enum command_set {
    COMMAND_SET_0 = 0,
    COMMAND_SET_INIT = 1 << 0,
    COMMAND_SET_CHECK = 1 << 1,
    COMMAND_SET_LOAD = 1 << 2,
    COMMAND_SET_STATUS = 1 << 3,
    COMMAND_SET_CONNECTOR = 1 << 4,
    COMMAND_SET_CONFIG_SHOW = 1 << 5,
    COMMAND_SET_CONFIG_SCHEMA = 1 << 6,
    COMMAND_SET_EXPLAIN = 1 << 7,
    COMMAND_SET_COMPLETION = 1 << 8,
    COMMAND_SET_HELP = 1 << 9,
    COMMAND_SET_VERSION = 1 << 10,
    COMMAND_SET_PLAN = 1 << 11,
    COMMAND_SET_LOAD_SPLIT = 1 << 12,
    COMMAND_SET_COMMIT = 1 << 13,
    COMMAND_SET_MAINTAIN = 1 << 14,
    COMMAND_SET_SCHEMA_CHANGES = 1 << 15,
    COMMAND_SET_SCAN = 1 << 16,
    COMMAND_SET_FOLLOW = 1 << 17,
    COMMAND_SET_VALIDATE = 1 << 18,
    COMMAND_SET_STATE_SHOW = 1 << 19,
    COMMAND_SET_STATE_SET = 1 << 20,
    COMMAND_SET_ALL = (1 << 21) - 1,
    COMMAND_SET_CONFIG_READERS = COMMAND_SET_CHECK | COMMAND_SET_LOAD | COMMAND_SET_STATUS | COMMAND_SET_CONNECTOR |
                                 COMMAND_SET_CONFIG_SHOW | COMMAND_SET_PLAN | COMMAND_SET_LOAD_SPLIT |
                                 COMMAND_SET_COMMIT | COMMAND_SET_MAINTAIN | COMMAND_SET_SCHEMA_CHANGES |
                                 COMMAND_SET_FOLLOW | COMMAND_SET_VALIDATE | COMMAND_SET_STATE_SHOW |
                                 COMMAND_SET_STATE_SET,
    COMMAND_SET_TABLE_PRINTERS = COMMAND_SET_INIT | COMMAND_SET_CHECK | COMMAND_SET_LOAD | COMMAND_SET_STATUS |
                                 COMMAND_SET_CONFIG_SHOW | COMMAND_SET_EXPLAIN | COMMAND_SET_VERSION |
                                 COMMAND_SET_MAINTAIN | COMMAND_SET_SCHEMA_CHANGES | COMMAND_SET_VALIDATE | COMMAND_SET_STATE_SHOW |
                                 COMMAND_SET_CONNECTOR,
    COMMAND_SET_TABLE_CHOOSERS =
        COMMAND_SET_CHECK | COMMAND_SET_LOAD | COMMAND_SET_STATUS | COMMAND_SET_CONNECTOR | COMMAND_SET_PLAN |
        COMMAND_SET_MAINTAIN | COMMAND_SET_SCHEMA_CHANGES | COMMAND_SET_VALIDATE,
} command_set;

typedef enum option_id {
#define OPTION(id, ...) OPTION_##id,
#include "cli/option_table.def"
#undef OPTION
    OPTION_ID_COUNT
} option_id;

typedef enum option_kind {
    OPTION_KIND_FLAG,     /* on the command line without a value; true or false elsewhere */
    OPTION_KIND_BOOL,     /* true or false everywhere */
    OPTION_KIND_NUMBER,   /* whole, minimum..maximum */
    OPTION_KIND_SIZE,     /* bytes with unit, minimum..maximum */
    OPTION_KIND_DURATION, /* milliseconds, units required */
    OPTION_KIND_CHOICE,
    OPTION_KIND_PATTERN,
    OPTION_KIND_TEXT,
    OPTION_KIND_SECRET, /* text that is never shown */
    OPTION_KIND_LIST,   /* of texts; repeatable on the command line */
    OPTION_KIND_MAP,    /* YAML only */
} option_kind;

typedef enum option_flag {
    OPTION_PLAIN = 0,
    OPTION_REQUIRED = 1, /* in its YAML map */
    OPTION_HIDDEN = 2,   /* in no help */
    OPTION_RARE = 4,     /* not in the short help */
} option_flag;

typedef struct option_info {
    option_id   id;
    const char *name;        /* NULL: YAML only */
    const char *yaml;        /* NULL: not in YAML */
    const char *environment; /* a second variable, or NULL */
    option_kind kind;
    const char *fallback; /* the default's text, or NULL */
    int64_t     minimum, maximum;
    const char *values; /* see option_table.def */
    unsigned    flags;
    unsigned    commands; /* command_set */
    const char *help;
} option_info;

#define OPTION_VARIABLE_MAX 64

const option_info *option_get(option_id id);
/* The option of this name that one of `commands` takes, or NULL. */
const option_info *option_find(const char *name, unsigned commands);
/* The nearest name among those that `commands` take, or NULL. */
const char        *option_nearest(const char *name, unsigned commands);
/* FIRN_TABLE_FILTER for "table-filter". */
void               option_variable(const option_info *option, char out[OPTION_VARIABLE_MAX]);
/* The option whose FIRN_… variable this is, or NULL. */
const option_info *option_of_variable(const char *variable);

/* Whether `text` is a value of the option. `subject` is how the user knows the setting, without quotes:
 * "--memory", "FIRN_MEMORY", "config/sources.yaml:12: memory"; `code` OPTION_VALUE or CONFIG_VALUE. */
FIRN_MUST_USE firn_status option_check(const option_info *option, const char *text, const char *subject, firn_code code,
                                       firn_error *err);
/* What is allowed, for messages and help: "a whole number from 1 to 256". */
FIRN_MUST_USE firn_status option_add_allowed(const option_info *option, firn_buffer *out, firn_error *err);
/* The placeholder: "DIR", "text|json", "N". "" for a flag. Valid until the next call of the thread. */
const char               *option_placeholder(const option_info *option, char out[OPTION_VARIABLE_MAX]);
/* The regular expression of a PATTERN. */
const char               *option_pattern(const option_info *option);

/* Walks the |-separated choices: returns false at the end. Start with *cursor = option->values. */
bool option_next_choice(const char **cursor, firn_slice *ret_choice);

#endif
