#include "cli/completion.h"

#include <string.h>

#include "cli/option_help.h"

/* A shell function that prints the names of the sources. Empty where there is no configuration. */
#define SOURCES_FUNCTION                                                                                               \
    "_firn_sources() {\n    firn config show --format json 2>/dev/null | sed -n 's/^ *\"sources\": "                   \
    "*\"\\(.*\\)\",*$/\\1/p' | tr ',' '\\n'\n}\n"

/* The first words of all commands, each once: "config show" and "config schema" are one. */
static firn_status
add_first_words(firn_buffer *out, bool with_second_names, firn_error *err)
{
    const char *last = "";
    size_t      last_size = 0;

    for (const command_info *command = command_table(); command->name; command++) {
        size_t size = strcspn(command->name, " ");
        if (size == last_size && strncmp(command->name, last, size) == 0) continue;
        FIRN_TRY(firn_buffer_printf(out, err, "%s%.*s", last_size ? " " : "", (int) size, command->name));
        if (with_second_names && command->also) FIRN_TRY(firn_buffer_printf(out, err, " %s", command->also));
        last = command->name;
        last_size = size;
    }
    return FIRN_OK;
}

static firn_status
add_option_names(firn_buffer *out, const command_info *command, firn_error *err)
{
    for (option_id id = 0; id < OPTION_ID_COUNT; id++) {
        if (option_help_shows(option_get(id), command))
            FIRN_TRY(firn_buffer_printf(out, err, "--%s ", option_get(id)->name));
    }
    return firn_buffer_add_text(out, "--help", err);
}

static firn_status
add_choices(firn_buffer *out, const char *choices, firn_error *err)
{
    firn_slice choice;
    bool       first = true;

    for (const char *cursor = choices; option_next_choice(&cursor, &choice); first = false) {
        FIRN_TRY(
            firn_buffer_printf(out, err, "%s%.*s", first ? "" : " ", (int) choice.size, (const char *) choice.data));
    }
    return FIRN_OK;
}

/* The choices of an operand like "bash|zsh|fish" or "[sources|…]"; "" for a free one. */
static firn_status
add_operand_words(firn_buffer *out, const command_info *command, firn_error *err)
{
    const char *text = command->arguments;

    if (command->set == COMMAND_SET_HELP) return add_first_words(out, true, err);
    if (!strchr(text, '|')) return FIRN_OK;
    for (; *text; text++) {
        if (*text == '[' || *text == ']') continue;
        FIRN_TRY(firn_buffer_add_byte(out, *text == '|' ? ' ' : (uint8_t) *text, err));
    }
    return FIRN_OK;
}

/* "    case" arms for bash: what follows an option. */
static firn_status
add_value_cases(firn_buffer *out, firn_error *err)
{
    FIRN_TRY(firn_buffer_add_text(out, "    --source) words=$(_firn_sources) ;;\n", err));
    for (option_id id = 0; id < OPTION_ID_COUNT; id++) {
        const option_info *option = option_get(id);
        if (!option->name || option->kind != OPTION_KIND_CHOICE || (option->flags & OPTION_HIDDEN)) continue;
        FIRN_TRY(firn_buffer_printf(out, err, "    --%s) words='", option->name));
        FIRN_TRY(add_choices(out, option->values, err));
        FIRN_TRY(firn_buffer_add_text(out, "' ;;\n", err));
    }
    return FIRN_OK;
}

static firn_status
add_command_cases(firn_buffer *out, firn_error *err)
{
    for (const command_info *command = command_table(); command->name; command++) {
        FIRN_TRY(firn_buffer_printf(out, err, "    '%s'%s%s%s) words='", command->name, command->also ? "|'" : "",
                                    command->also ? command->also : "", command->also ? "'" : ""));
        FIRN_TRY(add_operand_words(out, command, err));
        FIRN_TRY(firn_buffer_add_byte(out, ' ', err));
        FIRN_TRY(add_option_names(out, command, err));
        FIRN_TRY(firn_buffer_add_text(out, "' ;;\n", err));
    }
    return FIRN_OK;
}

/* Both shells get the word lists from the same function; they differ in how they hand words over. */
static firn_status
add_words_function(firn_buffer *out, firn_error *err)
{
    FIRN_TRY(firn_buffer_add_text(
        out, SOURCES_FUNCTION "_firn_words() { # previous word, command\n    local words=\n    case \"$1\" in\n", err));
    FIRN_TRY(add_value_cases(out, err));
    FIRN_TRY(firn_buffer_add_text(
        out,
        "    --config-dir|--project-root|--output) return 1 ;;\n"
        "    esac\n    [ -n \"$words\" ] && { printf '%s\\n' $words; return 0; }\n    case \"$2\" in\n    '') words='",
        err));
    FIRN_TRY(add_first_words(out, true, err));
    FIRN_TRY(firn_buffer_add_text(out, " --help --version' ;;\n    config) words='show schema' ;;\n", err));
    FIRN_TRY(add_command_cases(out, err));
    return firn_buffer_add_text(out, "    esac\n    printf '%s\\n' $words\n}\n", err);
}

static firn_status
add_bash(firn_buffer *out, firn_error *err)
{
    FIRN_TRY(firn_buffer_add_text(out, "# bash completion for firn: source <(firn completion bash)\n", err));
    FIRN_TRY(add_words_function(out, err));
    return firn_buffer_add_text(out,
                                "_firn() {\n"
                                "    local command= word i\n"
                                "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                                "        word=${COMP_WORDS[i]}\n"
                                "        case $word in -*) continue ;; esac\n"
                                "        case $command in\n"
                                "        '') command=$word ;;\n"
                                "        config) command=\"config $word\"; break ;;\n"
                                "        *) break ;;\n"
                                "        esac\n"
                                "    done\n"
                                "    local words\n"
                                "    words=$(_firn_words \"${COMP_WORDS[COMP_CWORD - 1]}\" \"$command\") || { "
                                "COMPREPLY=(); compopt -o default; return; }\n"
                                "    COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
                                "}\n"
                                "complete -F _firn firn\n",
                                err);
}

static firn_status
add_zsh(firn_buffer *out, firn_error *err)
{
    FIRN_TRY(firn_buffer_add_text(
        out, "#compdef firn\n# zsh completion for firn: firn completion zsh > a folder of $fpath/_firn\n", err));
    FIRN_TRY(add_words_function(out, err));
    return firn_buffer_add_text(
        out,
        "_firn() {\n"
        "    emulate -L zsh -o sh_word_split\n"
        "    local command= word i\n"
        "    for ((i = 2; i < CURRENT; i++)); do\n"
        "        word=${words[i]}\n"
        "        case $word in -*) continue ;; esac\n"
        "        case $command in\n"
        "        '') command=$word ;;\n"
        "        config) command=\"config $word\"; break ;;\n"
        "        *) break ;;\n"
        "        esac\n"
        "    done\n"
        "    local -a found\n"
        "    found=($(_firn_words \"${words[CURRENT-1]}\" \"$command\")) || { _files; return; }\n"
        "    compadd -- $found\n"
        "}\n"
        "if [ \"$funcstack[1]\" = _firn ]; then _firn \"$@\"; else compdef _firn firn; fi\n",
        err);
}

static firn_status
add_fish_option(firn_buffer *out, const option_info *option, const command_info *command, firn_error *err)
{
    FIRN_TRY(firn_buffer_printf(out, err, "complete -c firn -n '__fish_seen_subcommand_from %s",
                                strchr(command->name, ' ') ? strchr(command->name, ' ') + 1 : command->name));
    if (command->also) FIRN_TRY(firn_buffer_printf(out, err, " %s", command->also));
    FIRN_TRY(firn_buffer_printf(out, err, "' -l %s", option->name));
    if (option->kind != OPTION_KIND_FLAG) FIRN_TRY(firn_buffer_add_text(out, " -r", err));
    if (option->kind == OPTION_KIND_CHOICE) {
        FIRN_TRY(firn_buffer_add_text(out, " -f -a '", err));
        FIRN_TRY(add_choices(out, option->values, err));
        FIRN_TRY(firn_buffer_add_byte(out, '\'', err));
    }
    if (option->id == OPTION_SOURCE) FIRN_TRY(firn_buffer_add_text(out, " -f -a '(_firn_sources)'", err));
    return firn_buffer_add_byte(out, '\n', err);
}

static firn_status
add_fish(firn_buffer *out, firn_error *err)
{
    FIRN_TRY(
        firn_buffer_add_text(out,
                             "# fish completion for firn: firn completion fish > ~/.config/fish/completions/firn.fish\n"
                             "function _firn_sources\n"
                             "    firn config show --format json 2>/dev/null | sed -n 's/^ *\"sources\": "
                             "*\"\\(.*\\)\",*$/\\1/p' | tr ',' '\\n'\n"
                             "end\n"
                             "complete -c firn -f\n"
                             "complete -c firn -n '__fish_seen_subcommand_from config' -a 'show schema'\n"
                             "complete -c firn -n __fish_use_subcommand -a '",
                             err));
    FIRN_TRY(add_first_words(out, true, err));
    FIRN_TRY(firn_buffer_add_text(out, "'\n", err));
    for (const command_info *command = command_table(); command->name; command++) {
        if (strchr(command->arguments, '|')) {
            FIRN_TRY(firn_buffer_printf(out, err, "complete -c firn -n '__fish_seen_subcommand_from %s' -a '",
                                        strchr(command->name, ' ') ? strchr(command->name, ' ') + 1 : command->name));
            FIRN_TRY(add_operand_words(out, command, err));
            FIRN_TRY(firn_buffer_add_text(out, "'\n", err));
        }
        for (option_id id = 0; id < OPTION_ID_COUNT; id++) {
            if (option_help_shows(option_get(id), command))
                FIRN_TRY(add_fish_option(out, option_get(id), command, err));
        }
    }
    return FIRN_OK;
}

firn_status
completion_add(const char *shell, firn_buffer *out, firn_error *err)
{
    if (strcmp(shell, "bash") == 0) return add_bash(out, err);
    if (strcmp(shell, "zsh") == 0) return add_zsh(out, err);
    if (strcmp(shell, "fish") == 0) return add_fish(out, err);
    return firn_fail(err, FIRN_E_OPTION_VALUE, "completion cannot be made for '%s'; allowed: bash, zsh or fish", shell);
}
