/*
 * References in configuration values:
 *
 *   ${NAME}          the environment variable, else .env
 *   ${file:/path}    the file's text without its last newline
 *   ${command:…}     what /bin/sh -c prints, without its last newline
 *   $${              a literal ${
 *
 * Limits: 64 KiB a value; a command gets no input and its errors go to our stderr.
 * Errors: CONFIG_VARIABLE with file, line and the reference; never a value.
 */
#ifndef FIRN_CLI_CONFIG_EXPAND_H
#define FIRN_CLI_CONFIG_EXPAND_H

#include "cli/dotenv.h"

/* Whether the text holds a reference (well-formed or not). */
bool config_has_reference(const char *text);
/* Whether the text is one whole reference and nothing else: a secret must be. */
bool config_is_reference(const char *text);

/* `where` is "config/sources.yaml:12". The result lives in the arena. */
FIRN_MUST_USE firn_status config_expand(const char *text, const char *where, const dotenv *env, firn_arena *arena,
                                        const char **ret_text, firn_error *err);

#endif
