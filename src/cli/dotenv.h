/*
 * The environment as firn sees it: the process's own, and behind it the .env file of the project.
 *
 * Grammar of .env, a line each: NAME=value, `export` before it allowed, # comments. 'single quotes' are literal;
 * in "double quotes" \n \t \" \\ \$ are escapes; unquoted values end at " #". No expansion.
 * Errors name the line, never the value.
 */
#ifndef FIRN_CLI_DOTENV_H
#define FIRN_CLI_DOTENV_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/map.h"

typedef struct dotenv {
    const char *path;  /* NULL: no file was there */
    bool        loose; /* others than the owner can read it */
    firn_map   *values;
} dotenv;

/* Reads `path` where it exists; a missing file is an empty one. Texts live in the arena. */
FIRN_MUST_USE firn_status dotenv_read(const char *path, firn_arena *arena, dotenv *ret_env, firn_error *err);
FIRN_MUST_USE firn_status dotenv_parse(firn_slice text, const char *name, firn_arena *arena, dotenv *ret_env,
                                       firn_error *err);
void                      dotenv_done(dotenv *env);

/* The process's variable, else that of .env, else NULL. ret_from_file may be NULL. */
const char *dotenv_get(const dotenv *env, const char *name, bool *ret_from_file);

#endif
