#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/calendar.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/text.h"

enum {
    OUTPUTS_MAX = 4,
    MESSAGE_SIZE_MAX = 4096,
    SCRATCH_SIZE = 5120, /* more, so that a secret is taken out before a text is cut */
    LINE_SIZE_MAX = 32 * 1024,
    CORRELATION_ID_SIZE = 128,
};

typedef struct log_destination {
    log_format format;
    log_level  level_min;
    bool       color;
    log_output output;
    void      *state;
} log_destination;

static log_destination destinations[OUTPUTS_MAX];
static unsigned        destination_count;
static char            correlation_id[CORRELATION_ID_SIZE];
/* Held while a line goes out, so that outputs need no lock of their own and lines keep their order. */
static pthread_mutex_t output_lock = PTHREAD_MUTEX_INITIALIZER;

static const struct {
    const char *name, *color;
} levels[] = {
    [LOG_DEBUG] = {"debug", "\033[2m"},
    [LOG_INFO] = {"info", "\033[32m"},
    [LOG_WARNING] = {"warning", "\033[33m"},
    [LOG_ERROR] = {"error", "\033[31m"},
};

void
log_add_output(log_format format, log_level level_min, bool color, log_output output, void *state)
{
    assert(destination_count < OUTPUTS_MAX);
    destinations[destination_count++] = (log_destination){format, level_min, color, output, state};
}

void
log_reset_outputs(void)
{
    destination_count = 0;
}

void
log_set_correlation_id(const char *id)
{
    size_t size = strnlen(id, CORRELATION_ID_SIZE - 1);

    memcpy(correlation_id, id, size);
    correlation_id[size] = '\0';
}

bool
log_wanted(log_level level)
{
    for (unsigned i = 0; i < destination_count; i++) {
        if (level >= destinations[i].level_min) return true;
    }
    return false;
}

/* Text of a value in a line: control characters escaped, so that a line stays one line. */
static firn_status
add_plain(firn_buffer *line, const char *text, firn_error *err)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char) *text;
        if (c >= 0x20 && c != 0x7F) {
            FIRN_TRY(firn_buffer_add_byte(line, c, err));
        } else if (c == '\n') {
            FIRN_TRY(firn_buffer_add_text(line, "\\n", err));
        } else {
            FIRN_TRY(firn_buffer_printf(line, err, "\\x%02x", c));
        }
    }
    return FIRN_OK;
}

/* RFC 8259, section 7; bytes that are no UTF-8 become U+FFFD. */
static firn_status
add_json(firn_buffer *line, const char *text, firn_error *err)
{
    size_t size = strlen(text);

    FIRN_TRY(firn_buffer_add_byte(line, '"', err));
    for (size_t at = 0, step; at < size; at += step) {
        unsigned char c = (unsigned char) text[at];
        step = 1;
        if (c == '"' || c == '\\') {
            FIRN_TRY(firn_buffer_printf(line, err, "\\%c", c));
        } else if (c < 0x20) {
            FIRN_TRY(firn_buffer_printf(line, err, "\\u%04x", c));
        } else {
            while (step < 4 && at + step < size && ((unsigned char) text[at + step] & 0xC0) == 0x80) {
                step++;
            }
            if (text_is_utf8((const uint8_t *) text + at, step)) {
                FIRN_TRY(firn_buffer_add(line, text + at, step, err));
            } else {
                FIRN_TRY(firn_buffer_add_text(line, "\xEF\xBF\xBD", err));
            }
        }
    }
    return firn_buffer_add_byte(line, '"', err);
}

/* Takes secrets out; a long text is cut then, which its end shows. */
static void
redact_and_cut(char text[SCRATCH_SIZE])
{
    firn_secret_redact(text);
    if (strlen(text) >= MESSAGE_SIZE_MAX) {
        memcpy(text + MESSAGE_SIZE_MAX - 4, "...", 4);
    }
}

static void
copy_redacted(const char *text, char out[SCRATCH_SIZE])
{
    size_t size = strlen(text);

    if (size >= SCRATCH_SIZE) {
        size = SCRATCH_SIZE - 1;
    }
    memcpy(out, text, size);
    out[size] = '\0';
    redact_and_cut(out);
}

FIRN_NOINLINE static firn_status
add_text_line(firn_buffer *line, const char *time, log_level level, bool color, const char *message,
              const log_field fields[], unsigned field_count, firn_error *err)
{
    char value[SCRATCH_SIZE];

    FIRN_TRY(firn_buffer_printf(line, err, "%s %s%-5s%s ", time, color ? levels[level].color : "", levels[level].name,
                                color ? "\033[0m" : ""));
    FIRN_TRY(add_plain(line, message, err));
    for (unsigned i = 0; i < field_count; i++) {
        bool quoted;
        if (!fields[i].text) {
            FIRN_TRY(firn_buffer_printf(line, err, " %s=%lld", fields[i].name, (long long) fields[i].number));
            continue;
        }
        copy_redacted(fields[i].text, value);
        quoted = value[0] == '\0' || strpbrk(value, " =\"\t\n") != NULL;
        FIRN_TRY(firn_buffer_printf(line, err, " %s=%s", fields[i].name, quoted ? "\"" : ""));
        FIRN_TRY(add_plain(line, value, err));
        if (quoted) FIRN_TRY(firn_buffer_add_byte(line, '"', err));
    }
    if (correlation_id[0] == '\0') return FIRN_OK;
    copy_redacted(correlation_id, value);
    FIRN_TRY(firn_buffer_add_text(line, " [", err));
    FIRN_TRY(add_plain(line, value, err));
    return firn_buffer_add_byte(line, ']', err);
}

FIRN_NOINLINE static firn_status
add_json_line(firn_buffer *line, const char *time, log_level level, const char *message, const log_field fields[],
              unsigned field_count, firn_error *err)
{
    char value[SCRATCH_SIZE];

    FIRN_TRY(firn_buffer_printf(line, err, "{\"time\":\"%s\",\"level\":\"%s\",\"message\":", time, levels[level].name));
    FIRN_TRY(add_json(line, message, err));
    if (correlation_id[0] != '\0') {
        copy_redacted(correlation_id, value);
        FIRN_TRY(firn_buffer_add_text(line, ",\"correlation_id\":", err));
        FIRN_TRY(add_json(line, value, err));
    }
    for (unsigned i = 0; i < field_count; i++) {
        FIRN_TRY(firn_buffer_add_byte(line, ',', err));
        FIRN_TRY(add_json(line, fields[i].name, err));
        FIRN_TRY(firn_buffer_add_byte(line, ':', err));
        if (fields[i].text) {
            copy_redacted(fields[i].text, value);
            FIRN_TRY(add_json(line, value, err));
        } else {
            FIRN_TRY(firn_buffer_printf(line, err, "%lld", (long long) fields[i].number));
        }
    }
    return firn_buffer_add_byte(line, '}', err);
}

/* "2026-11-23T08:36:01.123Z": always three digits, so that lines align. */
static void
format_time(char out[CALENDAR_TEXT_MAX])
{
    int64_t now_us = firn_clock_now_us();
    int     ms = (int) (now_us % 1000000 / 1000);
    size_t  size = calendar_format_timestamp(now_us - now_us % 1000000, false, out);

    snprintf(out + size, CALENDAR_TEXT_MAX - size, ".%03dZ", ms < 0 ? 0 : ms);
}

void
log_line(log_level level, const log_field fields[], unsigned field_count, const char *message, ...)
{
    char    text[SCRATCH_SIZE], time[CALENDAR_TEXT_MAX];
    va_list arguments;

    if (!log_wanted(level)) return;
    va_start(arguments, message);
    vsnprintf(text, sizeof text, message, arguments);
    va_end(arguments);
    redact_and_cut(text);
    format_time(time);

    for (unsigned i = 0; i < destination_count; i++) {
        FIRN_AUTO(firn_buffer_done) firn_buffer line = {.size_bytes_max = LINE_SIZE_MAX};
        const log_destination                  *to = &destinations[i];
        firn_error                              err = {0};
        firn_status                             status;

        if (level < to->level_min) continue;
        status = to->format == LOG_JSON ? add_json_line(&line, time, level, text, fields, field_count, &err)
                                        : add_text_line(&line, time, level, to->color, text, fields, field_count, &err);
        if (status == FIRN_OK) {
            status = firn_buffer_add_byte(&line, '\n', &err);
        }
        /* A line that is too long or finds no memory is dropped: logging must not fail a job. */
        if (status != FIRN_OK) continue;
        pthread_mutex_lock(&output_lock);
        to->output(to->state, level, (const char *) line.data, line.size);
        pthread_mutex_unlock(&output_lock);
    }
}
