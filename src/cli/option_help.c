#include "cli/option_help.h"

#include <stdio.h>
#include <string.h>

#define WIDTH 100
#define HELP_COLUMN 34

bool
option_help_shows(const option_info *option, const command_info *command)
{
    return option->name && !(option->flags & OPTION_HIDDEN) && (option->commands & (unsigned) command->set);
}

firn_status
option_help_wrap(const char *text, unsigned indent, unsigned width, firn_buffer *out, firn_error *err)
{
    unsigned column = indent;
    bool     line_started = false;

    while (*text) {
        size_t   size = strcspn(text, " ");
        unsigned columns = 0;
        for (size_t i = 0; i < size; i++) {
            columns += ((unsigned char) text[i] & 0xc0) != 0x80;
        }
        if (line_started && column + 1 + columns > width) {
            FIRN_TRY(firn_buffer_printf(out, err, "\n%*s", (int) indent, ""));
            column = indent;
        } else if (line_started) {
            FIRN_TRY(firn_buffer_add_byte(out, ' ', err));
            column++;
        }
        FIRN_TRY(firn_buffer_add(out, text, size, err));
        column += columns;
        line_started = true;
        text += size;
        while (*text == ' ') {
            text++;
        }
    }
    return firn_buffer_add_byte(out, '\n', err);
}

static firn_status
add_option(const option_info *option, bool full, firn_buffer *out, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    char                                    placeholder[OPTION_VARIABLE_MAX], head[128];
    const char                             *value = option_placeholder(option, placeholder);

    firn_buffer_init(&text, FIRN_ERROR_TEXT_MAX * 4);
    snprintf(head, sizeof head, "--%s%s%s", option->name, option->kind != OPTION_KIND_FLAG && *value ? " " : "",
             option->kind != OPTION_KIND_FLAG ? value : "");
    if (strlen(head) + 4 > HELP_COLUMN) {
        FIRN_TRY(firn_buffer_printf(out, err, "  %s\n%*s", head, HELP_COLUMN, ""));
    } else {
        FIRN_TRY(firn_buffer_printf(out, err, "  %-*s", HELP_COLUMN - 2, head));
    }
    /* The short help has the first sentence only. */
    const char *sentence_end = full ? NULL : strstr(option->help, ". ");
    size_t      size = sentence_end ? (size_t) (sentence_end - option->help) + 1 : strlen(option->help);
    FIRN_TRY(firn_buffer_add(&text, option->help, size, err));
    if (option->fallback && option->kind != OPTION_KIND_FLAG)
        FIRN_TRY(firn_buffer_printf(&text, err, " [%s]", option->fallback));
    if (full && (option->kind == OPTION_KIND_NUMBER || option->kind == OPTION_KIND_SIZE ||
                 option->kind == OPTION_KIND_DURATION)) {
        FIRN_TRY(firn_buffer_add_text(&text, " Takes ", err));
        FIRN_TRY(option_add_allowed(option, &text, err));
        FIRN_TRY(firn_buffer_add_byte(&text, '.', err));
    }
    if (full && option->yaml) FIRN_TRY(firn_buffer_printf(&text, err, " YAML: %s.", strrchr(option->yaml, '/') + 1));
    FIRN_TRY(firn_buffer_add_byte(&text, 0, err));
    return option_help_wrap((const char *) text.data, HELP_COLUMN, WIDTH, out, err);
}

/* Options that every command has say little about this one: they come last, and only in the full help. */
static firn_status
add_options(const command_info *command, bool full, firn_buffer *out, firn_error *err)
{
    FIRN_TRY(firn_buffer_add_text(out, "\nOptions:\n", err));
    for (int common = 0; common <= (full ? 1 : 0); common++) {
        if (common) FIRN_TRY(firn_buffer_add_text(out, "\nOptions of every command:\n", err));
        for (option_id id = 0; id < OPTION_ID_COUNT; id++) {
            const option_info *option = option_get(id);
            bool               everywhere = option->commands == COMMAND_SET_ALL;
            bool               wanted = full || !(option->flags & OPTION_RARE);
            if (option_help_shows(option, command) && wanted && everywhere == (common == 1))
                FIRN_TRY(add_option(option, full, out, err));
        }
    }
    return firn_buffer_printf(out, err, "  %-*s%s\n", HELP_COLUMN - 2, full ? "-h, --help" : "--help",
                              full ? "The short and the full help." : "All options, and those of every command.");
}

static firn_status
add_command(const command_info *command, bool full, firn_buffer *out, firn_error *err)
{
    FIRN_TRY(firn_buffer_printf(out, err, "Usage: firn %s%s%s%s [options]\n\n", command->name,
                                command->needs_source ? " --source NAME" : "", *command->arguments ? " " : "",
                                command->arguments));
    FIRN_TRY(option_help_wrap(full ? command->text : command->summary, 0, WIDTH, out, err));
    if (full && command->also)
        FIRN_TRY(firn_buffer_printf(out, err, "\n'firn %s' is the same command.\n", command->also));
    FIRN_TRY(add_options(command, full, out, err));
    FIRN_TRY(firn_buffer_add_text(out, "\nExamples:\n", err));
    for (size_t i = 0; i < FIRN_COUNT(command->examples); i++) {
        FIRN_TRY(firn_buffer_printf(out, err, "  %s\n      %s\n", command->examples[i], command->examples_text[i]));
    }
    if (!full) return FIRN_OK;
    FIRN_TRY(firn_buffer_add_text(out, "\n", err));
    return option_help_wrap(
        "Each option --some-name can also be given as the variable FIRN_SOME_NAME, in the environment or "
        "in .env. The command line wins over the environment, that over .env, that over the YAML file.",
        0, WIDTH, out, err);
}

static firn_status
add_all(bool full, firn_buffer *out, firn_error *err)
{
    FIRN_TRY(firn_buffer_add_text(out,
                                  "Usage: firn COMMAND [options]\n\n"
                                  "firn moves PostgreSQL tables into Apache Iceberg.\n\nCommands:\n",
                                  err));
    for (const command_info *command = command_table(); command->name; command++) {
        FIRN_TRY(firn_buffer_printf(out, err, "  %-16s%s", command->name, command->summary));
        FIRN_TRY(firn_buffer_printf(out, err, full && command->also ? " (also: %s)\n" : "\n", command->also));
    }
    FIRN_TRY(firn_buffer_add_text(out,
                                  "\nExamples:\n"
                                  "  firn init\n      configuration templates to start from\n"
                                  "  firn load --source shop\n      all tables of the source 'shop'\n\n"
                                  "'firn help COMMAND' explains a command with its options.\n",
                                  err));
    if (!full) return FIRN_OK;
    return firn_buffer_add_text(
        out,
        "\nExit codes: 0 done; 1 something failed or was found wrong; 64 usage or configuration;\n"
        "65 corrupt data; 66 not found; 69 unsupported; 70 a bug; 71, 74 memory or I/O;\n"
        "75 unavailable, try again; 77 denied; 130 cancelled by a signal. Any other: failure.\n"
        "'firn explain FIRN-nnnn' explains an error.\n",
        err);
}

firn_status
option_help_add(const command_info *command, bool full, firn_buffer *out, firn_error *err)
{
    return command ? add_command(command, full, out, err) : add_all(full, out, err);
}
