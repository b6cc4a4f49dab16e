#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define COMMANDS_MAX 32

/* A row is a command, not a line per member. */
/* clang-format off */
static const command_info commands[] = {
    {"init", NULL, COMMAND_SET_INIT, "[DIR]", 0, 1, "write configuration templates to start from",
     "Writes config/sources.yaml.template, config/kafka_clusters.yaml.template and config/catalogs.yaml.template with "
     "every key explained, their JSON Schemas for editors into config/.firn/, .env.template, and a block in .gitignore "
     "that keeps secrets and data out of version control. What exists is left alone, so it can be run again.",
     {"firn init", "firn init ~/lake"},
     {"templates in the working directory", "templates in another folder, which is made where missing"},
     false, cmd_init_run},
    {"check", NULL, COMMAND_SET_CHECK, "", 0, 0, "say what is missing, with the SQL or setting that mends it",
     "Connects to the source and opens the warehouse. Looks at the server's version, TLS, wal_level, free slots and "
     "senders, privileges, keys and replica identity of each table, columns whose values may need a policy (a "
     "sample is read), and writes, reads and deletes a probe object in the warehouse. Nothing is changed in the "
     "source. Exits 0 where a load can run, 1 where something must be mended first.",
     {"firn check --source shop", "firn check --source shop --sql | psql -U postgres shop"},
     {"a line per item, with the remedy", "only the SQL, for the administrator"},
     true, cmd_check_run},
    {"load", "direct_bulk_load", COMMAND_SET_LOAD, "", 0, 0, "bulk-load a source's tables into Iceberg",
     "Reads all tables as of one point in time and makes one Iceberg commit for each. A table that an earlier run has "
     "completed is not read again. Views and foreign tables are left out. The state of each table is kept in the "
     "Iceberg table _cdc_status of the namespace; `firn status` shows it.",
     {"firn load --source shop", "firn load --source shop --table-filter 'order%' --dry-run"},
     {"all tables", "what would be done for some"},
     true, cmd_load_run},
    {"follow", "cdc_kafka_to_iceberg", COMMAND_SET_FOLLOW, "", 0, 0, "keep loaded tables equal to their source",
     "Reads the changes of the source's tables from the replication slot that `firn load` has made, and applies each exactly "
     "once: one Iceberg commit per table and interval, with rows, deletes and position together. Goes on until a signal, "
     "or until it has caught up; killed at any moment and started again, it goes on from the lake's positions. Tables that "
     "cannot be followed any further are stopped, and the others go on.",
     {"firn follow --source shop --load", "firn follow --source shop --until-caught-up"},
     {"loads what is not in the lake yet, then follows until Ctrl-C", "what has happened so far, then end"},
     true, cmd_follow_run},
    {"plan", NULL, COMMAND_SET_PLAN, "", 0, 0, "cut a load into splits, for workers elsewhere",
     "Takes the snapshot, and prints a JSON line for each split of the tables that are not loaded yet, to be given to "
     "`firn load-split` on any machine. Then it stays and holds the snapshot: with --hold FILE until FILE is removed; "
     "else until a signal, or, where stdin or stdout is a pipe, until its other end is closed.",
     {"firn plan --source shop --hold plan.hold > splits.jsonl &",
      "firn plan --source shop | firn load-split | firn commit --source shop"},
     {"splits.jsonl is complete when plan.hold is there", "the three steps in one pipeline"},
     true, cmd_plan_run},
    {"load-split", NULL, COMMAND_SET_LOAD_SPLIT, "", 0, 0, "load splits of a plan into data files",
     "Reads a plan's lines from stdin and prints a JSON line with the data files of each split, one by one. Any number of "
     "processes on any machines may work on a plan, and on the same line: they need the same configuration, and see the "
     "same warehouse and database. No table changes before `firn commit`. A split that cannot be loaded for good is "
     "told as a line, too, and the exit code is 1; what may succeed elsewhere ends the command.",
     {"firn load-split < splits.jsonl > results.jsonl",
      "firn load-split --memory 1G < part-07.jsonl >> results.jsonl"},
     {"all splits, one after another", "some of them, with more memory"},
     false, cmd_load_split_run},
    {"commit", NULL, COMMAND_SET_COMMIT, "", 0, 0, "commit the results of a plan's splits",
     "Reads what `firn load-split` has printed from stdin and makes one Iceberg commit for each table whose splits are all "
     "there. Of a split that was loaded twice the first result counts. Tables with missing splits are left as they are, "
     "and the exit code is 1. Run again with the same results, it changes nothing.",
     {"firn commit --source shop < results.jsonl", "firn commit --source shop --exit-unchanged 99 < results.jsonl"},
     {"every table whose splits are all there", "and say so where nothing was left to commit"},
     true, cmd_commit_run},
    {"status", NULL, COMMAND_SET_STATUS, "", 0, 0, "show each table's state and position",
     "Reads _cdc_status of the source's namespace and what the tables say of themselves: state, position, changes applied and "
     "their rate, the last error. How far followed tables are behind is asked of the database, where it answers; everything "
     "else needs the catalog only.",
     {"firn status --source shop", "firn status --source shop --format json"},
     {"a table", "one JSON document, with the same names as in the lake"},
     true, cmd_status_run},
    {"validate", "validate_iceberg_tables", COMMAND_SET_VALIDATE, "", 0, 0, "compare the source with the lake",
     "Counts the rows of every table on both sides, looks for tables that are missing or extra, for columns of another "
     "type, and for keys that are null or there twice. --deep compares every value and shows the rows that differ; "
     "--repair writes these rows anew. Exit code 1 where something differs. The source is read as of one snapshot: what "
     "it changed since the lake's position is a difference, too.",
     {"firn validate --source shop --deep", "firn validate --source shop --repair --table-filter orders"},
     {"every value of every table", "and write the rows of one table that differ"},
     true, cmd_validate_run},
    {"maintain", NULL, COMMAND_SET_MAINTAIN, "", 0, 0, "keep a source's tables in the lake small and fast",
     "Writes small files and files with many deleted rows anew, puts delete files and small manifests together, expires old snapshots and removes the files that only they held, and removes orphans: "
     "files that nothing refers to. Honours the tables' own history.*, commit.* and write.* properties, branches and "
     "tags. Needs the catalog only, not the database, and may run beside a load and beside other writers of the tables.",
     {"firn maintain --source shop", "firn maintain --source shop --only expire --older-than 7d --dry-run"},
     {"all steps on all tables", "what expiring snapshots would remove"},
     true, cmd_maintain_run},
    {"schema-changes", "query_schema_changes", COMMAND_SET_SCHEMA_CHANGES, "", 0, 0,
     "list the changes of tables' shapes that were met",
     "Reads _schema_changes of the source's namespace: each change of a source table's columns that firn met while "
     "following, when, and what was done about it. Needs the catalog only, not the database. Where none was recorded, the "
     "list is empty, and the exit code is 0.",
     {"firn schema-changes --source shop", "firn schema-changes --source shop --since 7d --kind drop_column --format json"},
     {"all, oldest first", "dropped columns of the last week, as one JSON document"},
     true, cmd_schema_changes_run},
    {"scan", NULL, COMMAND_SET_SCAN, "NAMESPACE.TABLE", 1, 1, "print a table's rows",
     "Reads an Iceberg table of the catalog, whoever wrote it: format versions 1 to 3, changed schemas and partitions, "
     "deleted rows of all kinds. Levels of the namespace are separated by dots; a name that has dots itself may stand in "
     "double quotes. Conditions are pushed down to partitions, files, row groups and pages. Values are exact: decimals "
     "with all their digits, times in ISO 8601, binary as hexadecimal digits. In CSV a null is empty and an empty text "
     "is \"\". Needs the catalog only, no source.",
     {"firn scan bronze.shop.orders --limit 10", "firn scan bronze.shop.orders --where \"id >= 10 AND note IS NULL\" --format csv"},
     {"the first rows", "some rows, as CSV"},
     false, cmd_scan_run},
    {"connector", NULL, COMMAND_SET_CONNECTOR, "", 0, 0, "write or register the configuration of the Debezium connector",
     "Writes the JSON that Kafka Connect takes for Debezium's PostgreSQL connector. It names the slot and the "
     "publication of firn, takes no snapshot of its own, and holds the password as a reference, never in clear. With "
     "--register it is put to Kafka Connect: settings that firn writes are set (back), all others of an existing connector stay; "
     "Connect checks them first; then firn waits until the connector runs and reads the slot. docs/KAFKA.md has the whole chain.",
     {"firn connector --source shop", "firn connector --source shop --register http://localhost:8083"},
     {"into the config folder", "to Kafka Connect"},
     true, cmd_connector_run},
    {"state show", NULL, COMMAND_SET_STATE_SHOW, "TABLE", 1, 1, "show where a followed table stands",
     "Prints the properties in the lake by which a table is followed: its position, the one that all tables have reached, the load "
     "it goes back to, and why it was stopped, if it was. Needs the catalog only.",
     {"firn state show orders --source shop", "firn state show orders --source shop --format json"},
     {"a table", "one JSON document, with the properties' names"},
     true, cmd_state_show_run},
    {"state set", NULL, COMMAND_SET_STATE_SET, "TABLE POSITION", 2, 2, "set a followed table's position by hand",
     "Sets a table's position back (or on), for repairs: changes behind it are applied again, changes before it are not applied any more. "
     "A window that was applied before as it comes again is recognised by the hash in its snapshot and not applied twice. The "
     "source must still have the changes: a slot that was read further does not go back. Needs --yes.",
     {"firn state set orders 3F/9A01C2D8 --source shop --yes", "firn state show orders --source shop"},
     {"apply again what came behind that position", "where it stands"},
     true, cmd_state_set_run},
    {"config show", NULL, COMMAND_SET_CONFIG_SHOW, "", 0, 0, "show every setting and where it came from",
     "Prints each setting with its value and origin: command line, environment, .env, file and line, or default. "
     "Secrets are shown as ***. Without --source only what holds for all sources is shown.",
     {"firn config show --source shop", "firn config show --format json"},
     {"a table", "one JSON document"},
     false, cmd_config_show_run},
    {"config schema", NULL, COMMAND_SET_CONFIG_SCHEMA, "[sources|kafka_clusters|catalogs]", 0, 1,
     "print the JSON Schema of a configuration file",
     "Prints the JSON Schema (2020-12) of sources.yaml, or of the file named. Editors complete and check by it; `firn "
     "init` sets that up.",
     {"firn config schema", "firn config schema catalogs"},
     {"of sources.yaml", "of catalogs.yaml"},
     false, cmd_config_schema_run},
    {"explain", NULL, COMMAND_SET_EXPLAIN, "[FIRN-nnnn]", 0, 1, "explain an error code",
     "Prints what an error code means, what to do, and the exit code that goes with it. Without a code, lists all.",
     {"firn explain FIRN-2101", "firn explain"},
     {"one code", "all of them"},
     false, cmd_explain_run},
    {"completion", NULL, COMMAND_SET_COMPLETION, "bash|zsh|fish", 1, 1, "print a shell's completion script",
     "Prints a script that completes commands, options and their values in the shell named.",
     {"source <(firn completion bash)", "firn completion fish > ~/.config/fish/completions/firn.fish"},
     {"for this shell", "for all of fish"},
     false, cmd_completion_run},
    {"help", NULL, COMMAND_SET_HELP, "[COMMAND]", 0, 2, "explain firn or a command",
     "Prints the same as COMMAND --help.",
     {"firn help", "firn help load"},
     {"all commands", "one command with its options"},
     false, cmd_help_run},
    {"version", NULL, COMMAND_SET_VERSION, "", 0, 0, "print the version of firn and of its libraries",
     "Prints the version of firn and of the libraries that it uses.",
     {"firn version", "firn version --format json"},
     {"a table", "one JSON document"},
     false, cmd_version_run},
    {0},
};
/* clang-format on */

const command_info *
command_table(void)
{
    return commands;
}

/* Started by `firn load` itself; takes the options that say where things are. In no help. */
static const command_info hold_snapshot = {.name = "hold-snapshot",
                                           .set = COMMAND_SET_PLAN,
                                           .arguments = "",
                                           .summary = "hold a snapshot for a load that may die",
                                           .text = "Started by `firn load`.",
                                           .examples = {"", ""},
                                           .examples_text = {"", ""},
                                           .needs_source = true,
                                           .run = cmd_hold_snapshot_run};

const command_info *
command_find(const char *name)
{
    if (strcmp(name, hold_snapshot.name) == 0) return &hold_snapshot;
    for (const command_info *command = commands; command->name; command++) {
        if (strcmp(command->name, name) == 0) return command;
        if (command->also && strcmp(command->also, name) == 0) return command;
    }
    return NULL;
}

static firn_status
fail_command(const char *name, firn_error *err)
{
    const char *candidates[COMMANDS_MAX], *nearest;
    size_t      count = 0;

    for (const command_info *command = commands; command->name; command++) {
        candidates[count++] = command->name;
        if (command->also) candidates[count++] = command->also;
    }
    nearest = text_nearest(name, candidates, count);
    if (nearest)
        (void) firn_fail(err, FIRN_E_OPTION_UNKNOWN, "there is no command '%s'; did you mean '%s'?", name, nearest);
    else
        (void) firn_fail(err, FIRN_E_OPTION_UNKNOWN, "there is no command '%s'", name);
    firn_hint(err, "`firn help` lists the commands");
    return err->status;
}

/* The words of the command line, options taken out. */
typedef struct word_list {
    const char **words;
    unsigned     count;
} word_list;

/* Finds the command in the first word or two; the rest are operands. */
static firn_status
take_command(word_list *words, firn_arena *arena, command_line *line, firn_error *err)
{
    unsigned used = 1;

    if (words->count == 0) return FIRN_OK;
    line->invoked = words->words[0];
    line->command = command_find(words->words[0]);
    if (!line->command && words->count > 1) {
        line->invoked = firn_arena_printf(arena, "%s %s", words->words[0], words->words[1]);
        if (!line->invoked) return firn_fail_memory(err, "the command line");
        line->command = command_find(line->invoked);
        used = 2;
    }
    if (!line->command && strcmp(words->words[0], "config") == 0) {
        (void) firn_fail(err, FIRN_E_OPTION_UNKNOWN, "'config' needs one of: show, schema");
        return err->status;
    }
    if (!line->command) return fail_command(words->words[0], err);
    line->operands = words->words + used;
    line->operand_count = words->count - used;
    return FIRN_OK;
}

static firn_status
fail_option(const command_info *command, const char *name, firn_error *err)
{
    unsigned    set = command ? (unsigned) command->set : (unsigned) COMMAND_SET_ALL;
    const char *nearest = option_nearest(name, set);
    const char *of = command ? command->name : "firn";

    if (option_find(name, COMMAND_SET_ALL) && command)
        (void) firn_fail(err, FIRN_E_OPTION_UNKNOWN, "--%s is not an option of '%s'", name, of);
    else if (nearest)
        (void) firn_fail(err, FIRN_E_OPTION_UNKNOWN, "there is no option --%s; did you mean --%s?", name, nearest);
    else
        (void) firn_fail(err, FIRN_E_OPTION_UNKNOWN, "there is no option --%s", name);
    firn_hint(err, "`firn help%s%s` lists the options", command ? " " : "", command ? command->name : "");
    return err->status;
}

/* --name, --name=value or --name value at argv[*at]. The command may come later on the line, so that options are
 * first looked up among all; check_options refuses those that are not the command's. */
static firn_status
take_option(int argc, char *const argv[], int *at, settings *values, const command_info *command, firn_error *err)
{
    const char        *name = argv[*at] + 2, *equals = strchr(name, '=');
    char               plain[OPTION_VARIABLE_MAX];
    size_t             size = equals ? (size_t) (equals - name) : strlen(name);
    const option_info *option;
    const char        *value;

    snprintf(plain, sizeof plain, "%.*s", (int) (size < sizeof plain ? size : sizeof plain - 1), name);
    option = option_find(plain, command ? (unsigned) command->set : (unsigned) COMMAND_SET_ALL);
    if (!option) return fail_option(command, plain, err);
    if (option->kind == OPTION_KIND_FLAG) {
        value = equals ? equals + 1 : "true";
    } else if (equals) {
        value = equals + 1;
    } else if (*at + 1 < argc) {
        value = argv[++*at];
    } else {
        return firn_fail(err, FIRN_E_OPTION_VALUE, "--%s needs a value", plain);
    }
    return settings_set_option(values, option, value, err);
}

static firn_status
check_options(const settings *values, const command_info *command, firn_error *err)
{
    for (option_id id = 0; id < OPTION_ID_COUNT; id++) {
        const option_info *option = option_get(id);
        if (settings_has(values, id) && !(option->commands & (unsigned) command->set))
            return fail_option(command, option->name, err);
    }
    return FIRN_OK;
}

static firn_status
check_operands(const command_line *line, firn_error *err)
{
    const command_info *command = line->command;

    if (line->operand_count > command->operand_max)
        return firn_fail(err, FIRN_E_OPTION_UNKNOWN, "'%s' takes %s%s, '%s' is too much", command->name,
                         command->operand_max ? "only " : "no argument",
                         command->operand_max ? command->arguments : "", line->operands[command->operand_max]);
    if (line->operand_count < command->operand_min)
        return firn_fail(err, FIRN_E_OPTION_MISSING, "'%s' needs %s", command->name, command->arguments);
    return FIRN_OK;
}

/* The command that the word belongs to, for messages about options that come behind it. */
static const command_info *
command_so_far(const word_list *words)
{
    return words->count ? command_find(words->words[0]) : NULL;
}

firn_status
command_line_parse(int argc, char *const argv[], settings *values, command_line *ret_line, firn_error *err)
{
    word_list words = {firn_arena_array(values->arena, (size_t) argc + 1, sizeof *words.words), 0};
    bool      options_ended = false;

    *ret_line = (command_line){0};
    if (!words.words) return firn_fail_memory(err, "the command line");
    for (int at = 1; at < argc; at++) {
        const char *word = argv[at];
        if (options_ended || word[0] != '-' || !word[1]) {
            words.words[words.count++] = word;
        } else if (strcmp(word, "--") == 0) {
            options_ended = true;
        } else if (strcmp(word, "--help") == 0) {
            ret_line->help = true;
        } else if (strcmp(word, "-h") == 0) {
            ret_line->help_short = true;
        } else if (strcmp(word, "--version") == 0) {
            ret_line->version = true;
        } else if (word[1] != '-') {
            return firn_fail(err, FIRN_E_OPTION_UNKNOWN, "there is no option %s; options have long names only", word);
        } else {
            FIRN_TRY(take_option(argc, argv, &at, values, command_so_far(&words), err));
        }
    }
    FIRN_TRY(take_command(&words, values->arena, ret_line, err));
    if (!ret_line->command || ret_line->help || ret_line->help_short) return FIRN_OK;
    FIRN_TRY(check_options(values, ret_line->command, err));
    return check_operands(ret_line, err);
}
