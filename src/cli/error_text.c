#include "cli/error_text.h"

#include <stdio.h>

#include "codec/json_writer.h"

bool
error_text_retryable(firn_status status)
{
    return status == FIRN_UNAVAILABLE || status == FIRN_CONFLICT || status == FIRN_UNKNOWN;
}

/* Text from outside may hold control characters, which a terminal would obey. */
static firn_status
add_clean(firn_buffer *out, const char *text, firn_error *err)
{
    for (const unsigned char *p = (const unsigned char *) text; *p; p++) {
        if (*p < 0x20 || *p == 0x7f) {
            FIRN_TRY(firn_buffer_add_byte(out, ' ', err));
        } else {
            FIRN_TRY(firn_buffer_add_byte(out, *p, err));
        }
    }
    return FIRN_OK;
}

static firn_status
add_part(firn_buffer *out, const char *before, const char *text, firn_error *err)
{
    FIRN_TRY(firn_buffer_add_text(out, before, err));
    FIRN_TRY(add_clean(out, text, err));
    return firn_buffer_add_byte(out, '\n', err);
}

static const char *
state_text(const firn_error *error)
{
    if (error->state[0]) return error->state;
    return error->status == FIRN_USAGE ? "nothing was done" : "nothing was committed";
}

/* What is nearest to the cause, else what holds for every error of this code. */
static const char *
hint_text(const firn_error *error)
{
    const firn_code_info *info = error->hint[0] ? NULL : firn_code_find((unsigned) error->code);

    return error->hint[0] ? error->hint : info ? info->remedy : NULL;
}

firn_status
error_text_add(const firn_error *error, int exit_code, bool color, firn_buffer *out, firn_error *err)
{
    FIRN_TRY(firn_buffer_add_text(out, color ? "\033[31mfirn:\033[0m " : "firn: ", err));
    FIRN_TRY(add_clean(out, error->cause, err));
    FIRN_TRY(firn_buffer_printf(out, err, " [FIRN-%04u]\n", (unsigned) error->code));
    for (unsigned i = 0; i < error->frame_count; i++) {
        FIRN_TRY(add_part(out, "  while ", error->frame[i], err));
    }
    if (hint_text(error)) FIRN_TRY(add_part(out, "  hint: ", hint_text(error), err));
    FIRN_TRY(add_part(out, "  state: ", state_text(error), err));
    if (error->retried)
        return firn_buffer_printf(out, err, "  retried, gave up (%s), exit %d\n", firn_status_name(error->status),
                                  exit_code);
    return firn_buffer_printf(out, err, "  not retried (%s), exit %d\n", firn_status_name(error->status), exit_code);
}

firn_status
error_text_add_exit(const firn_error *error, int exit_code, const char *correlation_id, firn_buffer *out,
                    firn_error *err)
{
    jwriter w;
    char    code[16];

    jwrite_begin(&w, out, false, err);
    jwrite_object(&w);
    jwrite_member_text(&w, "type", "exit");
    jwrite_member_i64(&w, "code", exit_code);
    if (correlation_id) jwrite_member_text(&w, "correlation_id", correlation_id);
    if (error && error->status != FIRN_OK) {
        snprintf(code, sizeof code, "FIRN-%04u", (unsigned) error->code % 10000);
        jwrite_member_text(&w, "error", code);
        jwrite_member_text(&w, "status", firn_status_name(error->status));
        jwrite_member_text(&w, "message", error->cause);
        jwrite_key(&w, "while");
        jwrite_array(&w);
        for (unsigned i = 0; i < error->frame_count; i++) {
            jwrite_text(&w, error->frame[i]);
        }
        jwrite_array_end(&w);
        jwrite_member_text(&w, "hint", hint_text(error));
        jwrite_member_text(&w, "state", state_text(error));
        jwrite_member_bool(&w, "retried", error->retried);
        jwrite_member_bool(&w, "retryable", error_text_retryable(error->status));
    }
    jwrite_object_end(&w);
    FIRN_TRY(jwrite_end(&w));
    return firn_buffer_add_byte(out, '\n', err);
}
