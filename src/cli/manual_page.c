#include "cli/manual.h"

#include <stdio.h>
#include <string.h>

#include "cli/config_shape.h"
#include "cli/option_help.h"
#include "cli/version.h"

/* Text in roff: backslashes, hyphens and a leading dot or quote mean something there. */
static firn_status
add_roff(firn_buffer *out, const char *text, firn_error *err)
{
    if (*text == '.' || *text == '\'') FIRN_TRY(firn_buffer_add_text(out, "\\&", err));
    for (; *text; text++) {
        if (*text == '\\') {
            FIRN_TRY(firn_buffer_add_text(out, "\\e", err));
        } else if (*text == '-') {
            FIRN_TRY(firn_buffer_add_text(out, "\\-", err));
        } else if (*text == '\n' && (text[1] == '.' || text[1] == '\'')) {
            FIRN_TRY(firn_buffer_add_text(out, "\n\\&", err));
        } else {
            FIRN_TRY(firn_buffer_add_byte(out, (uint8_t) *text, err));
        }
    }
    return FIRN_OK;
}

static firn_status
add_line(firn_buffer *out, const char *before, const char *text, firn_error *err)
{
    FIRN_TRY(firn_buffer_add_text(out, before, err));
    FIRN_TRY(add_roff(out, text, err));
    return firn_buffer_add_byte(out, '\n', err);
}

static firn_status
add_head(firn_buffer *out, const char *title, const char *section, const char *name, const char *summary,
         firn_error *err)
{
    FIRN_TRY(firn_buffer_printf(out, err, ".TH %s %s \"\" \"firn %s\" \"firn manual\"\n.SH NAME\n", title, section,
                                FIRN_VERSION));
    FIRN_TRY(add_roff(out, name, err));
    FIRN_TRY(firn_buffer_add_text(out, " \\- ", err));
    return add_line(out, "", summary, err);
}

static firn_status
add_option(firn_buffer *out, const option_info *option, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer allowed = {0};
    char                                    placeholder[OPTION_VARIABLE_MAX], variable[OPTION_VARIABLE_MAX];

    firn_buffer_init(&allowed, 4096);
    FIRN_TRY(add_line(out, ".TP\n.B --", option->name, err));
    if (option->kind != OPTION_KIND_FLAG) {
        out->size--; /* the placeholder stands on the same line */
        FIRN_TRY(add_line(out, " ", option_placeholder(option, placeholder), err));
    }
    FIRN_TRY(add_line(out, "", option->help, err));
    if (option->kind != OPTION_KIND_FLAG && option->kind != OPTION_KIND_CHOICE && option->kind != OPTION_KIND_PATTERN) {
        FIRN_TRY(option_add_allowed(option, &allowed, err));
        FIRN_TRY(firn_buffer_add_byte(&allowed, 0, err));
        FIRN_TRY(add_line(out, "Takes ", (const char *) allowed.data, err));
        out->size--;
        FIRN_TRY(firn_buffer_add_text(out, ".\n", err));
    }
    if (option->fallback) FIRN_TRY(firn_buffer_printf(out, err, "Default: %s.\n", option->fallback));
    option_variable(option, variable);
    return firn_buffer_printf(out, err, "Variable: %s%s%s.\n", variable, option->environment ? ", else " : "",
                              option->environment ? option->environment : "");
}

static firn_status
add_options(firn_buffer *out, const command_info *command, bool common, firn_error *err)
{
    for (option_id id = 0; id < OPTION_ID_COUNT; id++) {
        const option_info *option = option_get(id);
        if (option_help_shows(option, command) && (option->commands == COMMAND_SET_ALL) == common)
            FIRN_TRY(add_option(out, option, err));
    }
    return FIRN_OK;
}

static firn_status
add_exit_codes(firn_buffer *out, firn_error *err)
{
    static const struct {
        int         code;
        const char *text;
    } codes[] = {
        {0, "done"},
        {1, "the job ran and found or left something wrong: a table failed, a check found something missing"},
        {64, "usage or configuration"},
        {65, "corrupt data"},
        {66, "not found"},
        {69, "unsupported"},
        {70, "a bug"},
        {71, "out of memory"},
        {74, "I/O"},
        {75, "unavailable: the same command may succeed later"},
        {77, "denied"},
        {130, "cancelled by a signal"},
    };

    FIRN_TRY(firn_buffer_add_text(out, ".SH EXIT STATUS\n", err));
    for (size_t i = 0; i < FIRN_COUNT(codes); i++) {
        FIRN_TRY(firn_buffer_printf(out, err, ".TP\n.B %d\n%s.\n", codes[i].code, codes[i].text));
    }
    return firn_buffer_add_text(out, "Any other code means failure. Retry only after 75.\n", err);
}

static firn_status
add_examples(firn_buffer *out, const command_info *command, firn_error *err)
{
    for (size_t i = 0; i < FIRN_COUNT(command->examples); i++) {
        FIRN_TRY(add_line(out, ".TP\n.B ", command->examples[i], err));
        FIRN_TRY(add_line(out, "", command->examples_text[i], err));
    }
    return FIRN_OK;
}

static firn_status
add_firn(firn_buffer *out, firn_error *err)
{
    FIRN_TRY(add_head(out, "FIRN", "1", "firn", "move PostgreSQL tables into Apache Iceberg", err));
    FIRN_TRY(firn_buffer_add_text(out, ".SH SYNOPSIS\n.B firn\n.I COMMAND\n[options]\n.SH COMMANDS\n", err));
    for (const command_info *command = command_table(); command->name; command++) {
        FIRN_TRY(add_line(out, ".SS ", command->name, err));
        if (*command->arguments) FIRN_TRY(add_line(out, "Arguments: ", command->arguments, err));
        if (*command->arguments) FIRN_TRY(firn_buffer_add_text(out, ".br\n", err));
        FIRN_TRY(add_line(out, "", command->text, err));
        if (command->also) FIRN_TRY(firn_buffer_printf(out, err, "Also: %s.\n", command->also));
        if (command->set == COMMAND_SET_LOAD) {
            FIRN_TRY(firn_buffer_add_text(out, "Its options are in\n.BR firn\\-load (1).\n", err));
        } else {
            FIRN_TRY(add_options(out, command, false, err));
        }
        FIRN_TRY(add_examples(out, command, err));
    }
    FIRN_TRY(firn_buffer_add_text(out, ".SH OPTIONS OF EVERY COMMAND\n", err));
    FIRN_TRY(add_options(out, command_find("load"), true, err));
    FIRN_TRY(
        firn_buffer_add_text(out,
                             ".SH ENVIRONMENT\nEach option \\-\\-some\\-name can be given as FIRN_SOME_NAME, in the "
                             "environment or in the file .env of the project root. The command line wins over the "
                             "environment, that over .env, that over the YAML file, that over the default.\n.TP\n.B "
                             "NO_COLOR\nNo colours, whatever its value.\n.TP\n.B TRACEPARENT\nIts trace id is the "
                             "correlation id where none is given.\n",
                             err));
    FIRN_TRY(add_exit_codes(out, err));
    return firn_buffer_add_text(out, ".SH SEE ALSO\n.BR firn\\-load (1),\n.BR firn.yaml (5),\n.BR firn\\-errors (7)\n",
                                err);
}

static firn_status
add_load(firn_buffer *out, firn_error *err)
{
    const command_info *load = command_find("load");

    FIRN_TRY(add_head(out, "FIRN-LOAD", "1", "firn-load", load->summary, err));
    FIRN_TRY(firn_buffer_add_text(out, ".SH SYNOPSIS\n.B firn load \\-\\-source\n.I NAME\n[options]\n.SH DESCRIPTION\n",
                                  err));
    FIRN_TRY(add_line(out, "", load->text, err));
    FIRN_TRY(firn_buffer_printf(out, err, "Also: firn %s.\n.SH OPTIONS\n", load->also));
    FIRN_TRY(add_options(out, load, false, err));
    FIRN_TRY(add_options(out, load, true, err));
    FIRN_TRY(
        firn_buffer_add_text(out,
                             ".SH SIGNALS\nSIGINT and SIGTERM stop after what cannot be left half done; a second one "
                             "leaves at once. SIGUSR1 prints the progress now.\n.SH FILES\n.TP\n.B "
                             "logs/direct_load.log\nThe log lines of all loads.\n.TP\n.B logs/run\\-ID.json\nWhat a "
                             "run did: arguments, versions, tables, counts, positions; also of a run that failed.\n",
                             err));
    FIRN_TRY(add_exit_codes(out, err));
    FIRN_TRY(firn_buffer_add_text(out, ".SH EXAMPLES\n", err));
    FIRN_TRY(add_examples(out, load, err));
    return firn_buffer_add_text(out, ".SH SEE ALSO\n.BR firn (1),\n.BR firn.yaml (5),\n.BR firn\\-errors (7)\n", err);
}

static firn_status
add_shape(firn_buffer *out, const config_shape *shape, const char *path, firn_error *err)
{
    for (const config_shape *child = shape->first_child; child; child = child->next) {
        const option_info *option = child->option;
        char               name[256], placeholder[OPTION_VARIABLE_MAX];

        snprintf(name, sizeof name, "%s%s%s", path, *path ? "." : "",
                 strcmp(child->key, "*") == 0 ? "NAME" : child->key);
        FIRN_TRY(add_line(out, ".TP\n.B ", name, err));
        if (option->kind != OPTION_KIND_MAP && *option_placeholder(option, placeholder))
            FIRN_TRY(add_line(out, "Value: ", option_placeholder(option, placeholder), err));
        if (option->kind != OPTION_KIND_MAP && *option_placeholder(option, placeholder))
            FIRN_TRY(firn_buffer_add_text(out, ".br\n", err));
        FIRN_TRY(add_line(out, "", option->help, err));
        if (option->fallback) FIRN_TRY(firn_buffer_printf(out, err, "Default: %s.\n", option->fallback));
        if (option->flags & OPTION_REQUIRED) FIRN_TRY(firn_buffer_add_text(out, "Required.\n", err));
        FIRN_TRY(add_shape(out, child, name, err));
    }
    return FIRN_OK;
}

static firn_status
add_yaml(firn_buffer *out, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};

    FIRN_TRY(add_head(out, "FIRN.YAML", "5", "firn.yaml", "configuration files of firn", err));
    FIRN_TRY(firn_buffer_add_text(
        out,
        ".SH DESCRIPTION\nfirn reads sources.yaml, kafka_clusters.yaml and catalogs.yaml from the folder config of the "
        "project root.\nA value may hold references: ${NAME} (environment, else .env), ${file:/path}, ${command:...}; "
        "$${ stands for ${ itself.\nSecrets belong there by reference only. Unknown and duplicate keys are errors.\n",
        err));
    for (config_kind kind = 0; kind < CONFIG_KIND_COUNT; kind++) {
        const config_shape *shape = NULL;
        FIRN_TRY(config_shape_build(kind, &arena, &shape, err));
        FIRN_TRY(firn_buffer_printf(out, err, ".SH %s.yaml\n", config_kind_name(kind)));
        FIRN_TRY(add_shape(out, shape, "", err));
    }
    return firn_buffer_add_text(out, ".SH SEE ALSO\n.BR firn (1)\n", err);
}

static firn_status
add_errors(firn_buffer *out, firn_error *err)
{
    unsigned              count;
    const firn_code_info *codes = firn_code_table(&count);

    FIRN_TRY(add_head(out, "FIRN-ERRORS", "7", "firn-errors", "error codes of firn", err));
    FIRN_TRY(
        firn_buffer_add_text(out,
                             ".SH DESCRIPTION\nEach error of firn has a code. The exit code follows from its kind.\n"
                             ".SH CODES\n",
                             err));
    for (unsigned i = 0; i < count; i++) {
        FIRN_TRY(firn_buffer_printf(out, err, ".TP\n.B FIRN\\-%04u\n", (unsigned) codes[i].code));
        FIRN_TRY(add_line(out, "", codes[i].title, err));
        FIRN_TRY(firn_buffer_printf(out, err, "(%s, exit %d).\n.br\n", firn_status_name(codes[i].status),
                                    firn_status_exit_code(codes[i].status)));
        FIRN_TRY(add_line(out, "", codes[i].remedy, err));
    }
    return firn_buffer_add_text(out, ".SH SEE ALSO\n.BR firn (1)\n", err);
}

firn_status
manual_add_page(const char *page, firn_buffer *out, firn_error *err)
{
    if (strcmp(page, "firn.1") == 0) return add_firn(out, err);
    if (strcmp(page, "firn-load.1") == 0) return add_load(out, err);
    if (strcmp(page, "firn.yaml.5") == 0) return add_yaml(out, err);
    return add_errors(out, err);
}
