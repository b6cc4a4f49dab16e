/*
 * How a job that loads or commits tables ends: a table of them, and the last line.
 */
#ifndef FIRN_CLI_LOAD_SUMMARY_H
#define FIRN_CLI_LOAD_SUMMARY_H

#include "cli/session.h"

/* Prints the table and sets the session's last line; with JSON log lines, one summary line. */
FIRN_MUST_USE firn_status load_summary_show(session *s, const load_result *result, firn_error *err);

#endif
