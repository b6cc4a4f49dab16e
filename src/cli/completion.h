/*
 * Completion scripts for bash, zsh and fish, from the command and option tables. The names of sources come from the
 * configuration when the user completes: the scripts ask `firn config show`.
 */
#ifndef FIRN_CLI_COMPLETION_H
#define FIRN_CLI_COMPLETION_H

#include "cli/command.h"

/* `shell`: bash, zsh or fish; FIRN_USAGE for another. */
FIRN_MUST_USE firn_status completion_add(const char *shell, firn_buffer *out, firn_error *err);

#endif
