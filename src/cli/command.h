/*
 * The command tree as data, and reading a command line by it.
 */
#ifndef FIRN_CLI_COMMAND_H
#define FIRN_CLI_COMMAND_H

#include "cli/settings.h"

typedef struct session session;

typedef struct command_info {
    const char *name;      /* "load", "config show" */
    const char *also;      /* the contract's second name, or NULL */
    command_set set;       /* its bit in the option table */
    const char *arguments; /* "[DIR]"; "" */
    unsigned    operand_min, operand_max;
    const char *summary; /* one line, no full stop */
    const char *text;    /* what it does, some sentences */
    const char *examples[2];
    const char *examples_text[2]; /* what each does */
    bool        needs_source;     /* --source must be given */
    firn_status (*run)(session *s, firn_error *err);
} command_info;

/* All that people call, in the order of the help; ends with a NULL name. */
const command_info *command_table(void);
/* By name or second name, or one that only firn itself calls; words of two-word commands are separated by one space. NULL: not known. */
const command_info *command_find(const char *name);

typedef struct command_line {
    const command_info *command;    /* NULL: none was given */
    const char         *invoked;    /* the name as typed: the command's, or its second one */
    bool                help;       /* --help */
    bool                help_short; /* -h */
    bool                version;    /* --version */
    unsigned            operand_count;
    const char *const  *operands;
} command_line;

/* Reads argv into the settings (ORIGIN_OPTION) and ret_line, which borrow its texts. ret_line is filled as far
 * as it came also on failure. */
FIRN_MUST_USE firn_status command_line_parse(int argc, char *const argv[], settings *values, command_line *ret_line,
                                             firn_error *err);

/* Each command's own file defines its run function. */
FIRN_MUST_USE firn_status cmd_init_run(session *s, firn_error *err);
FIRN_MUST_USE firn_status cmd_check_run(session *s, firn_error *err);
FIRN_MUST_USE firn_status cmd_load_run(session *s, firn_error *err);
FIRN_MUST_USE firn_status cmd_hold_snapshot_run(session *s, firn_error *err);
FIRN_MUST_USE firn_status cmd_follow_run(session *s, firn_error *err);
FIRN_MUST_USE firn_status cmd_plan_run(session *s, firn_error *err);
FIRN_MUST_USE firn_status cmd_load_split_run(session *s, firn_error *err);
FIRN_MUST_USE firn_status cmd_commit_run(session *s, firn_error *err);
FIRN_MUST_USE firn_status cmd_maintain_run(session *s, firn_error *err);
FIRN_MUST_USE firn_status cmd_validate_run(session *s, firn_error *err);
FIRN_MUST_USE firn_status cmd_status_run(session *s, firn_error *err);
FIRN_MUST_USE firn_status cmd_schema_changes_run(session *s, firn_error *err);
FIRN_MUST_USE firn_status cmd_scan_run(session *s, firn_error *err);
FIRN_MUST_USE firn_status cmd_connector_run(session *s, firn_error *err);
FIRN_MUST_USE firn_status cmd_config_show_run(session *s, firn_error *err);
FIRN_MUST_USE firn_status cmd_state_show_run(session *s, firn_error *err);
FIRN_MUST_USE firn_status cmd_state_set_run(session *s, firn_error *err);
FIRN_MUST_USE firn_status cmd_config_schema_run(session *s, firn_error *err);
FIRN_MUST_USE firn_status cmd_explain_run(session *s, firn_error *err);
FIRN_MUST_USE firn_status cmd_completion_run(session *s, firn_error *err);
FIRN_MUST_USE firn_status cmd_help_run(session *s, firn_error *err);
FIRN_MUST_USE firn_status cmd_version_run(session *s, firn_error *err);

#endif
