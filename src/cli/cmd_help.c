#include <string.h>

#include "cli/completion.h"
#include "cli/manual.h"
#include "cli/option_help.h"
#include "cli/session.h"

firn_status
cmd_help_run(session *s, firn_error *err)
{
    const char         *page = settings_text(&s->values, OPTION_MAN);
    const char         *document = settings_text(&s->values, OPTION_MARKDOWN);
    const command_info *command = NULL;
    const char         *name = NULL;

    if (page) return manual_add_page(page, &s->result, err);
    if (document && strcmp(document, "options") == 0) return manual_add_options(&s->result, err);
    if (document) return manual_add_errors(&s->result, err);
    if (s->line.operand_count == 1) name = s->line.operands[0];
    if (s->line.operand_count == 2)
        name = firn_arena_printf(&s->arena, "%s %s", s->line.operands[0], s->line.operands[1]);
    if (name) {
        command = command_find(name);
        if (!command) {
            (void) firn_fail(err, FIRN_E_OPTION_UNKNOWN, "there is no command '%s'", name);
            firn_hint(err, "`firn help` lists the commands");
            return err->status;
        }
    }
    return option_help_add(command, true, &s->result, err);
}

firn_status
cmd_completion_run(session *s, firn_error *err)
{
    return completion_add(s->line.operands[0], &s->result, err);
}
