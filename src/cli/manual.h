/*
 * Man pages in roff and the generated documents, from the command, option and error tables.
 */
#ifndef FIRN_CLI_MANUAL_H
#define FIRN_CLI_MANUAL_H

#include "cli/command.h"

/* `page`: firn.1, firn-load.1, firn.yaml.5 or firn-errors.7. */
FIRN_MUST_USE firn_status manual_add_page(const char *page, firn_buffer *out, firn_error *err);
/* docs/OPTIONS.md and docs/ERRORS.md. */
FIRN_MUST_USE firn_status manual_add_options(firn_buffer *out, firn_error *err);
FIRN_MUST_USE firn_status manual_add_errors(firn_buffer *out, firn_error *err);

#endif
