/*
 * Log lines with fields, as text or JSON lines. Library folders log at debug only; load/ emits
 * events and cli/ prints them. Thread-safe; each line is one write.
 */
#ifndef FIRN_BASE_LOG_H
#define FIRN_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attrs.h"
#include "base/error.h"

#include <stddef.h>

typedef enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR } log_level;
typedef enum log_format { LOG_TEXT, LOG_JSON } log_format;

/* One field; names are fixed: table split rows bytes lsn snapshot_id elapsed_ms … */
typedef struct log_field {
    const char *name;
    const char *text; /* NULL: the number counts */
    int64_t     number;
} log_field;

/* A destination gets each finished line with its newline, not NUL-terminated. Calls do not overlap, also not
 * those of different outputs; an output must not log itself. */
typedef void (*log_output)(void *state, log_level level, const char *line, size_t size);

/* At most 4 outputs; each with its own format and least level. Not thread-safe: at start only. */
void log_add_output(log_format format, log_level level_min, bool color, log_output output, void *state);
void log_reset_outputs(void);
void log_set_correlation_id(const char *id); /* in each line from now; copied, at most 127 bytes */
/* Whether anyone listens at this level. */
bool log_wanted(log_level level);

/* `message` says what happened; `fields` follow. Secrets never. */
void log_line(log_level level, const log_field fields[], unsigned field_count, const char *message, ...)
    FIRN_PRINTF(4, 5);
#define log_debug(...) (log_wanted(LOG_DEBUG) ? log_line(LOG_DEBUG, NULL, 0, __VA_ARGS__) : (void) 0)
#define log_info(...) log_line(LOG_INFO, NULL, 0, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, NULL, 0, __VA_ARGS__)

#endif
