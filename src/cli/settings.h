/*
 * The values of a run, each with its origin: option > FIRN_… variable > .env > YAML > default.
 *
 * Each layer is applied once, strongest first; a weaker one never replaces a value. Every value was checked when
 * it came in, so the getters cannot fail. Texts live in the arena; secrets are owned (settings_done).
 */
#ifndef FIRN_CLI_SETTINGS_H
#define FIRN_CLI_SETTINGS_H

#include "base/secret.h"
#include "cli/config_file.h"
#include "cli/dotenv.h"
#include "cli/option.h"

typedef enum setting_origin {
    ORIGIN_NONE,
    ORIGIN_DEFAULT,
    ORIGIN_YAML,
    ORIGIN_DOTENV,
    ORIGIN_ENVIRONMENT,
    ORIGIN_OPTION
} setting_origin;

typedef struct setting {
    setting_origin     origin; /* ORIGIN_NONE: not set */
    const char        *where;  /* "--memory", "FIRN_MEMORY", ".env FIRN_MEMORY", "config/sources.yaml:12", "default" */
    const char        *text;   /* "***" for a secret */
    const char        *reference; /* "${NAME}" as it stands in the YAML, or NULL */
    firn_secret       *secret;    /* of a SECRET that was expanded */
    const char *const *items;     /* LIST */
    unsigned           item_count;
} setting;

typedef struct settings {
    firn_arena *arena; /* borrowed */
    setting     values[OPTION_ID_COUNT];
} settings;

void settings_init(settings *s, firn_arena *arena);
void settings_done(settings *s);

/* One value of the strongest layer not yet set; a LIST collects. */
FIRN_MUST_USE firn_status settings_set_option(settings *s, const option_info *option, const char *text,
                                              firn_error *err);
/* FIRN_… and second variables of the options that `commands` take. */
FIRN_MUST_USE firn_status settings_apply_environment(settings *s, unsigned commands, const dotenv *env,
                                                     firn_error *err);
/* The rows below one entry of a file ("sources", then a name), where the path has no further name of the user's.
 * With `reveal`, secrets are expanded; else they stay "***". */
FIRN_MUST_USE firn_status settings_apply_entry(settings *s, config_kind kind, const config_file *file,
                                               const yaml_node *entry, const dotenv *env, bool reveal, firn_error *err);
/* Expands a secret of an entry that was applied without; one that is not there is fine. */
FIRN_MUST_USE firn_status settings_reveal(settings *s, option_id id, const config_file *file, const yaml_node *entry,
                                          const dotenv *env, firn_error *err);
FIRN_MUST_USE firn_status settings_apply_defaults(settings *s, firn_error *err);

/* Expands and checks one YAML scalar of `option`; for rows below a name of the user's. */
FIRN_MUST_USE firn_status settings_take_scalar(settings *s, const option_info *option, const config_file *file,
                                               const yaml_node *node, const dotenv *env, const char **ret_text,
                                               firn_error *err);
/* The same for a list. */
FIRN_MUST_USE firn_status settings_take_list(settings *s, const config_file *file, const yaml_node *node,
                                             const dotenv *env, const char *const **ret_items, unsigned *ret_count,
                                             firn_error *err);

bool        settings_has(const settings *s, option_id id);
const char *settings_text(const settings *s, option_id id); /* NULL: not set */
bool        settings_flag(const settings *s, option_id id);
int64_t     settings_number(const settings *s, option_id id);
uint64_t    settings_size(const settings *s, option_id id);
uint64_t    settings_duration_ms(const settings *s, option_id id);

#endif
