#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "cli/option_help.h"
#include "cli/session.h"
#include "cli/table_print.h"
#include "codec/json_writer.h"

#define WIDTH 100

/* "FIRN-2101", "firn-2101" or "2101". */
static const firn_code_info *
find_code(const char *text)
{
    uint64_t number;

    if (strncasecmp(text, "FIRN-", 5) == 0) text += 5;
    if (!text_parse_u64(firn_slice_text(text), &number) || number > 9999) return NULL;
    return firn_code_find((unsigned) number);
}

static void
write_code(jwriter *w, const firn_code_info *info)
{
    char code[16];

    snprintf(code, sizeof code, "FIRN-%04u", (unsigned) info->code % 10000);
    jwrite_object(w);
    jwrite_member_text(w, "code", code);
    jwrite_member_text(w, "title", info->title);
    jwrite_member_text(w, "remedy", info->remedy);
    jwrite_member_text(w, "status", firn_status_name(info->status));
    jwrite_member_i64(w, "exit_code", firn_status_exit_code(info->status));
    jwrite_object_end(w);
}

static firn_status
explain_one(session *s, const firn_code_info *info, firn_error *err)
{
    FIRN_TRY(firn_buffer_printf(&s->result, err, "FIRN-%04u: %s\n\n", (unsigned) info->code, info->title));
    FIRN_TRY(option_help_wrap(info->remedy, 0, WIDTH, &s->result, err));
    return firn_buffer_printf(&s->result, err, "\nkind: %s, exit code %d\n", firn_status_name(info->status),
                              firn_status_exit_code(info->status));
}

static firn_status
explain_all(session *s, firn_error *err)
{
    static const char    *headers[] = {"code", "exit", "what it means"};
    unsigned              count;
    const firn_code_info *codes = firn_code_table(&count);
    table_print           table;

    table_print_init(&table, &s->arena, headers, FIRN_COUNT(headers));
    table.right[1] = true;
    for (unsigned i = 0; i < count; i++) {
        const char *cells[] = {
            firn_arena_printf(&s->arena, "FIRN-%04u", (unsigned) codes[i].code),
            firn_arena_printf(&s->arena, "%d", firn_status_exit_code(codes[i].status)),
            codes[i].title,
        };
        if (!cells[0] || !cells[1]) return firn_fail_memory(err, "the error codes");
        FIRN_TRY(table_print_add(&table, cells, err));
    }
    return table_print_write(&table, &s->result, err);
}

static firn_status
explain_json(session *s, const firn_code_info *info, firn_error *err)
{
    unsigned              count;
    const firn_code_info *codes = firn_code_table(&count);
    jwriter               w;

    jwrite_begin(&w, &s->result, true, err);
    if (info) {
        write_code(&w, info);
    } else {
        jwrite_array(&w);
        for (unsigned i = 0; i < count; i++) {
            write_code(&w, &codes[i]);
        }
        jwrite_array_end(&w);
    }
    FIRN_TRY(jwrite_end(&w));
    return firn_buffer_add_byte(&s->result, '\n', err);
}

firn_status
cmd_explain_run(session *s, firn_error *err)
{
    const firn_code_info *info = NULL;
    const char           *format = settings_text(&s->values, OPTION_FORMAT);

    if (s->line.operand_count) {
        info = find_code(s->line.operands[0]);
        if (!info) {
            (void) firn_fail(err, FIRN_E_OPTION_VALUE, "there is no error code '%s'", s->line.operands[0]);
            firn_hint(err, "`firn explain` lists all codes");
            return err->status;
        }
    }
    if (format && strcmp(format, "json") == 0) return explain_json(s, info, err);
    return info ? explain_one(s, info, err) : explain_all(s, err);
}
