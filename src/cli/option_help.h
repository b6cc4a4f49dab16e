/*
 * Help on a terminal, from the command and option tables.
 */
#ifndef FIRN_CLI_OPTION_HELP_H
#define FIRN_CLI_OPTION_HELP_H

#include "cli/command.h"

/* Of one command, or of firn (NULL). Short: one screen with two examples; full: everything. */
FIRN_MUST_USE firn_status option_help_add(const command_info *command, bool full, firn_buffer *out, firn_error *err);
/* Whether the command takes it and the help may show it. */
bool                      option_help_shows(const option_info *option, const command_info *command);
/* Adds text in lines of at most `width` columns, each after `indent` spaces. Starts at column `indent`. */
FIRN_MUST_USE firn_status option_help_wrap(const char *text, unsigned indent, unsigned width, firn_buffer *out,
                                           firn_error *err);

#endif
